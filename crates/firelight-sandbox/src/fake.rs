//! A sandbox without walls, for tests of whoever drives sandboxes.
//!
//! ```text
//!  FakeDriver::new(script) ── launch ──► FakeSandbox ── spawn ──► the script runs as a task: it is "the program"
//! ```
//!
//! The script gets what a program would have: its [`ProcessSpec`], the address of the sandbox's listener (on the
//! loopback), and both output pipes. What the script returns is how the process ended. Faults are set on the driver;
//! what was asked of it is kept in its record.
//!
//! Deliberately absent: isolation, limits, and time that passes by itself.

use std::future::Future;
use std::io::{self, PipeWriter};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::{
    Exit, LaunchError, ProcessSpec, Sandbox, SandboxDriver, SandboxError, SandboxId,
    SandboxProcess, SandboxSpec, SpawnError, Usage,
};

/// What a program inside has.
#[derive(Debug)]
pub struct Inside {
    pub sandbox: SandboxId,
    pub spec: ProcessSpec,
    /// Where the sandbox's listener can be reached.
    pub listener: SocketAddr,
    pub stdout: PipeWriter,
    pub stderr: PipeWriter,
}

/// A running script.
pub type Running = Pin<Box<dyn Future<Output = Exit> + Send>>;
type Script = Arc<dyn Fn(Inside) -> Running + Send + Sync>;

/// Something that was asked of a fake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    Launch(SandboxId),
    Spawn(SandboxId, String),
    KillProcesses(SandboxId),
    Freeze(SandboxId),
    Thaw(SandboxId),
    Destroyed(SandboxId),
}

/// What goes wrong, until it is set to something else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Launches that fail from now on.
    pub failing_launches: u32,
    /// Programs that cannot be executed from now on.
    pub failing_spawns: u32,
}

#[derive(Debug, Default)]
struct Shared {
    faults: Faults,
    usage: Usage,
    asked: Vec<Asked>,
    alive: usize,
}

/// Makes fakes. Clones share faults and record.
#[derive(Clone)]
pub struct FakeDriver {
    script: Script,
    shared: Arc<Mutex<Shared>>,
}

impl FakeDriver {
    /// Every program that is spawned runs `script`.
    pub fn new<F>(script: impl Fn(Inside) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Exit> + Send + 'static,
    {
        let script: Script = Arc::new(move |inside| Box::pin(script(inside)));
        Self {
            script,
            shared: Arc::default(),
        }
    }

    pub fn set_faults(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    /// What every sandbox reports as its usage.
    pub fn set_usage(&self, usage: Usage) {
        self.lock().usage = usage;
    }

    /// Everything that was asked so far, in order.
    pub fn asked(&self) -> Vec<Asked> {
        self.lock().asked.clone()
    }

    /// Sandboxes that were launched and not destroyed.
    pub fn alive(&self) -> usize {
        self.lock().alive
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, asked: Asked) {
        self.lock().asked.push(asked);
    }
}

impl SandboxDriver for FakeDriver {
    type Sandbox = FakeSandbox;

    async fn launch(&self, spec: SandboxSpec) -> Result<FakeSandbox, LaunchError> {
        self.record(Asked::Launch(spec.id));
        let failing = {
            let mut shared = self.lock();
            let failing = shared.faults.failing_launches > 0;
            shared.faults.failing_launches = shared.faults.failing_launches.saturating_sub(1);
            failing
        };
        if failing {
            return Err(LaunchError::Exhausted {
                reason: "the fake was told to fail".into(),
            });
        }
        let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let (listener, address) = bound
            .and_then(|listener| Ok((listener.local_addr()?, listener)))
            .map(|(address, listener)| (listener, address))
            .map_err(|source| LaunchError::Step {
                step: "bind a listener".into(),
                source,
            })?;
        self.lock().alive += 1;
        Ok(FakeSandbox {
            id: spec.id,
            driver: self.clone(),
            listener: Some(listener),
            address,
            processes: Mutex::default(),
        })
    }
}

/// A sandbox whose programs are tasks.
pub struct FakeSandbox {
    id: SandboxId,
    driver: FakeDriver,
    listener: Option<TcpListener>,
    address: SocketAddr,
    processes: Mutex<Vec<Task>>,
}

struct Task {
    abort: AbortHandle,
    exit: watch::Sender<Option<Exit>>,
}

impl Task {
    /// Ends the program, unless it ended by itself.
    fn kill(&self, exit: Exit) {
        self.abort.abort();
        self.exit.send_if_modified(|current| {
            let killed = current.is_none();
            current.get_or_insert(exit);
            killed
        });
    }
}

impl FakeSandbox {
    fn kill_all(&self, exit: Exit) {
        let mut processes = self
            .processes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for task in processes.drain(..) {
            task.kill(exit);
        }
    }
}

impl Sandbox for FakeSandbox {
    type Process = FakeProcess;

    fn take_listener(&mut self) -> Option<TcpListener> {
        self.listener.take()
    }

    async fn spawn(&self, spec: ProcessSpec) -> Result<FakeProcess, SpawnError> {
        let program = spec.program.display().to_string();
        self.driver.record(Asked::Spawn(self.id, program.clone()));
        let failing = {
            let mut shared = self.driver.lock();
            let failing = shared.faults.failing_spawns > 0;
            shared.faults.failing_spawns = shared.faults.failing_spawns.saturating_sub(1);
            failing
        };
        if failing {
            let source = io::Error::from_raw_os_error(2);
            return Err(SpawnError::Exec { program, source });
        }
        let pipes = io::pipe().and_then(|out| Ok((out, io::pipe()?)));
        let ((stdout, stdout_writer), (stderr, stderr_writer)) =
            pipes.map_err(|source| SandboxError::Step {
                step: "make pipes".into(),
                source,
            })?;
        let running = (self.driver.script)(Inside {
            sandbox: self.id,
            spec,
            listener: self.address,
            stdout: stdout_writer,
            stderr: stderr_writer,
        });
        let (exit, watcher) = watch::channel(None);
        let teller = exit.clone();
        let task = tokio::spawn(async move {
            let ended = running.await;
            teller.send_replace(Some(ended));
        });
        let abort = task.abort_handle();
        self.processes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Task {
                abort: abort.clone(),
                exit: exit.clone(),
            });
        Ok(FakeProcess {
            stdout: Some(stdout.into()),
            stderr: Some(stderr.into()),
            task: Task { abort, exit },
            watcher,
        })
    }

    async fn kill_processes(&self) -> Result<(), SandboxError> {
        self.driver.record(Asked::KillProcesses(self.id));
        self.kill_all(Exit::Signal(9));
        Ok(())
    }

    async fn freeze(&self) -> Result<(), SandboxError> {
        self.driver.record(Asked::Freeze(self.id));
        Ok(())
    }

    async fn thaw(&self) -> Result<(), SandboxError> {
        self.driver.record(Asked::Thaw(self.id));
        Ok(())
    }

    async fn set_cpu(&self, _milli_cpus: u32) -> Result<(), SandboxError> {
        Ok(())
    }

    async fn usage(&self) -> Result<Usage, SandboxError> {
        Ok(self.driver.lock().usage)
    }

    async fn destroy(self) -> Result<(), SandboxError> {
        Ok(())
    }
}

impl Drop for FakeSandbox {
    fn drop(&mut self) {
        self.kill_all(Exit::SandboxLost);
        self.driver.lock().alive -= 1;
        self.driver.record(Asked::Destroyed(self.id));
    }
}

/// A program that is a task.
pub struct FakeProcess {
    stdout: Option<OwnedFd>,
    stderr: Option<OwnedFd>,
    task: Task,
    watcher: watch::Receiver<Option<Exit>>,
}

impl SandboxProcess for FakeProcess {
    fn take_stdout(&mut self) -> Option<OwnedFd> {
        self.stdout.take()
    }

    fn take_stderr(&mut self) -> Option<OwnedFd> {
        self.stderr.take()
    }

    async fn signal(&self, signal: i32) -> Result<(), SandboxError> {
        self.task.kill(Exit::Signal(signal));
        Ok(())
    }

    async fn wait(&mut self) -> Exit {
        match self.watcher.wait_for(Option::is_some).await {
            Ok(exit) => exit.unwrap_or(Exit::SandboxLost),
            Err(_) => Exit::SandboxLost,
        }
    }
}
