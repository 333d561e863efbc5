//! The density suite: what one more idle environment of a version costs in memory, and who holds it.
//!
//! The environments are provisioned, so that all are alive and idle when the memory is read.

use std::time::Duration;

use anyhow::{bail, ensure};
use firelight_runtimes::Family;
use serde_json::{Value, json};

use super::client::LoadClient;
use super::cold::{NODE, PYTHON};
use super::instance::{Deployment, Instance};
use super::memory::Memory;
use super::report::Report;
use super::starts::{BareStarts, Language};
use super::static_programs;

const MOST_ENVIRONMENTS: u32 = 100;
/// Little, because the data plane lets live no more environments than the host has memory for.
const MEMORY_MB: u32 = 128;
const LONGEST_WAIT: Duration = Duration::from_secs(120);
/// After the last environment is ready the pool of blank sandboxes fills again.
const SETTLE: Duration = Duration::from_secs(2);

pub async fn run(report: &mut Report) -> anyhow::Result<()> {
    match static_programs::runtime_inside(Duration::ZERO) {
        Some(runtime) => of_static_runtime(report, &runtime).await?,
        None => report.remark("no overhead beside a static runtime: it is for x86_64"),
    }
    let starts = BareStarts::prepare(&[]).await?;
    for (family, name, files) in [
        (Family::Python, "python", [("index.py", PYTHON)]),
        (Family::Node, "node", [("index.js", NODE)]),
    ] {
        if let Some(language) = Language::of_this_host(&starts, family) {
            let runtime = language.runtime.identifier;
            let function = format!("bench-density-{name}");
            let deployment = Deployment {
                memory_mb: MEMORY_MB,
                ..Deployment::of_language(&function, runtime, &files)
            };
            one_more(report, name, &deployment).await?;
        }
    }
    Ok(())
}

/// A runtime that holds next to nothing itself shows what the platform holds.
pub async fn of_static_runtime(report: &mut Report, runtime: &[u8]) -> anyhow::Result<()> {
    let files: &[(&str, &[u8])] = &[("bootstrap", runtime)];
    let deployment = Deployment {
        memory_mb: MEMORY_MB,
        ..Deployment::custom("bench-density-static", files)
    };
    let overhead_mib = one_more(report, "static", &deployment).await?;
    report.ratio("idle_overhead_mib", overhead_mib);
    Ok(())
}

/// Measures what an environment adds, and returns what of it is not the runtime's own.
async fn one_more(
    report: &mut Report,
    name: &str,
    deployment: &Deployment<'_>,
) -> anyhow::Result<f64> {
    let instance = Instance::start()?;
    instance.deploy(deployment).await?;
    tokio::time::sleep(SETTLE).await;
    let before = Memory::of(instance.pid())?;
    let environments = environments(before);
    provision(&instance, deployment.name, environments).await?;
    tokio::time::sleep(SETTLE).await;
    let grown = Memory::of(instance.pid())? - before;
    ensure!(
        grown.runtimes >= f64::from(environments),
        "only {} runtimes are alive",
        grown.runtimes
    );
    let overhead_mib = grown.overhead_mib() / grown.sandboxes;
    for (what, mib) in [
        ("runtime", grown.runtimes_mib / grown.runtimes),
        ("daemon", grown.daemon_mib / grown.sandboxes),
        ("launcher", grown.launcher_mib / grown.sandboxes),
        ("init", grown.inits_mib / grown.sandboxes),
        ("overhead", overhead_mib),
        ("whole_host", -grown.available_mib / grown.sandboxes),
    ] {
        report.note(&format!("{name}_{what}_mib"), "MiB", mib);
    }
    Ok(overhead_mib)
}

/// As many as fit into half of what the host has left.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a small count"
)]
fn environments(host: Memory) -> u32 {
    let fitting = host.available_mib / 2.0 / f64::from(MEMORY_MB);
    MOST_ENVIRONMENTS.min(fitting as u32).max(1)
}

/// Publishes a version and waits until as many environments of it are ready.
async fn provision(instance: &Instance, function: &str, environments: u32) -> anyhow::Result<()> {
    let mut client = LoadClient::connect(&instance.address).await?;
    let path = format!("/2015-03-31/functions/{function}/versions");
    let published = client.send("POST", &path, "{}").await?;
    ensure!(
        published.status.is_success(),
        "PublishVersion: {:?}",
        published.body
    );
    let path = format!("/2019-09-30/functions/{function}/provisioned-concurrency?Qualifier=1");
    let wanted = json!({"ProvisionedConcurrentExecutions": environments}).to_string();
    let put = client.send("PUT", &path, wanted).await?;
    ensure!(
        put.status.is_success(),
        "PutProvisionedConcurrencyConfig: {:?}",
        put.body
    );
    let ready = tokio::time::timeout(LONGEST_WAIT, await_ready(&mut client, &path));
    ready.await?
}

async fn await_ready(client: &mut LoadClient, path: &str) -> anyhow::Result<()> {
    loop {
        let answer = client.send("GET", path, "").await?;
        let state: Value = serde_json::from_slice(&answer.body)?;
        match state["Status"].as_str() {
            Some("READY") => return Ok(()),
            Some("IN_PROGRESS") => tokio::time::sleep(Duration::from_millis(50)).await,
            _ => bail!("GetProvisionedConcurrencyConfig: {state}"),
        }
    }
}
