//! `firelight bench`: what a start and an invocation cost on this machine, beside floors measured in the same run.
//!
//! The figures go through the Lambda API over loopback, as a client sees them. Absolute figures belong to the machine;
//! the ratios tell whether it is fit, and whether a change made anything slower.

mod cold;
mod echo_runtime;
mod floor;
mod instance;
mod load;
mod report;
mod starts;
mod stats;
mod warm;

use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::Context;

pub use report::Report;

/// One group of measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    /// Invocations that find an idle environment.
    Warm,
    /// Invocations that wait for a start.
    Cold,
}

impl Suite {
    pub const ALL: [Self; 2] = [Self::Warm, Self::Cold];

    pub fn name(self) -> &'static str {
        match self {
            Self::Warm => "warm",
            Self::Cold => "cold",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.name() == name)
    }
}

/// Runs suites one after the other and returns what they found.
pub fn run(suites: &[Suite]) -> anyhow::Result<Report> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut report = Report::default();
        for suite in suites {
            match suite {
                Suite::Warm => warm::run(&mut report)
                    .await
                    .context("the warm suite failed")?,
                Suite::Cold => cold::run(&mut report)
                    .await
                    .context("the cold suite failed")?,
            }
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
    if arguments.next().is_some_and(|word| word == floor::ROLE) {
        exit(floor_role());
    }
}

fn echo_role() -> io::Result<()> {
    let api = std::env::var("AWS_LAMBDA_RUNTIME_API").map_err(io::Error::other)?;
    echo_runtime::run(&api)
}

fn floor_role() -> io::Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(floor::serve())
}

fn exit(result: io::Result<()>) -> ! {
    std::process::exit(i32::from(result.is_err()))
}

fn spawn_echo_runtime(binary: &Path, api: &str) -> io::Result<Child> {
    use std::os::unix::process::CommandExt;

    Command::new(binary)
        .arg0("bootstrap")
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", api)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
}

/// Resident memory of a process and nothing of its children.
fn resident_mib(pid: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    Ok(kib.context("the kernel does not tell the resident size")? / 1024.0)
}
