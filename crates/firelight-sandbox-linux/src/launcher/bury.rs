//! The part of the launcher's loop that takes away what dead sandboxes leave.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::process::{WaitId, WaitIdOptions};

use super::resident::{Resident, Stage};
use super::serve::Launcher;
use crate::cgroup::Group;
use crate::wire::{Fault, News};

/// How often to try again to remove a cgroup in which the kernel still counts a dead process.
pub(super) const REMOVAL_RETRY: Duration = Duration::from_millis(2);
/// After this many tries it is left for the sweep at the next start, and the daemon is told.
pub(super) const MAX_REMOVAL_TRIES: u32 = 2_500;

/// Cgroups of a dead sandbox that the kernel does not let go of yet, and who waits for that.
pub(super) struct Removal {
    number: u64,
    pub(super) group: Group,
    slot: u32,
    ticket: Option<u64>,
    tries: u32,
}

impl Launcher {
    /// A sandbox that died by itself may be buried already.
    pub(super) fn wait_for_removal(&mut self, ticket: u64, number: u64) -> io::Result<()> {
        let waiting = self
            .removals
            .iter_mut()
            .find(|removal| removal.number == number);
        if let Some(removal) = waiting {
            removal.ticket = Some(ticket);
            return Ok(());
        }
        self.tell(&News::Destroyed { ticket }, &[])
    }

    /// Reaps an init that ended; the pid namespace is empty by then.
    pub(super) fn bury(&mut self, number: u64) -> io::Result<()> {
        let Some(resident) = self.residents.remove(&number) else {
            return Ok(());
        };
        let who = WaitId::PidFd(resident.pidfd.as_fd());
        rustix::process::waitid(who, WaitIdOptions::EXITED)?;
        let ticket = match &resident.stage {
            Stage::Dying { ticket } => *ticket,
            Stage::Building {
                wanted: Some(wanted),
                ..
            } => {
                let step = "build the sandbox: its init died".to_owned();
                let fault = Fault::Step {
                    step,
                    errno: libc::ECHILD,
                };
                self.tell(
                    &News::LaunchFailed {
                        ticket: wanted.ticket,
                        fault,
                    },
                    &[],
                )?;
                None
            }
            Stage::Building { wanted: None, .. } => {
                let step = "build the sandbox: its init died".to_owned();
                let errno = libc::ECHILD;
                self.blank_failed(&Fault::Step { step, errno })?;
                None
            }
            _ => None,
        };
        let Resident {
            group, slot, pidfd, ..
        } = resident;
        // Before anybody is told that nothing is left.
        drop(pidfd);
        self.remove(Removal {
            number,
            group,
            slot,
            ticket,
            tries: 0,
        })
    }

    fn remove(&mut self, mut removal: Removal) -> io::Result<()> {
        match removal.group.remove() {
            Ok(()) => {}
            Err(_) if removal.tries < MAX_REMOVAL_TRIES => {
                removal.tries += 1;
                self.removals.push_back(removal);
                return Ok(());
            }
            Err(error) => {
                let text = format!("could not remove a sandbox's cgroups: {error}");
                self.tell(&News::Notice { text }, &[])?;
            }
        }
        self.free_slots.push_back(removal.slot);
        match removal.ticket {
            Some(ticket) => self.tell(&News::Destroyed { ticket }, &[]),
            None => Ok(()),
        }
    }

    pub(super) fn retry_removals(&mut self) -> io::Result<()> {
        for _ in 0..self.removals.len() {
            if let Some(removal) = self.removals.pop_front() {
                self.remove(removal)?;
            }
        }
        Ok(())
    }
}
