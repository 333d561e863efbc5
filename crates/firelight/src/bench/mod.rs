//! `firelight bench`: what a start and an invocation cost on this machine, beside floors measured in the same run.
//!
//! The figures go through the Lambda API over loopback, as a client sees them. Absolute figures belong to the machine;
//! the ratios tell whether it is fit, and whether a change made anything slower.

mod append_log;
mod client;
mod cold;
mod compare;
mod control;
mod density;
mod echo_runtime;
mod events;
mod floor;
mod instance;
mod load;
mod memory;
mod proxy;
mod report;
mod rivals;
mod sandboxes;
mod server_process;
mod starts;
mod static_programs;
mod stats;
mod stream;
mod warm;

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context;

pub use report::Report;

/// One group of measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    /// Invocations that find an idle environment.
    Warm,
    /// Invocations that wait for a start.
    Cold,
    /// Memory of environments that are alive.
    Density,
    /// More requests than environments.
    Load,
    /// Asynchronous invocations being accepted.
    Events,
    /// A response that streams.
    Stream,
    /// Creating and reading functions.
    Control,
}

/// Whether the cold suite measures other sandboxes too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    None,
    Sandboxes,
}

impl Suite {
    pub const ALL: [Self; 7] = [
        Self::Warm,
        Self::Cold,
        Self::Density,
        Self::Load,
        Self::Events,
        Self::Stream,
        Self::Control,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Warm => "warm",
            Self::Cold => "cold",
            Self::Density => "density",
            Self::Load => "load",
            Self::Events => "events",
            Self::Stream => "stream",
            Self::Control => "control",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.name() == name)
    }

    async fn run(self, report: &mut Report, comparison: Comparison) -> anyhow::Result<()> {
        match self {
            Self::Warm => warm::run(report).await,
            Self::Cold => cold::run(report, comparison).await,
            Self::Density => density::run(report).await,
            Self::Load => load::run(report).await,
            Self::Events => events::run(report).await,
            Self::Stream => stream::run(report).await,
            Self::Control => control::run(report).await,
        }
    }
}

/// Runs suites one after the other and returns what they found.
pub fn run(suites: &[Suite], comparison: Comparison) -> anyhow::Result<Report> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut report = Report::default();
        for suite in suites {
            let ran = suite.run(&mut report, comparison).await;
            ran.with_context(|| format!("the {} suite failed", suite.name()))?;
        }
        Ok(report)
    })
}

/// Runs one of the benchmark's own programs if the binary was started as one; it then does not return.
pub fn run_role_if_asked() {
    let mut arguments = std::env::args_os();
    let program = arguments.next().unwrap_or_default();
    if Path::new(&program)
        .file_name()
        .is_some_and(|name| name == "bootstrap")
    {
        exit(echo_role());
    }
    let word = arguments.next().unwrap_or_default();
    let rest = arguments.next().unwrap_or_default();
    match word.to_str() {
        Some(floor::ROLE) => exit(serve(floor::serve())),
        Some(append_log::ROLE) => exit(serve(append_log::serve(rest.as_ref()))),
        Some(proxy::PROXY) => exit(serve(proxy::serve(rest.to_string_lossy().into_owned()))),
        Some(proxy::ORIGIN) => exit(proxy::serve_origin().map(|_| ())),
        _ => {}
    }
}

fn echo_role() -> io::Result<()> {
    let api = std::env::var("AWS_LAMBDA_RUNTIME_API").map_err(io::Error::other)?;
    echo_runtime::run(&api)
}

fn serve(server: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(server)
}

fn exit(result: io::Result<()>) -> ! {
    std::process::exit(i32::from(result.is_err()))
}

fn echo_runtime_command(binary: &Path, api: &str) -> Command {
    use std::os::unix::process::CommandExt;

    let mut command = Command::new(binary);
    command
        .arg0("bootstrap")
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", api)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}
