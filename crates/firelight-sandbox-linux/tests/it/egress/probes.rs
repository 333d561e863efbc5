//! What runs inside sandboxes: connecting, listening, lying about the address, asking for names.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::time::Duration;

pub(crate) fn probe(name: &str) -> Option<io::Result<()>> {
    match name {
        "egress-reach" => Some(try_addresses()),
        "egress-listen" => Some(listen()),
        "egress-spoof" => Some(spoof()),
        "egress-name" => Some(resolve()),
        _ => None,
    }
}

fn try_addresses() -> io::Result<()> {
    let patience = std::env::var("PATIENCE_MS").unwrap_or_default().parse();
    let patience = Duration::from_millis(patience.map_err(io::Error::other)?);
    for address in std::env::var("ADDRESSES").unwrap_or_default().split(' ') {
        let target: SocketAddr = address.parse().map_err(io::Error::other)?;
        let mut answer = String::new();
        match TcpStream::connect_timeout(&target, patience) {
            Ok(mut connection) => connection.read_to_string(&mut answer).map(drop)?,
            Err(_) => answer.push_str("blocked"),
        }
        println!("{address} {answer}");
    }
    Ok(())
}

fn listen() -> io::Result<()> {
    let listener = TcpListener::bind("0.0.0.0:8080")?;
    listener.accept().map(drop)
}

fn spoof() -> io::Result<()> {
    let socket = rustix::net::socket(
        rustix::net::AddressFamily::INET,
        rustix::net::SocketType::DGRAM,
        None,
    )?;
    let mut request = [0_u8; 40];
    request[..4].copy_from_slice(b"eth0");
    // A sockaddr_in at offset 16: the family, no port, another sandbox's address.
    request[16] = 2;
    request[20..24].copy_from_slice(&[100, 96, 1, 9]);
    let fd = usize::try_from(std::os::fd::AsRawFd::as_raw_fd(&socket)).map_err(io::Error::other)?;
    const SIOCSIFADDR: usize = 0x8916;
    let arguments = [fd, SIOCSIFADDR, request.as_ptr().addr(), 0, 0, 0];
    crate::hostile::attempt(
        "take-address",
        crate::hostile::call(libc::SYS_ioctl, arguments),
    );
    crate::hostile::attempt(
        "from-other-address",
        std::net::UdpSocket::bind("100.96.1.9:0"),
    );
    Ok(())
}

/// Prints the addresses of a name.
fn resolve() -> io::Result<()> {
    for address in "www.example.com:80".to_socket_addrs()? {
        println!("{address}");
    }
    Ok(())
}
