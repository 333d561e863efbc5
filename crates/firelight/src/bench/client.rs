//! The load: one keep-alive connection per client, one request after the other.

use std::io;
use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::request::Builder;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// A client with one connection.
pub struct LoadClient {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

/// An answer, whole.
pub struct Answer {
    pub status: StatusCode,
    pub body: Bytes,
}

impl LoadClient {
    pub async fn connect(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        tokio::spawn(connection);
        Ok(Self {
            sender,
            host: address.to_owned(),
        })
    }

    /// Sends one request and reads its answer.
    pub async fn send(
        &mut self,
        method: &str,
        path: &str,
        body: impl Into<Bytes>,
    ) -> anyhow::Result<Answer> {
        let request = Request::builder().method(method).uri(path);
        self.finish(request, body.into()).await
    }

    /// Asks for an asynchronous invocation.
    pub async fn send_event(&mut self, path: &str, event: Bytes) -> anyhow::Result<Answer> {
        let request = Request::post(path).header("x-amz-invocation-type", "Event");
        self.finish(request, event).await
    }

    async fn finish(&mut self, request: Builder, body: Bytes) -> anyhow::Result<Answer> {
        let request = request.header("host", &self.host).body(Full::new(body))?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        Ok(Answer { status, body })
    }

    /// Invokes and checks that the payload came back.
    async fn echo(&mut self, path: &str, payload: &Bytes) -> anyhow::Result<()> {
        let answer = self.send("POST", path, payload.clone()).await?;
        ensure!(
            answer.status == StatusCode::OK,
            "status {}: {:?}",
            answer.status,
            answer.body
        );
        ensure!(
            answer.body == payload,
            "the payload did not come back: {:?}",
            answer.body
        );
        Ok(())
    }
}

/// Times `n` invocations one after the other on one connection.
pub async fn latencies(
    client: &mut LoadClient,
    path: &str,
    payload: &Bytes,
    n: usize,
) -> anyhow::Result<Vec<Duration>> {
    let mut samples = Vec::with_capacity(n);
    for _ in 0..n {
        let began = Instant::now();
        client.echo(path, payload).await?;
        samples.push(began.elapsed());
    }
    Ok(samples)
}

/// Counts the invocations per second that `clients` connections reach together.
pub async fn throughput(
    address: &str,
    path: &str,
    payload: &Bytes,
    clients: usize,
    length: Duration,
) -> anyhow::Result<f64> {
    let mut connections = Vec::with_capacity(clients);
    for _ in 0..clients {
        connections.push(
            LoadClient::connect(address)
                .await
                .context("could not connect")?,
        );
    }
    let began = Instant::now();
    let tasks: Vec<_> = connections
        .into_iter()
        .map(|client| {
            tokio::spawn(count(
                client,
                path.to_owned(),
                payload.clone(),
                began + length,
            ))
        })
        .collect();
    let mut total = 0;
    for task in tasks {
        total += task.await??;
    }
    Ok(f64::from(total) / began.elapsed().as_secs_f64())
}

async fn count(
    mut client: LoadClient,
    path: String,
    payload: Bytes,
    end: Instant,
) -> anyhow::Result<u32> {
    let mut done = 0;
    while Instant::now() < end {
        client.echo(&path, &payload).await?;
        done += 1;
    }
    Ok(done)
}
