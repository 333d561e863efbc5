//! Times starts of a static program: bare, in a claimed blank sandbox, in one made on order.
//!
//! `cargo run --release -p firelight-sandbox-linux --example starts -- PROGRAM [ROUNDS]`, as root. The program must need
//! nothing but itself, and write a byte. All sides take turns, so that whatever else the machine does hits each of them.

use std::error::Error;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use firelight_sandbox::{
    Egress, Limits, ListenAt, ProcessSpec, ReadOnlyMount, Sandbox, SandboxDriver, SandboxId,
    SandboxProcess, SandboxSpec,
};
use firelight_sandbox_linux::{HostNetwork, LinuxConfig, LinuxDriver, run_role_if_asked};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::time::Instant;

const TASK_ROOT: &str = "/var/task";
const PROGRAM: &str = "program";
const MIB: u64 = 1024 * 1024;
/// Time for the pool to fill again, so that what is timed next does not share the processor with that.
const REFILL: Duration = Duration::from_millis(30);

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    run_role_if_asked();
    let mut arguments = std::env::args_os().skip(1);
    let program = arguments.next().ok_or("usage: starts PROGRAM [ROUNDS]")?;
    let rounds = arguments
        .next()
        .map(|rounds| rounds.to_string_lossy().parse());
    let rounds = rounds.transpose()?.unwrap_or(100);
    let task = tempfile::tempdir()?;
    std::fs::copy(&program, task.path().join(PROGRAM))?;
    tokio::runtime::Runtime::new()?.block_on(take_turns(task.path(), rounds))
}

async fn take_turns(task: &Path, rounds: u32) -> Outcome<()> {
    let state = tempfile::tempdir()?;
    let pooled = driver("pooled", 4, &state.path().join("pooled"), task)?;
    let unpooled = driver("unpooled", 0, &state.path().join("unpooled"), task)?;
    let mut samples = [const { Vec::new() }; 3];
    for _ in 0..rounds {
        samples[0].push(bare(task)?);
        samples[1].push(first_byte(&pooled, task).await?);
        tokio::time::sleep(REFILL).await;
        samples[2].push(first_byte(&unpooled, task).await?);
    }
    for (side, samples) in ["exec", "claim", "unpooled"].iter().zip(&mut samples) {
        tell(side, samples);
    }
    let rate = sustained(&pooled, task).await?;
    tell_line(&format!("creations {rate:.0}/s"));
    pooled.stop().await;
    unpooled.stop().await;
    Ok(())
}

fn driver(name: &str, blank_sandboxes: u32, state: &Path, task: &Path) -> Outcome<LinuxDriver> {
    std::fs::create_dir_all(state)?;
    Ok(LinuxDriver::start(&LinuxConfig {
        instance: format!("starts-{name}-{}", std::process::id()),
        state_dir: state.to_owned(),
        image_dir: state.to_owned(),
        allowed_sources: vec![task.to_owned()],
        first_host_id: LinuxConfig::DEFAULT_FIRST_HOST_ID + 0x20_0000,
        blank_sandboxes,
        listen_at: listen_at(),
        host_name: "localhost".into(),
        tmp_bytes: 512 * MIB,
        tmp_inodes: 512 * MIB / 4096,
        host_network: HostNetwork::Refused,
        egress_network: None,
    })?)
}

fn listen_at() -> ListenAt {
    ListenAt(([127, 0, 0, 1], 9001).into())
}

fn bare(task: &Path) -> Outcome<Duration> {
    let mut command = Command::new(task.join(PROGRAM));
    command
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let began = Instant::now();
    let mut child = command.spawn()?;
    let mut stdout = child.stdout.take().ok_or("it was asked for")?;
    stdout.read_exact(&mut [0])?;
    let elapsed = began.elapsed();
    child.wait()?;
    Ok(elapsed)
}

async fn first_byte(driver: &LinuxDriver, task: &Path) -> Outcome<Duration> {
    let began = Instant::now();
    let sandbox = driver.launch_with(spec(task), process(), None).await?;
    let begun = sandbox
        .take_begun()
        .await?
        .ok_or("it begins with the sandbox")?;
    let mut process = begun.process;
    let stdout = process.take_output().ok_or("it was asked for")?;
    pipe::Receiver::from_owned_fd(stdout)?.read_u8().await?;
    let elapsed = began.elapsed();
    sandbox.destroy().await?;
    Ok(elapsed)
}

fn process() -> ProcessSpec {
    let program = PathBuf::from(TASK_ROOT).join(PROGRAM);
    ProcessSpec {
        arguments: vec![program.clone().into_os_string()],
        program,
        variables: Vec::new(),
        directory: TASK_ROOT.into(),
    }
}

fn spec(task: &Path) -> SandboxSpec {
    SandboxSpec {
        id: SandboxId::from_random(1),
        mounts: vec![ReadOnlyMount {
            source: task.to_owned(),
            target: TASK_ROOT.into(),
        }],
        overlays: Vec::new(),
        limits: Limits {
            memory_bytes: 1769 * MIB,
            milli_cpus: 1000,
            processes: 1024,
            open_files: 1024,
            tmp_bytes: 512 * MIB,
            tmp_inodes: 512 * MIB / 4096,
        },
        listen_at: listen_at(),
        egress: Egress::None,
        host_name: "localhost".into(),
    }
}

/// How many sandboxes a second come to their first byte and go again, with four asked for at once.
async fn sustained(driver: &LinuxDriver, task: &Path) -> Outcome<f64> {
    const FOR: Duration = Duration::from_secs(3);
    let began = Instant::now();
    let creator = async || -> Outcome<f64> {
        let mut created = 0.0;
        while began.elapsed() < FOR {
            first_byte(driver, task).await?;
            created += 1.0;
        }
        Ok(created)
    };
    let (a, b, c, d) = tokio::try_join!(creator(), creator(), creator(), creator())?;
    Ok((a + b + c + d) / began.elapsed().as_secs_f64())
}

fn tell(side: &str, samples: &mut [Duration]) {
    samples.sort_unstable();
    let at = |percent: usize| {
        samples
            .get(samples.len() * percent / 100)
            .map_or(0, Duration::as_micros)
    };
    let (min, p25, p50, p99) = (at(0), at(25), at(50), at(99));
    tell_line(&format!(
        "{side:9} min {min:6} p25 {p25:6} p50 {p50:6} p99 {p99:6} us"
    ));
}

#[expect(clippy::print_stdout, reason = "a table for whoever runs it")]
fn tell_line(line: &str) {
    println!("{line}");
}
