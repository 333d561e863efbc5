//! A program running inside a sandbox, as the daemon holds it.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use firelight_sandbox::{Exit, SandboxError, SandboxProcess};
use tokio::sync::watch;

use super::sandbox::Inner;
use crate::wire::Task;

/// One process spawned by the daemon. Dropping it leaves the process running.
#[derive(Debug)]
pub struct LinuxProcess {
    pub(super) number: u32,
    pub(super) output: Option<OwnedFd>,
    pub(super) exit: watch::Receiver<Option<Exit>>,
    pub(super) sandbox: Arc<Inner>,
}

impl SandboxProcess for LinuxProcess {
    fn take_output(&mut self) -> Option<OwnedFd> {
        self.output.take()
    }

    async fn signal(&self, signal: i32) -> Result<(), SandboxError> {
        if self.exit.borrow().is_some() {
            return Ok(());
        }
        self.sandbox
            .tell(&Task::Signal {
                process: self.number,
                signal,
            })
            .await
    }

    async fn wait(&mut self) -> Exit {
        // The sender is dropped without an exit only when the sandbox is lost.
        match self.exit.wait_for(Option::is_some).await {
            Ok(exit) => exit.unwrap_or(Exit::SandboxLost),
            Err(_) => Exit::SandboxLost,
        }
    }
}
