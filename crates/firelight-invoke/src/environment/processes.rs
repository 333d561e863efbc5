//! The processes of one environment: its runtime and its external extensions, with what they print.
//!
//! Deliberately absent: what an exit means. That depends on the phase the environment is in.

use std::io;
use std::pin::Pin;

use bytes::Bytes;
use firelight_sandbox::{Begun, Exit, ProcessSpec, Sandbox, SandboxProcess, SpawnError};

use super::output::Output;

/// Who a process is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Runtime,
    /// Named by its file in `/opt/extensions`.
    Extension(String),
}

/// Something a process did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ProcessHappening {
    Printed,
    Exited(Role, Exit),
}

#[derive(Debug)]
struct Running<P> {
    role: Role,
    /// `None` once its exit was told.
    process: Option<P>,
    output: Output,
}

#[derive(Debug)]
pub(crate) struct Processes<P> {
    running: Vec<Running<P>>,
    /// Whether the runtime was one that waited.
    began_started: bool,
}

/// A program could not be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    #[error("could not take over the pipe of a new process")]
    Pipe(#[from] io::Error),
}

/// The runtime that the launch began, or that waits in the sandbox.
async fn begun<S: Sandbox>(
    sandbox: &S,
    spec: &ProcessSpec,
) -> Result<Option<Begun<S::Process>>, SpawnError> {
    if let Some(begun) = sandbox.take_begun().await? {
        return Ok(Some(begun));
    }
    let claimed = sandbox.claim_waiting(spec).await?;
    Ok(claimed.map(|process| Begun {
        process,
        waited: true,
    }))
}

impl<P: SandboxProcess> Processes<P> {
    pub(crate) fn new() -> Self {
        Self {
            running: Vec::new(),
            began_started: false,
        }
    }

    /// Starts a program in the sandbox. A runtime may have begun with it; one that waits there has only to be told what
    /// for.
    pub(crate) async fn start<S: Sandbox<Process = P>>(
        &mut self,
        sandbox: &S,
        role: Role,
        spec: ProcessSpec,
    ) -> Result<(), StartError> {
        let begun = match role {
            Role::Runtime => begun(sandbox, &spec).await?,
            Role::Extension(_) => None,
        };
        self.began_started |= begun.as_ref().is_some_and(|begun| begun.waited);
        let mut process = match begun {
            Some(begun) => begun.process,
            None => sandbox.spawn(spec).await?,
        };
        let output = Output::new(process.take_output())?;
        self.running.push(Running {
            role,
            process: Some(process),
            output,
        });
        Ok(())
    }

    /// Waits until a process printed something or ended. Cancel-safe.
    pub(crate) async fn happening(&mut self) -> ProcessHappening {
        match self.running.as_mut_slice() {
            [] => std::future::pending().await,
            // The usual case, without an allocation: a runtime and no extensions.
            [only] => only.happening().await,
            several => {
                let waits = several.iter_mut().map(
                    |running| -> Pin<Box<dyn Future<Output = _> + Send + '_>> {
                        Box::pin(running.happening())
                    },
                );
                futures_util::future::select_all(waits).await.0
            }
        }
    }

    /// Takes the complete lines that were printed up to now.
    pub(crate) fn drain(&mut self, mut line: impl FnMut(&Role, Bytes)) {
        for Running { role, output, .. } in &mut self.running {
            output.drain().into_iter().for_each(|one| line(role, one));
        }
    }

    /// Takes everything that was printed up to now, unfinished lines too.
    pub(crate) fn drain_all(&mut self, mut line: impl FnMut(&Role, Bytes)) {
        self.drain(&mut line);
        for Running { role, output, .. } in &mut self.running {
            let partial = output.take_partial();
            partial.into_iter().for_each(|one| line(role, one));
        }
    }

    /// Asks the runtime to end in good order.
    pub(crate) async fn signal_runtime(&self, signal: i32) {
        for running in &self.running {
            if let (Role::Runtime, Some(process)) = (&running.role, &running.process) {
                // It may have ended already, which is what we want.
                let _ = process.signal(signal).await;
            }
        }
    }

    pub(crate) fn began_started(&self) -> bool {
        self.began_started
    }

    /// Whether any process has not ended yet.
    pub(crate) fn any_alive(&self) -> bool {
        self.running.iter().any(|running| running.process.is_some())
    }

    /// Forgets all processes, after they were killed.
    pub(crate) fn clear(&mut self) {
        self.running.clear();
    }
}

impl<P: SandboxProcess> Running<P> {
    async fn happening(&mut self) -> ProcessHappening {
        let Self {
            role,
            process,
            output,
        } = self;
        let exit = async {
            match process {
                Some(process) => process.wait().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = output.readable() => ProcessHappening::Printed,
            exit = exit => {
                self.process = None;
                ProcessHappening::Exited(role.clone(), exit)
            }
        }
    }
}
