//! A sandbox that is only a list of running programs.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::process::{FakeProcess, Note};
use super::script::{FakeProgram, Programs, command};
use super::{FakeEvent, Shared};
use crate::{
    Dialer, Exit, LaunchError, ProcessSpec, Sandbox, SandboxError, SandboxId, SandboxSpec,
    SpawnError, Usage,
};

const SIGKILL: i32 = 9;

#[derive(Debug)]
pub struct FakeSandbox {
    listener: Option<TcpListener>,
    handle: FakeHandle,
}

/// A test's hand on a sandbox that something else owns.
#[derive(Clone)]
pub struct FakeHandle {
    inner: Arc<Inner>,
}

struct Inner {
    spec: SandboxSpec,
    address: SocketAddr,
    shared: Arc<Shared>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    gone: bool,
    /// A program waits to be claimed.
    waiting: bool,
    usage: Usage,
    next: u64,
    running: HashMap<u64, Running>,
}

struct Running {
    exit: watch::Sender<Option<Exit>>,
    task: JoinHandle<()>,
}

impl FakeHandle {
    pub fn id(&self) -> SandboxId {
        self.inner.spec.id
    }

    pub fn spec(&self) -> &SandboxSpec {
        &self.inner.spec
    }

    /// Where the listener really is.
    pub fn listener_address(&self) -> SocketAddr {
        self.inner.address
    }

    /// Makes the sandbox vanish under its owner, as when its init is killed.
    pub fn lose(&self) {
        self.inner.state().gone = true;
        self.inner.end_all(Exit::SandboxLost);
    }

    /// Kills every program as the kernel does when the memory limit is reached.
    pub fn run_out_of_memory(&self) {
        self.inner.state().usage.out_of_memory_kills += 1;
        self.inner.end_all(Exit::OutOfMemory);
    }

    pub fn set_usage(&self, usage: Usage) {
        self.inner.state().usage = usage;
    }
}

impl std::fmt::Debug for FakeHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FakeHandle({})", self.id())
    }
}

impl FakeSandbox {
    pub(crate) fn new(shared: Arc<Shared>, spec: SandboxSpec) -> Result<Self, LaunchError> {
        let failed = |source| LaunchError::Step {
            step: "listen on 127.0.0.1".into(),
            source,
        };
        let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let inner = Inner {
            spec,
            address,
            shared,
            state: Mutex::default(),
        };
        Ok(Self {
            listener: Some(listener),
            handle: FakeHandle {
                inner: Arc::new(inner),
            },
        })
    }

    pub fn handle(&self) -> FakeHandle {
        self.handle.clone()
    }

    pub(crate) fn set_waiting(&self, waiting: bool) {
        self.inner().state().waiting = waiting;
    }

    /// Runs a program, noting that it did.
    fn run(&self, process: ProcessSpec, event: FakeEvent) -> Result<FakeProcess, SpawnError> {
        let inner = self.inner();
        if inner.state().gone {
            return Err(SandboxError::Gone.into());
        }
        if let Some(error) = inner.shared.faults.take_spawn() {
            return Err(error);
        }
        inner.shared.note(event);
        let preparing = |source| SandboxError::Step {
            step: "make a pipe".into(),
            source,
        };
        let (output, output_writer) = io::pipe().map_err(preparing)?;
        let (signals, signals_inside) = mpsc::channel(16);
        let program = FakeProgram {
            spec: process,
            listener_address: inner.address,
            output: output_writer,
            signals: signals_inside,
        };
        let (exit, exited) = watch::channel(None);
        inner.start(program, exit)?;
        let (noted, id) = (Arc::clone(&inner.shared), inner.spec.id);
        Ok(FakeProcess {
            output: Some(output.into()),
            exit: exited,
            signals,
            note: Note(Box::new(move |signal| {
                noted.note(FakeEvent::Signalled(id, signal))
            })),
        })
    }

    fn inner(&self) -> &Arc<Inner> {
        &self.handle.inner
    }

    fn check(&self, fault: Option<SandboxError>, event: FakeEvent) -> Result<(), SandboxError> {
        if self.inner().state().gone {
            return Err(SandboxError::Gone);
        }
        match fault {
            Some(error) => Err(error),
            None => {
                self.inner().shared.note(event);
                Ok(())
            }
        }
    }
}

impl Sandbox for FakeSandbox {
    type Process = FakeProcess;

    fn take_listener(&mut self) -> Option<TcpListener> {
        self.listener.take()
    }

    /// There are no walls: the loopback inside is the test's own.
    fn dialer(&self) -> Dialer {
        Arc::new(|port| {
            Box::pin(async move {
                let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
                stream.set_nonblocking(true)?;
                Ok(stream)
            })
        })
    }

    async fn spawn(&self, process: ProcessSpec) -> Result<FakeProcess, SpawnError> {
        let event = FakeEvent::Spawned(self.handle.id(), process.clone());
        self.run(process, event)
    }

    async fn claim_waiting(
        &self,
        process: &ProcessSpec,
    ) -> Result<Option<FakeProcess>, SandboxError> {
        if !std::mem::take(&mut self.inner().state().waiting) {
            return Ok(None);
        }
        let event = FakeEvent::Claimed(self.handle.id(), process.clone());
        Ok(self.run(process.clone(), event).ok())
    }

    async fn kill_processes(&self) -> Result<(), SandboxError> {
        let fault = self.inner().shared.faults.take_kill_processes();
        self.check(fault, FakeEvent::KilledProcesses(self.handle.id()))?;
        self.set_waiting(false);
        self.inner().end_all(Exit::Signal(SIGKILL));
        Ok(())
    }

    async fn freeze(&self) -> Result<(), SandboxError> {
        let fault = self.inner().shared.faults.take_freeze();
        self.check(fault, FakeEvent::Frozen(self.handle.id()))
    }

    async fn thaw(&self) -> Result<(), SandboxError> {
        let fault = self.inner().shared.faults.take_thaw();
        self.check(fault, FakeEvent::Thawed(self.handle.id()))
    }

    async fn set_cpu(&self, milli_cpus: u32) -> Result<(), SandboxError> {
        self.check(None, FakeEvent::CpuSet(self.handle.id(), milli_cpus))
    }

    async fn usage(&self) -> Result<Usage, SandboxError> {
        let state = self.inner().state();
        if state.gone {
            Err(SandboxError::Gone)
        } else {
            Ok(state.usage)
        }
    }

    async fn destroy(self) -> Result<(), SandboxError> {
        drop(self);
        Ok(())
    }
}

impl Drop for FakeSandbox {
    fn drop(&mut self) {
        self.inner().state().gone = true;
        self.inner().end_all(Exit::SandboxLost);
        self.inner().shared.forget(self.handle.id());
        self.inner()
            .shared
            .note(FakeEvent::Destroyed(self.handle.id()));
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the program; its task reports its exit unless something ends it first.
    fn start(
        self: &Arc<Self>,
        program: FakeProgram,
        exit: watch::Sender<Option<Exit>>,
    ) -> Result<(), SpawnError> {
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        let inner = Arc::clone(self);
        let task = match &self.shared.programs {
            Programs::Script(script) => {
                let running = script(program);
                tokio::spawn(async move { inner.end(number, running.await) })
            }
            Programs::Plain => {
                let FakeProgram {
                    spec,
                    output,
                    signals,
                    ..
                } = program;
                let started =
                    command(&self.spec, &spec, output).and_then(|mut command| command.spawn());
                let failed = |source| exec_failed(&spec, source);
                let child = started.map_err(failed)?;
                tokio::spawn(async move { inner.end(number, oversee(child, signals).await) })
            }
        };
        state.running.insert(number, Running { exit, task });
        Ok(())
    }

    fn end(&self, number: u64, exit: Exit) {
        if let Some(running) = self.state().running.remove(&number) {
            running.exit.send_replace(Some(exit));
        }
    }

    fn end_all(&self, exit: Exit) {
        for (_, running) in self.state().running.drain() {
            running.task.abort();
            running.exit.send_replace(Some(exit));
        }
    }
}

fn exec_failed(spec: &ProcessSpec, source: io::Error) -> SpawnError {
    SpawnError::Exec {
        program: spec.program.display().to_string(),
        source,
    }
}

/// Waits for a child, passing on signals. Dropped, it kills the child.
async fn oversee(mut child: tokio::process::Child, mut signals: mpsc::Receiver<i32>) -> Exit {
    loop {
        tokio::select! {
            status = child.wait() => return status.map_or(Exit::SandboxLost, exit),
            Some(signal) = signals.recv() => send(&child, signal),
        }
    }
}

fn send(child: &tokio::process::Child, signal: i32) {
    let pid = child
        .id()
        .and_then(|pid| rustix::process::Pid::from_raw(i32::try_from(pid).ok()?));
    let signal = rustix::process::Signal::from_named_raw(signal);
    if let (Some(pid), Some(signal)) = (pid, signal) {
        // It is our child and not reaped: an error can only mean that it has just ended.
        let _ = rustix::process::kill_process(pid, signal);
    }
}

fn exit(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, Some(signal)) => Exit::Signal(signal),
        (None, None) => Exit::SandboxLost,
    }
}
