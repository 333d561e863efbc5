//! The floor of streaming: a bare proxy in front of an origin that writes as the streaming function does.
//!
//! ```text
//!  client ◄── proxy (hyper on both sides, bytes passed as they come) ◄── origin (a blocking socket)
//! ```

use std::convert::Infallible;
use std::io::{self, Read};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use super::echo_runtime;

/// The hidden words on the command line that make the binary one of these servers.
pub const PROXY: &str = "bench-proxy";
pub const ORIGIN: &str = "bench-origin";

/// Serves the proxied stream until the process is killed.
pub async fn serve(origin: String) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    super::server_process::ready(&[listener.local_addr()?]);
    while let Ok((stream, _)) = listener.accept().await {
        // Without it the answer still comes, only later.
        let _ = stream.set_nodelay(true);
        let origin = origin.clone();
        let service = service_fn(move |_: Request<Incoming>| pass_on(origin.clone()));
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection);
    }
    Ok(())
}

async fn pass_on(origin: String) -> io::Result<Response<Incoming>> {
    let stream = TcpStream::connect(&origin).await?;
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(io::Error::other)?;
    tokio::spawn(connection);
    let request = Request::builder()
        .header("host", origin)
        .body(Empty::<Bytes>::new())
        .map_err(io::Error::other)?;
    sender.send_request(request).await.map_err(io::Error::other)
}

/// Serves the stream itself, one connection after the other.
pub fn serve_origin() -> io::Result<Infallible> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    super::server_process::ready(&[listener.local_addr()?]);
    loop {
        let (mut stream, _) = listener.accept()?;
        // The request is one short packet, and says nothing.
        let _ = stream.read(&mut [0; 1024])?;
        io::Write::write_all(
            &mut stream,
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        )?;
        echo_runtime::write_stream(&mut stream)?;
    }
}
