//! A session under test, and a client that writes exactly the bytes it is told to.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use bytes::Bytes;
use firelight_runtime_api::{
    Connecting, Event, InitializationType, Limits, Session, SessionConfig, SessionEvent,
    SessionEvents,
};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) struct Served {
    pub(crate) session: Session,
    pub(crate) events: SessionEvents,
    pub(crate) address: SocketAddr,
}

pub(crate) fn configuration() -> SessionConfig {
    SessionConfig {
        function_name: "f".to_owned(),
        function_version: "3".to_owned(),
        handler: "h.f".to_owned(),
        account_id: "000000000000".to_owned(),
        initialization_type: InitializationType::OnDemand,
        external_extensions: vec!["agent".to_owned()],
        max_concurrency: 1,
        limits: Limits::default(),
    }
}

pub(crate) fn serve() -> Served {
    serve_with(configuration())
}

pub(crate) fn serve_with(config: SessionConfig) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (session, events) = Session::serve(listener, config, Arc::new(loopback)).unwrap();
    Served {
        session,
        events,
        address,
    }
}

fn loopback(port: u16) -> Connecting {
    Box::pin(async move { TcpStream::connect(("127.0.0.1", port)).await })
}

pub(crate) fn event(request_id: &str, payload: &'static str) -> Event {
    Event {
        request_id: request_id.to_owned(),
        deadline_ms: 1_700_000_000_123,
        invoked_function_arn: "arn:aws:lambda:us-east-1:000000000000:function:f".to_owned(),
        payload: Bytes::from_static(payload.as_bytes()),
        ..Event::default()
    }
}

impl Served {
    pub(crate) async fn client(&self) -> Client {
        Client {
            stream: TcpStream::connect(self.address).await.unwrap(),
            buffer: Vec::new(),
        }
    }

    /// A client whose poll is parked.
    pub(crate) async fn polling(&mut self) -> Client {
        let mut client = self.client().await;
        client
            .send("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n")
            .await;
        while !matches!(self.events.next().await, Some(SessionEvent::Idle)) {}
        client
    }
}

pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    buffer: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Got {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Status, error type and message of a refusal.
    pub(crate) fn refusal(&self) -> (u16, String, String) {
        let body = self.json();
        let field = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        (self.status, field("errorType"), field("errorMessage"))
    }
}

impl Client {
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Sends one request with a body.
    pub(crate) async fn post(&mut self, path: &str, headers: &str, body: impl AsRef<[u8]>) {
        let body = body.as_ref();
        let length = body.len();
        self.send(format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n{headers}\r\n"
        ))
        .await;
        self.send(body).await;
    }

    pub(crate) async fn get(&mut self, path: &str, headers: &str) -> Got {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n"))
            .await;
        self.read().await.unwrap()
    }

    pub(crate) async fn call(&mut self, path: &str, headers: &str, body: impl AsRef<[u8]>) -> Got {
        self.post(path, headers, body).await;
        self.read().await.unwrap()
    }

    pub(crate) async fn next(&mut self) -> Got {
        self.get("/2018-06-01/runtime/invocation/next", "").await
    }

    pub(crate) async fn respond(&mut self, request_id: &str, body: impl AsRef<[u8]>) -> Got {
        let path = format!("/2018-06-01/runtime/invocation/{request_id}/response");
        self.call(&path, "Content-Type: application/json\r\n", body)
            .await
    }

    /// Reads one answer; an error when the connection closes instead.
    pub(crate) async fn read(&mut self) -> io::Result<Got> {
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break at;
            }
            self.receive().await?;
        };
        let head = String::from_utf8(self.buffer.drain(..end + 4).collect()).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap()[9..12].parse().unwrap();
        let headers: BTreeMap<_, _> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let length = headers
            .get("Content-Length")
            .map_or(0, |length| length.parse().unwrap());
        while self.buffer.len() < length {
            self.receive().await?;
        }
        let body = self.buffer.drain(..length).collect();
        Ok(Got {
            status,
            headers,
            body,
        })
    }

    async fn receive(&mut self) -> io::Result<()> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    /// Waits until the other side closed, whatever it says before.
    pub(crate) async fn closed(&mut self) -> Vec<u8> {
        while self.receive().await.is_ok() {}
        std::mem::take(&mut self.buffer)
    }
}
