//! The stream suite: how fast a response of 100 MiB streams through, beside a bare proxy.

use anyhow::ensure;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::echo_runtime::{STREAM_BYTES, STREAM_EVENT};
use super::instance::{Deployment, Instance};
use super::proxy;
use super::report::Report;
use super::server_process::ServerProcess;
use super::stats::Metric;

const FUNCTION: &str = "bench-stream";
const ROUNDS: usize = 5;
const MIB: f64 = 1024.0 * 1024.0;

pub async fn run(report: &mut Report) -> anyhow::Result<()> {
    let origin = ServerProcess::start(proxy::ORIGIN, None)?;
    let proxy = ServerProcess::start(proxy::PROXY, Some(origin.address()?.as_ref()))?;
    let instance = Instance::start()?;
    let binary = std::fs::read(std::env::current_exe()?)?;
    let files: &[(&str, &[u8])] = &[("bootstrap", &binary)];
    instance
        .deploy(&Deployment::custom(FUNCTION, files))
        .await?;
    let path = format!("/2021-11-15/functions/{FUNCTION}/response-streaming-invocations");
    // The first round starts the environment.
    mib_a_second(&instance.address, &path).await?;
    let (mut ours, mut least) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        least.push(mib_a_second(proxy.address()?, "/").await?);
        ours.push(mib_a_second(&instance.address, &path).await?);
    }
    let ours = Metric::of("stream", "MiB/s", ours);
    let least = Metric::of("stream_proxy", "MiB/s", least);
    report.ratio("stream_vs_proxy", ours.p50 / least.p50);
    report.metric(least);
    report.metric(ours);
    Ok(())
}

/// Fetches the stream once. Event-stream framing makes it longer, never shorter.
async fn mib_a_second(address: &str, path: &str) -> anyhow::Result<f64> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::post(path)
        .header("host", address)
        .body(Full::new(Bytes::from_static(STREAM_EVENT)))?;
    let began = Instant::now();
    let response = sender.send_request(request).await?;
    ensure!(
        response.status() == StatusCode::OK,
        "status {}",
        response.status()
    );
    let mut body = response.into_body();
    let mut received = 0;
    while let Some(frame) = body.frame().await {
        received += frame?.data_ref().map_or(0, Bytes::len);
    }
    ensure!(received >= STREAM_BYTES, "only {received} bytes came");
    #[expect(clippy::cast_precision_loss, reason = "a hundred million fits")]
    let mib = STREAM_BYTES as f64 / MIB;
    Ok(mib / began.elapsed().as_secs_f64())
}
