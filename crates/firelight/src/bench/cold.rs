//! The cold suite: an invocation that has to wait for a start, beside the bare start of the same program.
//!
//! Each round changes the function's configuration, so that no started environment fits, and then invokes it. The bare
//! start runs the same interpreter and bootstrap without any sandbox, from its spawn to its first request.

use std::time::Duration;

use bytes::Bytes;
use firelight_runtimes::Family;
use tokio::time::Instant;

use super::Comparison;
use super::client::{LoadClient, latencies};
use super::instance::{Deployment, Instance, invoke_path};
use super::report::Report;
use super::starts::{BareStarts, Language};
use super::stats::Metric;

const ROUNDS: usize = 40;
pub const PYTHON: &[u8] = b"def handler(event, context):\n    return event\n";
pub const NODE: &[u8] = b"exports.handler = async (event) => event;\n";

pub async fn run(report: &mut Report, comparison: Comparison) -> anyhow::Result<()> {
    let instance = Instance::start()?;
    let starts = BareStarts::prepare(&[("index.py", PYTHON), ("index.js", NODE)]).await?;
    let binary = std::fs::read(std::env::current_exe()?)?;
    measure(
        report,
        &instance,
        "custom",
        "exec",
        "provided.al2023",
        &[("bootstrap", &binary)],
        async || starts.echo().await,
    )
    .await?;
    for (family, name, files) in [
        (Family::Python, "python", [("index.py", PYTHON)]),
        (Family::Node, "node", [("index.js", NODE)]),
    ] {
        // A host without the interpreter has nothing to compare.
        if let Some(language) = Language::of_this_host(&starts, family) {
            let runtime = language.runtime.identifier;
            let bare = async || starts.start(&language).await;
            measure(report, &instance, name, "start", runtime, &files, bare).await?;
        }
    }
    match comparison {
        Comparison::None => Ok(()),
        Comparison::Sandboxes => super::compare::run(report, &starts).await,
    }
}

/// Measures both sides in turn, so that whatever else the machine does hits both.
async fn measure(
    report: &mut Report,
    instance: &Instance,
    name: &str,
    floor: &str,
    runtime: &str,
    files: &[(&str, &[u8])],
    bare: impl AsyncFn() -> anyhow::Result<Duration>,
) -> anyhow::Result<()> {
    let function = format!("bench-cold-{name}");
    let deployment = Deployment::of_language(&function, runtime, files);
    instance.deploy(&deployment).await?;
    let mut client = LoadClient::connect(&instance.address).await?;
    let (path, payload) = (invoke_path(&function), Bytes::from_static(b"1"));
    latencies(&mut client, &path, &payload, 1).await?;
    let (mut cold, mut least) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        least.push(bare().await?);
        instance.renew(&mut client, &function, round).await?;
        let began = Instant::now();
        latencies(&mut client, &path, &payload, 1).await?;
        cold.push(began.elapsed());
    }
    let cold = Metric::of_durations(&format!("cold_{name}"), &cold);
    let least = Metric::of_durations(&format!("{name}_{floor}"), &least);
    report.ratio(&format!("cold_{name}_vs_{floor}"), cold.p50 / least.p50);
    report.metric(least);
    report.metric(cold);
    Ok(())
}
