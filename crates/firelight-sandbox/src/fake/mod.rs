//! A driver without walls, for tests of whatever uses sandboxes.
//!
//! Programs are either closures of the test ([`FakeDriver::scripted`]), which get a [`FakeProgram`] and return an
//! [`Exit`](crate::Exit), or plain child processes ([`FakeDriver::with_plain_processes`]) whose path is looked up
//! through the mounts. The listener is a real one on 127.0.0.1, at a port of its own for each sandbox. [`Faults`] make
//! the next calls fail; the [`FakeSandbox`]es alive can be lost, killed for memory, or given counters, through their
//! [`FakeHandle`].
//!
//! Deliberately absent: isolation, limits, frozen time. A frozen script goes on; that it was frozen is in the journal.

mod faults;
mod process;
mod sandbox;
mod script;

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use crate::{LaunchError, ProcessSpec, SandboxDriver, SandboxId, SandboxSpec, WaitingProgram};

pub use faults::Faults;
pub use process::FakeProcess;
pub use sandbox::{FakeHandle, FakeSandbox};
pub use script::FakeProgram;

use script::Programs;

/// What happened, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FakeEvent {
    Launched(SandboxId),
    Spawned(SandboxId, ProcessSpec),
    /// The program that waited in the sandbox became this process.
    Claimed(SandboxId, ProcessSpec),
    Signalled(SandboxId, i32),
    KilledProcesses(SandboxId),
    Frozen(SandboxId),
    Thawed(SandboxId),
    CpuSet(SandboxId, u32),
    Destroyed(SandboxId),
}

/// Makes [`FakeSandbox`]es. A clone is the same driver.
#[derive(Clone)]
pub struct FakeDriver {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) programs: Programs,
    pub(crate) faults: Faults,
    journal: Mutex<Vec<FakeEvent>>,
    alive: Mutex<Vec<FakeHandle>>,
    /// What is to be kept waiting. A fake program needs no time to start, so that many are always there.
    waiting: Mutex<Vec<(WaitingProgram, u32)>>,
}

impl FakeDriver {
    /// Every program is this closure, run as a task.
    pub fn scripted<F, R>(script: F) -> Self
    where
        F: Fn(FakeProgram) -> R + Send + Sync + 'static,
        R: Future<Output = crate::Exit> + Send + 'static,
    {
        Self::new(Programs::script(script))
    }

    /// Every program is a child process of the test, with exactly its own variables and arguments.
    pub fn with_plain_processes() -> Self {
        Self::new(Programs::Plain)
    }

    fn new(programs: Programs) -> Self {
        Self {
            shared: Arc::new(Shared {
                programs,
                faults: Faults::default(),
                journal: Mutex::default(),
                alive: Mutex::default(),
                waiting: Mutex::default(),
            }),
        }
    }

    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// Everything that happened so far.
    pub fn journal(&self) -> Vec<FakeEvent> {
        self.shared
            .journal
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The programs that are to be kept waiting now.
    pub fn waiting(&self) -> Vec<(WaitingProgram, u32)> {
        self.shared
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The sandboxes that are not destroyed, oldest first.
    pub fn alive(&self) -> Vec<FakeHandle> {
        self.shared
            .alive
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl SandboxDriver for FakeDriver {
    type Sandbox = FakeSandbox;

    async fn launch(&self, spec: SandboxSpec) -> Result<FakeSandbox, LaunchError> {
        if let Some(error) = self.shared.faults.take_launch() {
            return Err(error);
        }
        tokio::time::sleep(self.shared.faults.launch_delay()).await;
        let id = spec.id;
        let sandbox = FakeSandbox::new(Arc::clone(&self.shared), spec)?;
        let mut alive = self
            .shared
            .alive
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        alive.push(sandbox.handle());
        drop(alive);
        self.shared.note(FakeEvent::Launched(id));
        Ok(sandbox)
    }

    fn keep_waiting(&self, wanted: Vec<(WaitingProgram, u32)>) {
        *self
            .shared
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = wanted;
    }

    /// Begins nothing: a fake program is told its listener's address, which nobody knows before.
    async fn launch_with(
        &self,
        spec: SandboxSpec,
        process: ProcessSpec,
        waiting: Option<&WaitingProgram>,
    ) -> Result<FakeSandbox, LaunchError> {
        match waiting {
            Some(program) => self.launch_waiting(spec, program, &process).await,
            None => self.launch(spec).await,
        }
    }

    async fn launch_waiting(
        &self,
        spec: SandboxSpec,
        program: &WaitingProgram,
        _process: &ProcessSpec,
    ) -> Result<FakeSandbox, LaunchError> {
        let waits = self
            .waiting()
            .iter()
            .any(|(one, count)| one == program && *count > 0);
        let sandbox = self.launch(spec).await?;
        sandbox.set_waiting(waits);
        Ok(sandbox)
    }
}

impl Shared {
    pub(crate) fn note(&self, event: FakeEvent) {
        self.journal
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(event);
    }

    pub(crate) fn forget(&self, id: SandboxId) {
        let mut alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner);
        alive.retain(|handle| handle.id() != id);
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::*;
    use crate::{
        Egress, Exit, Limits, ListenAt, ReadOnlyMount, Sandbox, SandboxError, SandboxProcess,
        SpawnError,
    };

    fn spec() -> SandboxSpec {
        SandboxSpec {
            id: SandboxId::from_random(7),
            mounts: Vec::new(),
            overlays: Vec::new(),
            limits: Limits {
                memory_bytes: 1 << 27,
                milli_cpus: 1000,
                processes: 16,
                open_files: 64,
                tmp_bytes: 1 << 20,
                tmp_inodes: 64,
            },
            listen_at: ListenAt("169.254.100.1:9001".parse().unwrap()),
            egress: Egress::None,
            host_name: "sandbox".into(),
        }
    }

    fn program(path: &str, arguments: &[&str]) -> ProcessSpec {
        ProcessSpec {
            program: path.into(),
            arguments: arguments.iter().map(Into::into).collect(),
            variables: vec![("ONLY".into(), "this".into())],
            directory: "/".into(),
        }
    }

    #[tokio::test]
    async fn a_scripted_program_reaches_the_listener_and_its_exit_is_reported() {
        let driver = FakeDriver::scripted(|program| async move {
            let mut connection = TcpStream::connect(program.listener_address).unwrap();
            connection.write_all(b"hello").unwrap();
            Exit::Code(3)
        });
        let mut sandbox = driver.launch(spec()).await.unwrap();
        let listener = sandbox.take_listener().unwrap();

        let mut process = sandbox
            .spawn(program("/var/task/bootstrap", &["b"]))
            .await
            .unwrap();

        assert_eq!(process.wait().await, Exit::Code(3));
        let mut heard = String::new();
        listener
            .accept()
            .unwrap()
            .0
            .read_to_string(&mut heard)
            .unwrap();
        assert_eq!(heard, "hello");
    }

    #[tokio::test]
    async fn a_plain_process_is_found_through_the_mounts_and_gets_only_its_variables() {
        let driver = FakeDriver::with_plain_processes();
        let mut spec = spec();
        spec.mounts = vec![ReadOnlyMount {
            source: "/usr/bin".into(),
            target: "/var/lang/bin".into(),
        }];
        let sandbox = driver.launch(spec).await.unwrap();

        let mut process = sandbox
            .spawn(program("/var/lang/bin/env", &["env"]))
            .await
            .unwrap();

        assert_eq!(process.wait().await, Exit::Code(0));
        let mut written = String::new();
        let mut stdout = std::fs::File::from(process.take_output().unwrap());
        stdout.read_to_string(&mut written).unwrap();
        assert_eq!(written, "ONLY=this\n");
    }

    #[tokio::test]
    async fn killing_the_processes_keeps_the_sandbox_and_losing_it_does_not() {
        let driver = FakeDriver::with_plain_processes();
        let sandbox = driver.launch(spec()).await.unwrap();
        let mut first = sandbox
            .spawn(program("/bin/sleep", &["sleep", "100"]))
            .await
            .unwrap();

        sandbox.kill_processes().await.unwrap();

        assert_eq!(first.wait().await, Exit::Signal(9));
        let mut second = sandbox
            .spawn(program("/bin/sleep", &["sleep", "100"]))
            .await
            .unwrap();
        driver.alive()[0].lose();
        assert_eq!(second.wait().await, Exit::SandboxLost);
        assert!(matches!(sandbox.freeze().await, Err(SandboxError::Gone)));
    }

    #[tokio::test]
    async fn a_fault_hits_the_next_call_alone() {
        let driver = FakeDriver::with_plain_processes();
        driver.faults().fail_next_launch(LaunchError::LauncherGone);

        assert!(driver.launch(spec()).await.is_err());
        assert!(driver.launch(spec()).await.is_ok());
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_an_exec_error() {
        let driver = FakeDriver::with_plain_processes();
        let sandbox = driver.launch(spec()).await.unwrap();

        let error = sandbox
            .spawn(program("/var/task/bootstrap", &["b"]))
            .await
            .err();

        assert!(matches!(error, Some(SpawnError::Exec { .. })), "{error:?}");
    }

    #[tokio::test]
    async fn dropping_a_sandbox_ends_its_programs() {
        let driver = FakeDriver::scripted(|_| std::future::pending());
        let sandbox = driver.launch(spec()).await.unwrap();
        let mut process = sandbox.spawn(program("/b", &[])).await.unwrap();

        drop(sandbox);

        assert_eq!(process.wait().await, Exit::SandboxLost);
        assert_eq!(driver.alive().len(), 0);
    }
}
