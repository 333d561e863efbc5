//! The events suite: how many asynchronous invocations a second are durably accepted, beside a bare log on the disk.
//!
//! The function may not run at all, so that no environment is measured. What is accepted is given up meanwhile: the
//! figure includes claiming and settling every event.

use std::time::Duration;

use anyhow::ensure;
use bytes::Bytes;
use http::StatusCode;
use serde_json::json;
use tokio::time::Instant;

use super::append_log;
use super::client::LoadClient;
use super::instance::{Deployment, Instance, TemporaryDirectory, invoke_path};
use super::report::Report;
use super::server_process::ServerProcess;
use super::stats::Metric;

const FUNCTION: &str = "bench-events";
const CLIENTS: usize = 64;
const ROUNDS: usize = 4;
const ROUND: Duration = Duration::from_millis(1500);
const EVENT: &[u8] = b"{\"n\":1}";

pub async fn run(report: &mut Report) -> anyhow::Result<()> {
    let directory = TemporaryDirectory::new("log")?;
    let log = ServerProcess::start(append_log::ROLE, Some(directory.as_ref()))?;
    let instance = Instance::start()?;
    let files: &[(&str, &[u8])] = &[("bootstrap", b"#!/bin/false\n")];
    instance
        .deploy(&Deployment::custom(FUNCTION, files))
        .await?;
    forbid(&instance).await?;
    let (mut ours, mut least) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        least.push(accepted_a_second(log.address()?).await?);
        ours.push(accepted_a_second(&instance.address).await?);
    }
    let ours = Metric::of("events_accepted", "1/s", ours);
    let least = Metric::of("events_log", "1/s", least);
    report.ratio("events_accepted_vs_log", ours.p50 / least.p50);
    report.metric(least);
    report.metric(ours);
    Ok(())
}

/// Lets no invocation of the function run.
async fn forbid(instance: &Instance) -> anyhow::Result<()> {
    let mut client = LoadClient::connect(&instance.address).await?;
    let path = format!("/2017-10-31/functions/{FUNCTION}/concurrency");
    let body = json!({"ReservedConcurrentExecutions": 0}).to_string();
    let answer = client.send("PUT", &path, body).await?;
    ensure!(
        answer.status.is_success(),
        "PutFunctionConcurrency: {:?}",
        answer.body
    );
    Ok(())
}

async fn accepted_a_second(address: &str) -> anyhow::Result<f64> {
    let mut clients = Vec::with_capacity(CLIENTS);
    for _ in 0..CLIENTS {
        clients.push(LoadClient::connect(address).await?);
    }
    let began = Instant::now();
    let tasks: Vec<_> = clients
        .into_iter()
        .map(|client| tokio::spawn(send_until(client, began + ROUND)))
        .collect();
    let mut accepted = 0;
    for task in tasks {
        accepted += task.await??;
    }
    Ok(f64::from(accepted) / began.elapsed().as_secs_f64())
}

async fn send_until(mut client: LoadClient, end: Instant) -> anyhow::Result<u32> {
    let (path, event) = (invoke_path(FUNCTION), Bytes::from_static(EVENT));
    let mut accepted = 0;
    while Instant::now() < end {
        let answer = client.send_event(&path, event.clone()).await?;
        ensure!(
            answer.status == StatusCode::ACCEPTED,
            "status {}: {:?}",
            answer.status,
            answer.body
        );
        accepted += 1;
    }
    Ok(accepted)
}
