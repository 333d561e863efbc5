//! The warm suite: latency of one client and throughput of eight, beside the floor, in alternating rounds.

use std::time::Duration;

use bytes::Bytes;

use super::client::{LoadClient, latencies, throughput};
use super::floor::Floor;
use super::instance::{Deployment, Instance, invoke_path};
use super::report::Report;
use super::stats::Metric;

const FUNCTION: &str = "bench-echo";
const ROUNDS: usize = 10;
const INVOCATIONS_A_ROUND: usize = 500;
const CLIENTS: usize = 8;
const THROUGHPUT_ROUNDS: usize = 4;
const THROUGHPUT_ROUND: Duration = Duration::from_millis(1500);

pub async fn run(report: &mut Report) -> anyhow::Result<()> {
    let binary = std::fs::read(std::env::current_exe()?)?;
    let instance = Instance::start()?;
    let floor = Floor::start(CLIENTS)?;
    let files: &[(&str, &[u8])] = &[("bootstrap", &binary)];
    instance
        .deploy(&Deployment::custom(FUNCTION, files))
        .await?;
    report.note(
        "resident_mib_at_rest",
        "MiB",
        super::memory::resident_mib(instance.pid())?,
    );
    latency(report, &instance, &floor).await?;
    rate(report, &instance, &floor).await
}

async fn latency(report: &mut Report, instance: &Instance, floor: &Floor) -> anyhow::Result<()> {
    let (payload, path) = (Bytes::from_static(b"{\"n\":1}"), invoke_path(FUNCTION));
    let mut ours = LoadClient::connect(&instance.address).await?;
    let mut theirs = LoadClient::connect(&floor.address).await?;
    latencies(&mut ours, &path, &payload, INVOCATIONS_A_ROUND).await?;
    latencies(&mut theirs, &path, &payload, INVOCATIONS_A_ROUND).await?;
    let (mut warm, mut least) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        least.extend(latencies(&mut theirs, &path, &payload, INVOCATIONS_A_ROUND).await?);
        warm.extend(latencies(&mut ours, &path, &payload, INVOCATIONS_A_ROUND).await?);
    }
    let warm = Metric::of_durations("warm_invoke", &warm);
    let least = Metric::of_durations("warm_floor", &least);
    report.ratio("warm_vs_floor", warm.p50 / least.p50);
    report.metric(least);
    report.metric(warm);
    Ok(())
}

async fn rate(report: &mut Report, instance: &Instance, floor: &Floor) -> anyhow::Result<()> {
    let (payload, path) = (Bytes::from_static(b"{\"n\":1}"), invoke_path(FUNCTION));
    let measure = |address: String| {
        let (path, payload) = (path.clone(), payload.clone());
        async move { throughput(&address, &path, &payload, CLIENTS, THROUGHPUT_ROUND).await }
    };
    // The first round starts the environments.
    measure(instance.address.clone()).await?;
    measure(floor.address.clone()).await?;
    let (mut ours, mut least) = (Vec::new(), Vec::new());
    for _ in 0..THROUGHPUT_ROUNDS {
        least.push(measure(floor.address.clone()).await?);
        ours.push(measure(instance.address.clone()).await?);
    }
    let ours = Metric::of("throughput_8", "1/s", ours);
    let least = Metric::of("throughput_8_floor", "1/s", least);
    report.ratio("throughput_vs_floor", ours.p50 / least.p50);
    report.metric(least);
    report.metric(ours);
    Ok(())
}
