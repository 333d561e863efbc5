//! The comparison of the cold suite: a claim of a pooled sandbox beside bare programs and other sandboxes.
//!
//! All sides take turns within one run, so that whatever else the machine does hits each of them. The program is the
//! same static one for all; interpreters start with the same bootstrap on both sides.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use firelight_runtimes::Family;
use tokio::time::Instant;

use super::client::{LoadClient, latencies};
use super::density;
use super::instance::{Deployment, Instance, TemporaryDirectory, invoke_path};
use super::report::Report;
use super::rivals::{self, RuncBundle};
use super::sandboxes::{Sandboxes, Supply};
use super::starts::{BareStarts, Language};
use super::static_programs;
use super::stats::Metric;

const ROUNDS: usize = 100;
const LANGUAGE_ROUNDS: usize = 40;
/// After a claim the pool fills again; what is timed next should not share the processor with that.
const REFILL: Duration = Duration::from_millis(30);
/// In a claimed interpreter's place another is started, which takes longer.
const RESTART: Duration = Duration::from_millis(300);
const PROGRAM: &str = "first-byte";
const FUNCTION: &str = "bench-first-invoke";
const SUSTAINED: Duration = Duration::from_secs(3);
/// What Firecracker's authors published for one host.
const PUBLISHED_CREATIONS_PER_S: f64 = 150.0;

pub async fn run(report: &mut Report, starts: &BareStarts) -> anyhow::Result<()> {
    let Some((program, runtime)) = programs() else {
        report.remark("no comparison: the static programs are for x86_64");
        return Ok(());
    };
    let sides = Sides::prepare(report, starts, &program).await?;
    let mut samples = Samples::default();
    let mut first_invoke = FirstInvoke::prepare(&runtime).await?;
    for round in 0..ROUNDS {
        sides.take_turns(&mut samples).await?;
        samples.add("first_invoke", first_invoke.once(round).await?);
    }
    for family in [Family::Python, Family::Node] {
        sides
            .languages_take_turns(starts, family, &mut samples)
            .await?;
    }
    samples.tell(report);
    sides.sustained(report).await?;
    sides.pooled.stop().await;
    sides.unpooled.stop().await;
    density::of_static_runtime(report, &runtime).await
}

fn programs() -> Option<(Vec<u8>, Vec<u8>)> {
    let runtime = static_programs::runtime_inside(Duration::ZERO)?;
    Some((static_programs::first_byte()?, runtime))
}

/// Everybody who can start the program.
struct Sides {
    task: TemporaryDirectory,
    pooled: Sandboxes,
    unpooled: Sandboxes,
    bwrap: Option<PathBuf>,
    runc: Option<RuncBundle>,
}

impl Sides {
    async fn prepare(
        report: &mut Report,
        starts: &BareStarts,
        program: &[u8],
    ) -> anyhow::Result<Self> {
        let task = TemporaryDirectory::new("task")?;
        super::instance::write_program(&task.as_ref().join(PROGRAM), program)?;
        let bwrap = installed(report, "bwrap");
        let runc = installed(report, "runc")
            .map(|runc| RuncBundle::prepare(runc, task.as_ref(), PROGRAM))
            .transpose()?;
        let sides = Self {
            pooled: Sandboxes::start(Supply::Pooled, starts, task.as_ref())?,
            unpooled: Sandboxes::start(Supply::Unpooled, starts, task.as_ref())?,
            bwrap,
            runc,
            task,
        };
        // The first round of everybody finds cold caches.
        sides.take_turns(&mut Samples::default()).await?;
        Ok(sides)
    }

    async fn take_turns(&self, samples: &mut Samples) -> anyhow::Result<()> {
        let task = self.task.as_ref();
        let bare = &mut Command::new(task.join(PROGRAM));
        samples.add("exec", blocking(bare.env_clear())?);
        samples.add("claim", self.pooled.first_byte(task, PROGRAM).await?);
        tokio::time::sleep(REFILL).await;
        if let Some(bwrap) = &self.bwrap {
            samples.add("bwrap", blocking(&mut rivals::bwrap(bwrap, task, PROGRAM))?);
        }
        samples.add("unpooled", self.unpooled.first_byte(task, PROGRAM).await?);
        if let Some(runc) = &self.runc {
            samples.add("runc", blocking(&mut runc.command())?);
        }
        Ok(())
    }

    async fn languages_take_turns(
        &self,
        starts: &BareStarts,
        family: Family,
        samples: &mut Samples,
    ) -> anyhow::Result<()> {
        let Some(language) = Language::of_this_host(starts, family) else {
            return Ok(());
        };
        let (started, pooled) = match family {
            Family::Python => ("python_cold", "python_pooled"),
            _ => ("node_cold", "node_pooled"),
        };
        let runtime = self.pooled.runtime(starts, &language)?;
        self.pooled.keep_waiting(&runtime);
        for _ in 0..LANGUAGE_ROUNDS {
            samples.add(started, starts.start(&language).await?);
            tokio::time::sleep(RESTART).await;
            samples.add(pooled, self.pooled.first_request(&runtime).await?);
        }
        Ok(())
    }

    /// How many sandboxes a second come to their first byte and go again, with four asked for at once.
    async fn sustained(&self, report: &mut Report) -> anyhow::Result<()> {
        let began = Instant::now();
        let creator = async || -> anyhow::Result<f64> {
            let mut created = 0.0;
            while began.elapsed() < SUSTAINED {
                self.pooled.first_byte(self.task.as_ref(), PROGRAM).await?;
                created += 1.0;
            }
            Ok(created)
        };
        let (a, b, c, d) = tokio::try_join!(creator(), creator(), creator(), creator())?;
        let rate = (a + b + c + d) / began.elapsed().as_secs_f64();
        report.note("creations", "1/s", rate);
        report.ratio("creations_vs_published", rate / PUBLISHED_CREATIONS_PER_S);
        Ok(())
    }
}

fn blocking(command: &mut Command) -> anyhow::Result<Duration> {
    tokio::task::block_in_place(|| rivals::first_byte(command))
}

fn installed(report: &mut Report, program: &str) -> Option<PathBuf> {
    let found = rivals::find(program);
    if found.is_none() {
        report.remark(format!("{program} is not installed, so it is not compared"));
    }
    found
}

/// Invocations of code that was never invoked before, through the API.
struct FirstInvoke {
    instance: Instance,
    client: LoadClient,
}

impl FirstInvoke {
    async fn prepare(runtime: &[u8]) -> anyhow::Result<Self> {
        let instance = Instance::start()?;
        let files: &[(&str, &[u8])] = &[("bootstrap", runtime)];
        instance
            .deploy(&Deployment::custom(FUNCTION, files))
            .await?;
        let client = LoadClient::connect(&instance.address).await?;
        Ok(Self { instance, client })
    }

    async fn once(&mut self, round: usize) -> anyhow::Result<Duration> {
        self.instance
            .renew(&mut self.client, FUNCTION, round)
            .await?;
        tokio::time::sleep(REFILL).await;
        let (path, payload) = (invoke_path(FUNCTION), Bytes::from_static(b"1"));
        let took = latencies(&mut self.client, &path, &payload, 1).await?;
        took.first().copied().context("one was asked for")
    }
}

/// What each side took, by its name.
#[derive(Default)]
struct Samples(BTreeMap<&'static str, Vec<Duration>>);

/// Name of a ratio, and the two sides it is of.
const RATIOS: [(&str, &str, &str); 7] = [
    ("claim_vs_exec", "claim", "exec"),
    ("claim_vs_bwrap", "claim", "bwrap"),
    ("claim_vs_runc", "claim", "runc"),
    ("unpooled_vs_bwrap", "unpooled", "bwrap"),
    ("python_pooled_vs_start", "python_pooled", "python_cold"),
    ("node_pooled_vs_start", "node_pooled", "node_cold"),
    ("first_invoke_vs_claim", "first_invoke", "claim"),
];

impl Samples {
    fn add(&mut self, side: &'static str, took: Duration) {
        self.0.entry(side).or_default().push(took);
    }

    fn tell(&self, report: &mut Report) {
        let metric = |side: &str| Some(Metric::of_durations(side, self.0.get(side)?));
        for (ratio, ours, theirs) in RATIOS {
            if let (Some(ours), Some(theirs)) = (metric(ours), metric(theirs)) {
                report.ratio(ratio, ours.p50 / theirs.p50);
            }
        }
        for side in self.0.keys() {
            report.metrics.extend(metric(side));
        }
    }
}
