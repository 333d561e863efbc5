//! The contract of a sandbox: the isolation around one execution environment.
//!
//! ```text
//!            launch                      spawn, kill_processes, freeze/thaw
//!  driver ──────────► sandbox (no process) ◄──────────────────────────────► processes
//!                        │ destroy, or drop
//!                        ▼
//!                 nothing is left: no process, mount, cgroup, namespace, device or file
//! ```
//!
//! A [`SandboxDriver`] makes sandboxes of one kind: `process` (namespaces and cgroups), later `microvm`, and the
//! [`fake`] of the tests. A sandbox is made empty, with every wall standing; processes are then spawned inside it, so
//! that extensions, the runtime and a *reset* (kill the processes, keep the sandbox and its `/tmp`) all use the same
//! calls. A [`WaitingProgram`] is the one process that can be there before its sandbox has an owner.
//!
//! Deliberately absent: Lambda. There is no ARN, no payload, no Runtime API and no tenant here; the listener is just
//! a socket bound inside the sandbox's network.

pub mod fake;
mod spec;

pub use spec::{
    Egress, Limits, ListenAt, Overlay, ProcessSpec, ReadOnlyMount, SandboxId, SandboxSpec,
    WAITING_DESCRIPTOR, WAITING_VARIABLE, WaitingProgram,
};

use std::future::Future;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// Makes sandboxes of one kind.
pub trait SandboxDriver: Send + Sync + 'static {
    type Sandbox: Sandbox;

    /// Makes an empty sandbox with all its walls and limits. Nothing of the function has run when it returns.
    fn launch(
        &self,
        spec: SandboxSpec,
    ) -> impl Future<Output = Result<Self::Sandbox, LaunchError>> + Send;

    /// Keeps sandboxes in which these programs wait, so many of each, instead of what was kept before. They are made in
    /// the background, as far as this driver can do that at all.
    fn keep_waiting(&self, _wanted: Vec<(WaitingProgram, u32)>) {}

    /// Makes a sandbox like [`SandboxDriver::launch`], of one in which `program` waits if there is one.
    /// [`Sandbox::claim_waiting`] with the same `process` then has it become that.
    fn launch_waiting(
        &self,
        spec: SandboxSpec,
        _program: &WaitingProgram,
        _process: &ProcessSpec,
    ) -> impl Future<Output = Result<Self::Sandbox, LaunchError>> + Send {
        self.launch(spec)
    }

    /// Makes a sandbox like [`SandboxDriver::launch`], and has `process` begin in it as soon as all its walls and limits
    /// stand, which may be before this returns. If `waiting` waits in some sandbox, it becomes that process.
    /// [`Sandbox::take_begun`] returns it. A driver may begin nothing.
    fn launch_with(
        &self,
        spec: SandboxSpec,
        _process: ProcessSpec,
        _waiting: Option<&WaitingProgram>,
    ) -> impl Future<Output = Result<Self::Sandbox, LaunchError>> + Send {
        self.launch(spec)
    }
}

/// One sandbox. Dropping it destroys it in the background; [`Sandbox::destroy`] waits until nothing is left.
pub trait Sandbox: Send + Sync + 'static {
    type Process: SandboxProcess;

    /// Takes the listener that was bound inside the sandbox's network at [`SandboxSpec::listen_at`].
    /// The second call returns `None`.
    fn take_listener(&mut self) -> Option<TcpListener>;

    /// Returns the way to ports on the loopback inside. It may be kept longer than the sandbox, and then fails.
    fn dialer(&self) -> Dialer;

    /// Starts a program inside. Its exit is awaited on the returned process.
    fn spawn(
        &self,
        process: ProcessSpec,
    ) -> impl Future<Output = Result<Self::Process, SpawnError>> + Send;

    /// Has the program that waits in this sandbox become `process`. `None` if none waits, or not any more: then the
    /// process is to be spawned.
    fn claim_waiting(
        &self,
        _process: &ProcessSpec,
    ) -> impl Future<Output = Result<Option<Self::Process>, SandboxError>> + Send {
        async { Ok(None) }
    }

    /// Takes the process that the launch began. `None` if there is none, or it was taken, or killed since: then it is to
    /// be spawned.
    fn take_begun(
        &self,
    ) -> impl Future<Output = Result<Option<Begun<Self::Process>>, SpawnError>> + Send {
        async { Ok(None) }
    }

    /// Kills every process inside and waits until they are gone. The sandbox, its mounts and `/tmp` stay.
    fn kill_processes(&self) -> impl Future<Output = Result<(), SandboxError>> + Send;

    /// Stops every process from running until [`Sandbox::thaw`].
    fn freeze(&self) -> impl Future<Output = Result<(), SandboxError>> + Send;

    fn thaw(&self) -> impl Future<Output = Result<(), SandboxError>> + Send;

    /// Replaces the CPU limit; the other limits stand for the sandbox's life.
    fn set_cpu(&self, milli_cpus: u32) -> impl Future<Output = Result<(), SandboxError>> + Send;

    /// Reads the kernel's counters.
    fn usage(&self) -> impl Future<Output = Result<Usage, SandboxError>> + Send;

    /// Reads the highest memory use alone, which is what every invocation asks.
    fn memory_peak_bytes(&self) -> impl Future<Output = Result<u64, SandboxError>> + Send {
        async { Ok(self.usage().await?.memory_peak_bytes) }
    }

    /// Reads what went through the sandbox's way out since launch; nothing where it has none that is counted.
    fn traffic(&self) -> impl Future<Output = Result<Traffic, SandboxError>> + Send {
        async { Ok(Traffic::default()) }
    }

    /// Destroys the sandbox and returns when nothing of it is left.
    fn destroy(self) -> impl Future<Output = Result<(), SandboxError>> + Send;
}

/// A process that began with its sandbox.
#[derive(Debug)]
pub struct Begun<P> {
    pub process: P,
    /// Whether it is a program that waited.
    pub waited: bool,
}

/// A process inside a sandbox.
pub trait SandboxProcess: Send + Sync + 'static {
    /// Takes the read end of the pipe that is both the process's standard output and its standard error, so that what it
    /// writes keeps its order; `None` the second time.
    fn take_output(&mut self) -> Option<OwnedFd>;

    /// Sends a signal to this process alone (for example 15, the orderly shutdown).
    fn signal(&self, signal: i32) -> impl Future<Output = Result<(), SandboxError>> + Send;

    /// Waits for the exit. Cancel-safe: the exit is not lost when the future is dropped and awaited again.
    fn wait(&mut self) -> impl Future<Output = Exit> + Send;
}

/// Connects to a port on a sandbox's own loopback. The stream is connected and does not block; what listens there is as
/// hostile as everything inside. A frozen sandbox is connected to when it is thawed.
pub type Dialer = Arc<dyn Fn(u16) -> Dialing + Send + Sync>;

/// A connection being made.
pub type Dialing = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Code(i32),
    Signal(i32),
    /// Killed by the kernel because the sandbox reached its memory limit.
    OutOfMemory,
    /// The sandbox went away under the process (destroyed, or its init was killed).
    SandboxLost,
}

/// The kernel's own counters of one sandbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub memory_bytes: u64,
    /// The most that was needed since launch, or since the last reset of processes where the kernel can tell: without
    /// the copies of files that it keeps while there is room.
    pub memory_peak_bytes: u64,
    pub cpu_time: Duration,
    pub out_of_memory_kills: u64,
}

/// Bytes through a sandbox's way out, as the kernel counts them on its interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    pub sent_bytes: u64,
    pub received_bytes: u64,
}

/// A sandbox could not be made.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    #[error("the sandbox specification is not valid: {reason}")]
    InvalidSpec { reason: String },
    #[error("this host cannot enforce {wall}: {reason}")]
    WallMissing { wall: &'static str, reason: String },
    #[error("no room for another sandbox: {reason}")]
    Exhausted { reason: String },
    #[error("could not {step}")]
    Step {
        step: String,
        #[source]
        source: std::io::Error,
    },
    #[error("the launcher is gone")]
    LauncherGone,
}

/// A program could not be started inside a sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// The program itself cannot be executed: it is missing, not executable, or of the wrong format.
    #[error("fork/exec {program}: {source}")]
    Exec {
        program: String,
        #[source]
        source: std::io::Error,
    },
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}

/// A call on a living sandbox failed.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error("the sandbox is gone")]
    Gone,
    #[error("could not {step}")]
    Step {
        step: String,
        #[source]
        source: std::io::Error,
    },
}
