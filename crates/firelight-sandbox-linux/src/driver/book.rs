//! The open questions to one sandbox's init.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;

use firelight_sandbox::Exit;
use tokio::sync::{oneshot, watch};

use crate::wire::SpawnFault;

/// A process that init has yet to answer for.
#[derive(Debug)]
pub(super) struct Starting {
    pub(super) number: u32,
    pub(super) answered: oneshot::Receiver<Result<OwnedFd, (SpawnFault, io::Error)>>,
    pub(super) exited: watch::Receiver<Option<Exit>>,
}

/// Open questions to init. Everything in it is dropped when init is gone, which tells everybody who waits.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) gone: bool,
    pub(super) next: u32,
    pub(super) spawning: HashMap<u32, Spawning>,
    pub(super) running: HashMap<u32, watch::Sender<Option<Exit>>>,
    pub(super) killing: HashMap<u32, oneshot::Sender<()>>,
    pub(super) connecting: HashMap<u32, oneshot::Sender<io::Result<OwnedFd>>>,
    /// Kills for lack of memory that are already accounted for.
    pub(super) known_out_of_memory_kills: u64,
}

#[derive(Debug)]
pub(super) struct Spawning {
    pub(super) answer: oneshot::Sender<Result<OwnedFd, (SpawnFault, io::Error)>>,
    pub(super) exit: watch::Sender<Option<Exit>>,
}

impl Book {
    pub(super) fn number(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    /// Enters a process that init is told to start.
    pub(super) fn start(&mut self) -> Starting {
        let (answer, answered) = oneshot::channel();
        let (exit, exited) = watch::channel(None);
        let number = self.number();
        self.spawning.insert(number, Spawning { answer, exit });
        Starting {
            number,
            answered,
            exited,
        }
    }

    pub(super) fn spawned(&mut self, process: u32, fds: Vec<OwnedFd>) {
        let Some(spawning) = self.spawning.remove(&process) else {
            return;
        };
        let Ok([output]) = <[OwnedFd; 1]>::try_from(fds) else {
            // The program runs and nobody can read it: who asked for it gives up the sandbox.
            let full = io::Error::from_raw_os_error(libc::EMFILE);
            let _ = spawning.answer.send(Err((SpawnFault::Prepare, full)));
            return;
        };
        self.running.insert(process, spawning.exit);
        let _ = spawning.answer.send(Ok(output));
    }

    pub(super) fn connecting(&mut self, ticket: u32, fds: Vec<OwnedFd>) {
        let Some(answer) = self.connecting.remove(&ticket) else {
            return;
        };
        if let Ok([socket]) = <[OwnedFd; 1]>::try_from(fds) {
            let _ = answer.send(Ok(socket));
        }
    }
}
