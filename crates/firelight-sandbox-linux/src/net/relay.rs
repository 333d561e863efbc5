//! The relay of names: asks the host's own resolver for sandboxes that cannot reach it.
//!
//! ```text
//!  sandbox ──question──► relay (in the daemon, at an address of the router) ──► 127.0.0.53, ::1, ... of the host
//! ```
//!
//! Many a host resolves names only by a cache on its loopback, which no sandbox may reach. The relay passes on plain
//! questions (`question`) as they are, and answers as they come, so that nothing new interprets names. Its bounds: so
//! many questions at once in all and from each sandbox, and a time for each. A question beyond them is dropped, as a
//! network drops what it cannot carry, and the client asks again.
//!
//! Deliberately absent: a cache, and any judgement about answers. An answer that names the host's own address leads
//! nowhere, since the filters, not names, decide what is reached.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::services::{NameSockets, PORT_DNS};
use super::{plan, question};

/// Questions, and connections, that are open at once: in all, and of one sandbox.
const MAX_OPEN: usize = 512;
const MAX_OPEN_OF_ONE: usize = 32;
/// How many of the host's servers are asked, and how long each may think.
const MAX_SERVERS: usize = 3;
const THINKING: Duration = Duration::from_secs(3);
/// A connection asks this often at most, and waits this long for its next question.
const MAX_QUESTIONS: usize = 64;
const IDLE: Duration = Duration::from_secs(10);
/// No message of the protocol is longer.
const MAX_MESSAGE: usize = u16::MAX as usize;

/// Relays until it is dropped.
#[derive(Debug)]
pub(crate) struct Relay {
    _tasks: JoinSet<()>,
}

impl Relay {
    /// Starts to answer at these sockets. To be called inside a tokio runtime.
    pub(crate) fn start(sockets: NameSockets) -> io::Result<Self> {
        Self::asking(sockets, Arc::new(servers_of_the_host))
    }

    fn asking(sockets: NameSockets, servers: Servers) -> io::Result<Self> {
        let NameSockets { datagrams, streams } = sockets;
        datagrams.set_nonblocking(true)?;
        streams.set_nonblocking(true)?;
        let (datagrams, streams) = (
            UdpSocket::from_std(datagrams)?,
            TcpListener::from_std(streams)?,
        );
        let open = Arc::new(Open::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(answer_datagrams(
            datagrams,
            Arc::clone(&open),
            Arc::clone(&servers),
        ));
        tasks.spawn(answer_streams(streams, open, servers));
        Ok(Self { _tasks: tasks })
    }
}

/// Whom to ask, looked up for each question: a laptop changes networks.
type Servers = Arc<dyn Fn() -> Vec<SocketAddr> + Send + Sync>;

fn servers_of_the_host() -> Vec<SocketAddr> {
    let text = std::fs::read_to_string(super::RESOLV_CONF).unwrap_or_default();
    let servers = plan::all_servers(&text).into_iter();
    servers
        .map(|server| SocketAddr::new(server, PORT_DNS))
        .collect()
}

/// What is open for each sandbox.
#[derive(Debug, Default)]
struct Open(Mutex<HashMap<IpAddr, usize>>);

/// One of the open ones; it counts until it is dropped.
struct Place {
    open: Arc<Open>,
    of: IpAddr,
}

impl Open {
    fn take(self: &Arc<Self>, of: IpAddr) -> Option<Place> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = open.values().sum();
        let own = open.get(&of).copied().unwrap_or(0);
        if all >= MAX_OPEN || own >= MAX_OPEN_OF_ONE {
            return None;
        }
        open.insert(of, own + 1);
        Some(Place {
            open: Arc::clone(self),
            of,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.open.0.lock().unwrap_or_else(PoisonError::into_inner);
        match open.get_mut(&self.of) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(open.remove(&self.of)),
        }
    }
}

/// Never ends by itself. The tasks of its questions end with it.
async fn answer_datagrams(socket: UdpSocket, open: Arc<Open>, servers: Servers) {
    let socket = Arc::new(socket);
    let mut questions = JoinSet::new();
    let mut buffer = vec![0; MAX_MESSAGE];
    loop {
        while questions.try_join_next().is_some() {}
        // An error is about an earlier answer that found nobody.
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
            continue;
        };
        let message = &buffer[..length];
        if !question::is_plain(message) {
            continue;
        }
        let Some(place) = open.take(from.ip()) else {
            continue;
        };
        let (socket, servers, message) = (Arc::clone(&socket), servers(), message.to_vec());
        questions.spawn(async move {
            let answer = ask_each(&servers, &message, Transport::Datagram).await;
            let _ = socket.send_to(&answer, from).await;
            drop(place);
        });
    }
}

/// Never ends by itself. The tasks of its connections end with it.
async fn answer_streams(listener: TcpListener, open: Arc<Open>, servers: Servers) {
    /// After a failure to accept, which may be for want of descriptors.
    const PAUSE: Duration = Duration::from_millis(100);
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, from)) = listener.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        if let Some(place) = open.take(from.ip()) {
            let servers = Arc::clone(&servers);
            connections.spawn(async move {
                // However it ends, the client sees the end of the connection.
                let _ = answer_stream(stream, &servers).await;
                drop(place);
            });
        }
    }
}

async fn answer_stream(mut stream: TcpStream, servers: &Servers) -> io::Result<()> {
    for _ in 0..MAX_QUESTIONS {
        let message = timeout(IDLE, read_message(&mut stream)).await??;
        if !question::is_plain(&message) {
            break;
        }
        let answer = ask_each(&servers(), &message, Transport::Stream).await;
        timeout(IDLE, write_message(&mut stream, &answer)).await??;
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Transport {
    Datagram,
    Stream,
}

/// Asks one server after the other, in the way that the client chose, until one answers.
async fn ask_each(servers: &[SocketAddr], message: &[u8], transport: Transport) -> Vec<u8> {
    for server in servers.iter().take(MAX_SERVERS) {
        let answer = match transport {
            Transport::Datagram => timeout(THINKING, ask_by_datagram(*server, message)).await,
            Transport::Stream => timeout(THINKING, ask_by_stream(*server, message)).await,
        };
        if let Ok(Ok(answer)) = answer {
            return answer;
        }
    }
    question::failure(message).to_vec()
}

/// Each question has a socket of its own: nobody but the server can answer it, and no answer meets another question.
async fn ask_by_datagram(server: SocketAddr, message: &[u8]) -> io::Result<Vec<u8>> {
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    socket.send(message).await?;
    let mut buffer = vec![0; MAX_MESSAGE];
    loop {
        let length = socket.recv(&mut buffer).await?;
        if question::is_answered_by(message, &buffer[..length]) {
            buffer.truncate(length);
            return Ok(buffer);
        }
    }
}

async fn ask_by_stream(server: SocketAddr, message: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    write_message(&mut stream, message).await?;
    let answer = read_message(&mut stream).await?;
    if question::is_answered_by(message, &answer) {
        Ok(answer)
    } else {
        Err(io::Error::from(io::ErrorKind::InvalidData))
    }
}

/// Over a stream each message comes behind its length.
async fn read_message(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let length = stream.read_u16().await?;
    let mut message = vec![0; length.into()];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

async fn write_message(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(io::Error::other)?;
    let framed = [&length.to_be_bytes(), message].concat();
    stream.write_all(&framed).await
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::question::tests::ask;
    use super::*;

    const LOCAL: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

    /// A resolver that answers every question by sending it back, marked as an answer, and counts them.
    struct Echo {
        address: SocketAddr,
        asked: Arc<Mutex<usize>>,
        _tasks: JoinSet<()>,
    }

    impl Echo {
        async fn start() -> Self {
            let streams = TcpListener::bind(LOCAL).await.unwrap();
            let address = streams.local_addr().unwrap();
            let datagrams = UdpSocket::bind(address).await.unwrap();
            let asked = Arc::new(Mutex::new(0));
            let mut tasks = JoinSet::new();
            let count = Arc::clone(&asked);
            tasks.spawn(async move {
                let mut buffer = [0; 512];
                loop {
                    let (length, from) = datagrams.recv_from(&mut buffer).await.unwrap();
                    *count.lock().unwrap() += 1;
                    buffer[2] |= 0x80;
                    datagrams.send_to(&buffer[..length], from).await.unwrap();
                }
            });
            let count = Arc::clone(&asked);
            tasks.spawn(async move {
                loop {
                    let (mut stream, _) = streams.accept().await.unwrap();
                    let mut message = read_message(&mut stream).await.unwrap();
                    *count.lock().unwrap() += 1;
                    message[2] |= 0x80;
                    write_message(&mut stream, &message).await.unwrap();
                }
            });
            Self {
                address,
                asked,
                _tasks: tasks,
            }
        }
    }

    /// A relay that asks these servers, and its address.
    fn relay(servers: Vec<SocketAddr>) -> (Relay, SocketAddr) {
        let streams = std::net::TcpListener::bind(LOCAL).unwrap();
        let address = streams.local_addr().unwrap();
        let datagrams = std::net::UdpSocket::bind(address).unwrap();
        let sockets = NameSockets { datagrams, streams };
        let relay = Relay::asking(sockets, Arc::new(move || servers.clone())).unwrap();
        (relay, address)
    }

    /// A port of the loopback where nobody is.
    async fn nobody() -> SocketAddr {
        let socket = UdpSocket::bind(LOCAL).await.unwrap();
        socket.local_addr().unwrap()
    }

    async fn ask_relay(relay: SocketAddr, message: &[u8]) -> Vec<u8> {
        ask_by_datagram(relay, message).await.unwrap()
    }

    #[tokio::test]
    async fn a_question_is_answered_by_whom_the_host_asks_in_either_way() {
        let echo = Echo::start().await;
        let (_relay, address) = relay(vec![nobody().await, echo.address]);
        let question = ask("example.com", 1, 1);

        let by_datagram = ask_relay(address, &question).await;
        let by_stream = ask_by_stream(address, &question).await.unwrap();

        assert_eq!(by_datagram[12..], question[12..]);
        assert_eq!(by_stream[12..], question[12..]);
        assert_eq!(*echo.asked.lock().unwrap(), 2);
    }

    #[tokio::test]
    async fn without_an_answer_the_client_is_told_so() {
        let (_relay, address) = relay(vec![nobody().await]);

        let answer = ask_relay(address, &ask("example.com", 1, 1)).await;

        assert_eq!(answer[3] & 0x0f, 2, "server failure");
    }

    #[tokio::test]
    async fn what_is_no_plain_question_is_never_passed_on() {
        let echo = Echo::start().await;
        let (_relay, address) = relay(vec![echo.address]);
        let transfer = ask("example.com", 252, 1);
        let client = UdpSocket::bind(LOCAL).await.unwrap();
        client.send_to(&transfer, address).await.unwrap();
        client.send_to(b"x", address).await.unwrap();

        let by_stream = ask_by_stream(address, &transfer).await;
        // Answered last, so that what came before has been looked at.
        ask_relay(address, &ask("example.com", 1, 1)).await;

        assert!(by_stream.is_err());
        assert_eq!(*echo.asked.lock().unwrap(), 1);
    }

    #[test]
    fn one_sandbox_has_its_share_and_leaves_the_rest_to_others() {
        let open = Arc::new(Open::default());
        let sandbox = |number: u8| IpAddr::from([198, 18, 1, number]);

        let places: Vec<_> = std::iter::repeat_with(|| open.take(sandbox(1)))
            .map_while(|place| place)
            .collect();
        assert_eq!(places.len(), MAX_OPEN_OF_ONE);
        assert!(open.take(sandbox(3)).is_some());
        drop(places);

        assert!(open.take(sandbox(1)).is_some());
        assert!(open.0.lock().unwrap().is_empty());
    }

    #[test]
    fn all_sandboxes_together_have_an_end_too() {
        let open = Arc::new(Open::default());
        let sandboxes = (0..=u8::MAX).flat_map(|number| [IpAddr::from([198, 18, 1, number]); 3]);

        let places: Vec<_> = sandboxes.map_while(|sandbox| open.take(sandbox)).collect();

        assert_eq!(places.len(), MAX_OPEN);
    }
}
