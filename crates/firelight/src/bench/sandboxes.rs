//! Sandboxes made for the benchmark alone, by a driver of its own: the start path without Lambda around it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};
use firelight_runtimes::{
    Bootstrap, Credentials, FunctionFacts, Ground, InitializationType, LogFormat,
    RUNTIME_API_ADDRESS, ahead, plan,
};
use firelight_sandbox::{
    Egress, Limits, ListenAt, ProcessSpec, ReadOnlyMount, Sandbox, SandboxDriver, SandboxId,
    SandboxProcess, SandboxSpec, WaitingProgram,
};
use firelight_sandbox_linux::{HostNetwork, LinuxConfig, LinuxDriver, LinuxSandbox};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::time::Instant;

use super::instance::TemporaryDirectory;
use super::starts::{BareStarts, Language};

const MIB: u64 = 1024 * 1024;
const MEMORY_MB: u32 = 1769;
const STARTED_RUNTIMES: u32 = 2;
const TMP_BYTES: u64 = 512 * MIB;
const TMP_INODES: u64 = TMP_BYTES / 4096;
/// As many as the daemon keeps.
const BLANK_SANDBOXES: u32 = 4;
const TASK_ROOT: &str = "/var/task";

/// Whether sandboxes wait ahead of demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supply {
    Pooled,
    Unpooled,
}

/// A managed runtime: what its sandbox is, and the program that can become its process.
pub struct Runtime {
    spec: SandboxSpec,
    process: ProcessSpec,
    waiting: WaitingProgram,
}

/// A driver, and what its sandboxes may be shown.
pub struct Sandboxes {
    driver: LinuxDriver,
    ground: Ground,
    _state: TemporaryDirectory,
}

impl Sandboxes {
    /// Starts a driver that may show the task directories, the interpreters and the bootstraps of `starts`.
    pub fn start(supply: Supply, starts: &BareStarts, task: &Path) -> anyhow::Result<Self> {
        let state = TemporaryDirectory::new("sandboxes")?;
        let ground = Ground::of_this_host();
        let config = LinuxConfig {
            instance: format!("bench-{supply:?}-{}", std::process::id()),
            image_dir: state.as_ref().join("launcher"),
            state_dir: state.as_ref().join("launcher"),
            allowed_sources: sources(&ground, starts, task),
            first_host_id: LinuxConfig::DEFAULT_FIRST_HOST_ID + 0x10_0000,
            blank_sandboxes: match supply {
                Supply::Pooled => BLANK_SANDBOXES,
                Supply::Unpooled => 0,
            },
            listen_at: listen_at(),
            host_name: "localhost".into(),
            host_network: HostNetwork::Refused,
            egress_network: None,
            tmp_bytes: TMP_BYTES,
            tmp_inodes: TMP_INODES,
        };
        Ok(Self {
            driver: LinuxDriver::start(&config)?,
            ground,
            _state: state,
        })
    }

    /// Times from the order to the first byte that the program of a task directory writes.
    pub async fn first_byte(&self, task: &Path, program: &str) -> anyhow::Result<Duration> {
        let began = Instant::now();
        let program = process(Path::new(TASK_ROOT).join(program));
        let launched = self
            .driver
            .launch_with(spec(vec![code(task)]), program, None);
        let sandbox = launched.await?;
        let begun = sandbox.take_begun().await?;
        let mut process = begun.context("the program did not begin")?.process;
        let stdout = process.take_output().context("the program has no output")?;
        let read = pipe::Receiver::from_owned_fd(stdout)?.read_u8().await;
        let elapsed = began.elapsed();
        read.context("the program wrote nothing")?;
        end(sandbox).await?;
        Ok(elapsed)
    }

    /// What an interpreter needs to be started here for a function, or ahead of one.
    pub fn runtime(&self, starts: &BareStarts, language: &Language) -> anyhow::Result<Runtime> {
        let facts = FunctionFacts {
            function_name: "bench",
            function_version: "$LATEST",
            handler: "index.handler",
            memory_mb: MEMORY_MB,
            region: "us-east-1",
            variables: &BTreeMap::new(),
            logs: None,
            log_format: LogFormat::Text,
            initialization_type: InitializationType::OnDemand,
            credentials: Credentials::None,
            runtime_api: RUNTIME_API_ADDRESS,
            max_concurrency: 1,
        };
        let bootstrap = Bootstrap::Ours(&language.interpreter);
        let runtime = language.runtime;
        let plan = plan(runtime, bootstrap, &self.ground, starts.layout(), &facts);
        let ahead = ahead(runtime, bootstrap, &plan, &facts, false)?;
        let mut spec = spec(plan.mounts);
        let waiting = WaitingProgram {
            mounts: ahead.mounts,
            process: ahead.process,
            listen_at: spec.listen_at,
            egress: spec.egress,
            host_name: spec.host_name.clone(),
            limits: spec.limits,
        };
        spec.mounts.push(code(starts.task()));
        Ok(Runtime {
            spec,
            process: plan.process,
            waiting,
        })
    }

    /// Keeps started interpreters waiting.
    pub fn keep_waiting(&self, runtime: &Runtime) {
        let wanted = vec![(runtime.waiting.clone(), STARTED_RUNTIMES)];
        self.driver.keep_waiting(wanted);
    }

    /// Times from the order to the first request that the runtime makes.
    pub async fn first_request(&self, runtime: &Runtime) -> anyhow::Result<Duration> {
        let (process, mut spec) = (&runtime.process, runtime.spec.clone());
        spec.id = SandboxId::from_random(rand::random());
        let began = Instant::now();
        let waiting = Some(&runtime.waiting);
        let launched = self.driver.launch_with(spec, process.clone(), waiting);
        let mut sandbox = launched.await?;
        let listener = sandbox.take_listener().context("there is no listener")?;
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let mut process = match sandbox.take_begun().await? {
            Some(begun) => begun.process,
            None => sandbox.spawn(process.clone()).await?,
        };
        let requested = tokio::select! {
            biased;
            requested = super::starts::first_request(&listener) => requested,
            exit = process.wait() => Err(anyhow!("it ended before its first request: {exit:?}")),
        };
        let elapsed = began.elapsed();
        let _connection = requested.context("the runtime made no request")?;
        end(sandbox).await?;
        Ok(elapsed)
    }

    /// Ends the driver; nothing of it is left afterwards.
    pub async fn stop(self) {
        self.driver.stop().await;
    }
}

async fn end(sandbox: LinuxSandbox) -> anyhow::Result<()> {
    sandbox
        .destroy()
        .await
        .context("could not destroy the sandbox")
}

fn sources(ground: &Ground, starts: &BareStarts, task: &Path) -> Vec<PathBuf> {
    let interpreters = starts.inventory().found().iter();
    let mounts = interpreters.flat_map(|interpreter| interpreter.mounts());
    let mounts = mounts.chain(ground.mounts().iter().cloned());
    let own = [task, starts.directory()].map(Path::to_owned);
    let mut sources: Vec<PathBuf> = mounts.map(|mount| mount.source).chain(own).collect();
    sources.sort();
    sources.dedup();
    sources
}

fn listen_at() -> ListenAt {
    ListenAt(
        RUNTIME_API_ADDRESS
            .parse()
            .expect("the constant is an address"),
    )
}

fn code(task: &Path) -> ReadOnlyMount {
    ReadOnlyMount {
        source: task.to_owned(),
        target: TASK_ROOT.into(),
    }
}

fn process(program: PathBuf) -> ProcessSpec {
    ProcessSpec {
        arguments: vec![program.clone().into_os_string()],
        program,
        variables: Vec::new(),
        directory: TASK_ROOT.into(),
    }
}

/// What the data plane orders for a function of one vCPU.
fn spec(mounts: Vec<ReadOnlyMount>) -> SandboxSpec {
    SandboxSpec {
        id: SandboxId::from_random(rand::random()),
        mounts,
        overlays: Vec::new(),
        limits: Limits {
            memory_bytes: u64::from(MEMORY_MB) * MIB,
            milli_cpus: 1000,
            processes: 1024,
            open_files: 1024,
            tmp_bytes: TMP_BYTES,
            tmp_inodes: TMP_INODES,
        },
        listen_at: listen_at(),
        egress: Egress::None,
        host_name: "localhost".into(),
    }
}
