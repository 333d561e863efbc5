//! What every test stands on: a driver with a directory of its own, a spec, and this binary as the program inside.

use std::ffi::OsString;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::leaks::Snapshot;
use firelight_sandbox::{
    Egress, Exit, Limits, ListenAt, ProcessSpec, ReadOnlyMount, Sandbox, SandboxDriver, SandboxId,
    SandboxProcess, SandboxSpec,
};
use firelight_sandbox_linux::{HostNetwork, LinuxConfig, LinuxDriver, LinuxProcess, LinuxSandbox};

pub(crate) const MIB: u64 = 1024 * 1024;
/// Where this binary is inside.
pub(crate) const PROBE: &str = "/var/task/probe";

/// A driver with all that belongs to it; stopping it must leave nothing.
///
/// What was there before it is compared with what is there after it, whatever the test is about.
pub(crate) struct Rig {
    before: Snapshot,
    pub(crate) driver: LinuxDriver,
    pub(crate) config: LinuxConfig,
    pub(crate) dir: tempfile::TempDir,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut LinuxConfig)) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let config = config(dir.path(), change);
        Self::start(Snapshot::take(), config, dir)
    }

    /// Starts what is configured; `before` is from before anything of it was there.
    pub(crate) fn start(before: Snapshot, config: LinuxConfig, dir: tempfile::TempDir) -> Self {
        let driver = LinuxDriver::start(&config).expect("the driver starts");
        Self {
            before,
            driver,
            config,
            dir,
        }
    }

    /// A second life of the same installation, after the launcher of the first was killed.
    pub(crate) fn start_again(self) -> Self {
        let Self {
            before,
            driver,
            config,
            dir,
        } = self;
        drop(driver);
        Self::start(before, config, dir)
    }

    /// Destroys the last sandbox, then the driver.
    pub(crate) async fn end(self, sandbox: LinuxSandbox) {
        sandbox.destroy().await.expect("the sandbox is destroyed");
        self.stop().await;
    }

    /// Stops the driver; nothing of it may be left.
    pub(crate) async fn stop(self) {
        self.driver.stop().await;
        let (instance, image_dir) = (&self.config.instance, &self.config.image_dir);
        self.before.assert_nothing_left_of(instance, image_dir);
    }

    /// Whether this host has the wall; if not, the output says that it was not tested.
    pub(crate) fn stands(&self, wall: &str) -> bool {
        let missing = self
            .driver
            .report()
            .missing()
            .find(|missing| missing.name == wall);
        if let Some(missing) = missing {
            eprintln!("not tested here: {wall} ({})", missing.reason);
        }
        missing.is_none()
    }

    pub(crate) async fn sandbox(&self) -> LinuxSandbox {
        self.sandbox_with(|_| {}).await
    }

    pub(crate) async fn sandbox_with(&self, change: impl FnOnce(&mut SandboxSpec)) -> LinuxSandbox {
        let mut spec = spec();
        change(&mut spec);
        self.driver
            .launch(spec)
            .await
            .expect("the sandbox is launched")
    }
}

pub(crate) fn config(dir: &Path, change: impl FnOnce(&mut LinuxConfig)) -> LinuxConfig {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut allowed_sources: Vec<PathBuf> = ["/bin", "/lib", "/lib64", "/usr", "/etc/ld.so.cache"]
        .map(PathBuf::from)
        .to_vec();
    allowed_sources.push(dir.to_owned());
    allowed_sources.push(own_program());
    let mut config = LinuxConfig {
        instance: format!("test-{}-{count}", std::process::id()),
        state_dir: dir.join("launcher"),
        image_dir: dir.join("launcher"),
        allowed_sources,
        first_host_id: LinuxConfig::DEFAULT_FIRST_HOST_ID,
        blank_sandboxes: 0,
        listen_at: listen_at(),
        host_name: "sandbox".into(),
        tmp_bytes: 16 * MIB,
        tmp_inodes: 1024,
        host_network: HostNetwork::Refused,
        egress_network: None,
    };
    change(&mut config);
    config
}

pub(crate) fn listen_at() -> ListenAt {
    ListenAt("169.254.100.1:9001".parse().expect("an address"))
}

/// A sandbox that shows this host's libraries and this binary.
pub(crate) fn spec() -> SandboxSpec {
    static COUNT: AtomicU32 = AtomicU32::new(1);
    let mut mounts: Vec<ReadOnlyMount> = ["/lib", "/lib64", "/usr/lib", "/etc/ld.so.cache"]
        .iter()
        .filter(|path| Path::new(path).exists())
        .map(|path| ReadOnlyMount {
            source: path.into(),
            target: path.into(),
        })
        .collect();
    mounts.push(ReadOnlyMount {
        source: own_program(),
        target: PROBE.into(),
    });
    SandboxSpec {
        id: SandboxId::from_random(COUNT.fetch_add(1, Ordering::Relaxed).into()),
        mounts,
        overlays: Vec::new(),
        limits: Limits {
            memory_bytes: 256 * MIB,
            milli_cpus: 1000,
            processes: 64,
            open_files: 1024,
            tmp_bytes: 16 * MIB,
            tmp_inodes: 1024,
        },
        listen_at: listen_at(),
        egress: Egress::None,
        host_name: "sandbox".into(),
    }
}

fn own_program() -> PathBuf {
    std::env::current_exe().expect("the path of this binary")
}

/// Copies this binary to be executed from elsewhere.
///
/// By another process: a descriptor open for writing here could be inherited by whatever another test starts at this
/// moment, and a file that anybody has open for writing cannot be executed.
pub(crate) fn copy_own_program(to: &Path) {
    let copied = std::process::Command::new("cp")
        .arg(own_program())
        .arg(to)
        .status();
    assert!(copied.expect("cp runs").success());
}

/// The program that runs one probe inside.
pub(crate) fn probe(name: &str) -> ProcessSpec {
    program(PROBE, &["probe", "__probe", name])
}

pub(crate) fn program(path: &str, arguments: &[&str]) -> ProcessSpec {
    ProcessSpec {
        program: path.into(),
        arguments: arguments.iter().map(OsString::from).collect(),
        variables: Vec::new(),
        directory: "/tmp".into(),
    }
}

/// What a program wrote and how it ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) exit: Exit,
    pub(crate) output: String,
}

/// Runs a probe to its end.
pub(crate) async fn run_probe(sandbox: &LinuxSandbox, name: &str) -> Outcome {
    run(sandbox, probe(name)).await
}

pub(crate) async fn run(sandbox: &LinuxSandbox, program: ProcessSpec) -> Outcome {
    let mut process = sandbox.spawn(program).await.expect("the program starts");
    finish(&mut process).await
}

pub(crate) async fn finish(process: &mut LinuxProcess) -> Outcome {
    let output = read_later(process.take_output().expect("the output"));
    let exit = process.wait().await;
    Outcome {
        exit,
        output: output.await.unwrap(),
    }
}

fn read_later(pipe: OwnedFd) -> tokio::task::JoinHandle<String> {
    tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        std::fs::File::from(pipe)
            .read_to_end(&mut bytes)
            .expect("the pipe is readable");
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Kills a process of the test's own as nothing can be killed harder.
pub(crate) fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

/// Stops a process until it is killed.
pub(crate) fn stop(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
}

pub(crate) fn descriptors_of(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd"))
        .expect("the descriptors")
        .count()
}

pub(crate) fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the status");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .expect("its size");
    line.trim()
        .trim_end_matches(" kB")
        .parse()
        .expect("a number")
}

/// The children of a process, oldest first.
pub(crate) fn children_of(pid: u32) -> Vec<u32> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let children = std::fs::read_to_string(path).expect("the list of children");
    children
        .split_whitespace()
        .map(|child| child.parse().unwrap())
        .collect()
}

/// Whether the running kernel is this version or a later one.
pub(crate) fn kernel_is_at_least(major: u32, minor: u32) -> bool {
    let release = rustix::system::uname()
        .release()
        .to_string_lossy()
        .into_owned();
    let mut numbers = release
        .split(['.', '-'])
        .map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (major, minor)
}
