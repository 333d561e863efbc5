//! A program of a fake sandbox.

use std::os::fd::OwnedFd;

use tokio::sync::{mpsc, watch};

use crate::{Exit, SandboxError, SandboxProcess};

#[derive(Debug)]
pub struct FakeProcess {
    pub(crate) output: Option<OwnedFd>,
    pub(crate) exit: watch::Receiver<Option<Exit>>,
    pub(crate) signals: mpsc::Sender<i32>,
    pub(crate) note: Note,
}

/// Writes a signal into the driver's journal.
pub(crate) struct Note(pub(crate) Box<dyn Fn(i32) + Send + Sync>);

impl std::fmt::Debug for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Note")
    }
}

impl SandboxProcess for FakeProcess {
    fn take_output(&mut self) -> Option<OwnedFd> {
        self.output.take()
    }

    async fn signal(&self, signal: i32) -> Result<(), SandboxError> {
        (self.note.0)(signal);
        // Nobody there to hear it means that the program has ended.
        let _ = self.signals.send(signal).await;
        Ok(())
    }

    async fn wait(&mut self) -> Exit {
        match self.exit.wait_for(Option::is_some).await {
            Ok(exit) => exit.unwrap_or(Exit::SandboxLost),
            Err(_) => Exit::SandboxLost,
        }
    }
}
