//! The load suite: many more requests than there are environments, and what waiting costs.
//!
//! ```text
//!  crowd: limits lifted    10,000 requests of ten functions ── wait in line ── are answered
//!  burst: usual limits      2,000 requests of one function  ── run, or are throttled ── the next one runs at once
//! ```
//!
//! Each request comes on a connection of its own. An answer that is neither the function's nor a throttle that names
//! its limit fails the suite.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::client::{Answer, LoadClient};
use super::instance::{Deployment, Instance, invoke_path};
use super::memory::resident_mib;
use super::report::Report;
use super::static_programs;
use super::stats::Metric;

const CROWD: u32 = 10_000;
const FUNCTIONS: u32 = 10;
/// For all functions of the crowd together.
const ENVIRONMENTS: &str = "50";
/// Short, because nobody waits longer than 10 s for room on the host.
const CROWD_PAUSE: Duration = Duration::from_millis(10);
const BURST_PAUSE: Duration = Duration::from_millis(100);
const BURST: u32 = 2_000;
const RECOVERIES: usize = 20;
/// What the static runtime answers too.
const PAYLOAD: &[u8] = b"1";
const LOOK: Duration = Duration::from_millis(20);

pub async fn run(report: &mut Report) -> anyhow::Result<()> {
    let needed = u64::from(CROWD) + 1000;
    if crate::descriptors::raise_limit()? < needed {
        report.remark(format!(
            "no load: a process may not hold {needed} descriptors here"
        ));
        return Ok(());
    }
    let runtimes = [CROWD_PAUSE, BURST_PAUSE].map(static_programs::runtime_inside);
    let [Some(short), Some(long)] = runtimes else {
        report.remark("no load: the static runtime is for x86_64");
        return Ok(());
    };
    crowd(report, &short).await.context("the crowd")?;
    burst(report, &long).await.context("the burst")
}

async fn crowd(report: &mut Report, runtime: &[u8]) -> anyhow::Result<()> {
    let instance = Instance::start_with(&[
        ("FIRELIGHT_LIMITS_CONCURRENCY", "20000"),
        ("FIRELIGHT_LIMITS_REQUESTS_PER_ENVIRONMENT", "0"),
        ("FIRELIGHT_SANDBOX_MAX_ENVIRONMENTS", ENVIRONMENTS),
    ])?;
    let names: Vec<_> = (0..FUNCTIONS).map(|n| format!("bench-crowd-{n}")).collect();
    for name in &names {
        deploy(&instance, name, runtime).await?;
    }
    let paths: Vec<_> = names.iter().map(|name| invoke_path(name)).collect();
    let tally = rush(&instance, &paths, CROWD).await?;
    tell(report, "crowd", CROWD, &tally);
    Ok(())
}

async fn burst(report: &mut Report, runtime: &[u8]) -> anyhow::Result<()> {
    let instance = Instance::start_with(&[])?;
    let name = "bench-burst";
    deploy(&instance, name, runtime).await?;
    let tally = rush(&instance, &[invoke_path(name)], BURST).await?;
    tell(report, "burst", BURST, &tally);
    let mut client = LoadClient::connect(&instance.address).await?;
    let mut after = Vec::with_capacity(RECOVERIES);
    for _ in 0..RECOVERIES {
        let began = Instant::now();
        let answer = client.send("POST", &invoke_path(name), PAYLOAD).await?;
        ensure!(
            answer.status == StatusCode::OK,
            "after the burst: {:?}",
            answer.body
        );
        after.push(began.elapsed());
    }
    report.note("burst_recovery_first", "us", after[0].as_secs_f64() * 1e6);
    report.metric(Metric::of_durations("burst_recovery", &after));
    Ok(())
}

/// Deploys a function that takes its time, and has it run once.
async fn deploy(instance: &Instance, name: &str, runtime: &[u8]) -> anyhow::Result<()> {
    let files: &[(&str, &[u8])] = &[("bootstrap", runtime)];
    let deployment = Deployment {
        memory_mb: 128,
        ..Deployment::custom(name, files)
    };
    instance.deploy(&deployment).await?;
    let mut client = LoadClient::connect(&instance.address).await?;
    let answer = client.send("POST", &invoke_path(name), PAYLOAD).await?;
    ensure!(
        answer.status == StatusCode::OK,
        "the first invocation: {:?}",
        answer.body
    );
    Ok(())
}

/// What became of the requests.
#[derive(Default)]
struct Tally {
    took: Vec<Duration>,
    throttled: u32,
    reasons: std::collections::BTreeMap<String, u32>,
    /// What the daemon grew by from before the first connection to its highest.
    grown_kib: f64,
}

/// Opens every connection, then sends all requests at once and waits for all answers.
async fn rush(instance: &Instance, paths: &[String], requests: u32) -> anyhow::Result<Tally> {
    let before = resident_mib(instance.pid())?;
    let gate = Arc::new(Barrier::new(requests as usize));
    let mut clients = JoinSet::new();
    for (_, path) in (0..requests).zip(paths.iter().cycle()) {
        let client = LoadClient::connect(&instance.address).await?;
        clients.spawn(once(client, path.clone(), Arc::clone(&gate)));
    }
    let mut tally = Tally::default();
    let mut highest = before;
    let mut look = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            answered = clients.join_next() => match answered {
                Some(answered) => {
                    let (answer, took) = answered??;
                    tally.count(&answer, took)?;
                }
                None => break,
            },
            _ = look.tick() => highest = highest.max(resident_mib(instance.pid())?),
        }
    }
    tally.grown_kib = (highest - before) * 1024.0;
    Ok(tally)
}

async fn once(
    mut client: LoadClient,
    path: String,
    gate: Arc<Barrier>,
) -> anyhow::Result<(Answer, Duration)> {
    gate.wait().await;
    let began = Instant::now();
    let answer = client
        .send("POST", &path, Bytes::from_static(PAYLOAD))
        .await?;
    Ok((answer, began.elapsed()))
}

impl Tally {
    fn count(&mut self, answer: &Answer, took: Duration) -> anyhow::Result<()> {
        match answer.status {
            StatusCode::OK if answer.body == PAYLOAD => self.took.push(took),
            StatusCode::TOO_MANY_REQUESTS => {
                let body: Value = serde_json::from_slice(&answer.body)?;
                let reason = body["Reason"]
                    .as_str()
                    .context("a throttle without a reason")?;
                *self.reasons.entry(reason.to_owned()).or_default() += 1;
                self.throttled += 1;
            }
            status => bail!("status {status}: {:?}", answer.body),
        }
        Ok(())
    }
}

fn tell(report: &mut Report, name: &str, requests: u32, tally: &Tally) {
    report.metric(Metric::of_durations(&format!("{name}_answer"), &tally.took));
    report.note(&format!("{name}_throttled"), "", f64::from(tally.throttled));
    for (reason, count) in &tally.reasons {
        report.note(&format!("{name}_{reason}"), "", f64::from(*count));
    }
    let kib_per_request = tally.grown_kib / f64::from(requests);
    report.note(
        &format!("{name}_memory_per_request"),
        "KiB",
        kib_per_request,
    );
}
