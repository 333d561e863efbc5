//! One sandbox as the launcher holds it.

use std::ffi::OsString;
use std::os::fd::OwnedFd;

use firelight_sandbox::{Egress, ListenAt, SandboxSpec};

use super::environ::Environ;
use crate::cgroup::{Files, Group};
use crate::disk::Capacity;
use crate::laps::{Laps, Watch};
use crate::wire::First;

/// Where a sandbox is in its life.
pub(super) enum Stage {
    /// Init builds; its report arrives on `setup`.
    Building {
        setup: OwnedFd,
        wanted: Option<Box<Wanted>>,
    },
    /// Built, and a program is being started in it that is to wait; by this second it must.
    Preparing {
        deadline: i64,
    },
    /// Built, nobody's yet. Its program waits, if it has one.
    Blank,
    Claimed,
    /// Killed; waiting for the kernel to be done. `ticket` is answered when nothing is left.
    Dying {
        ticket: Option<u64>,
    },
}

/// An order to launch that waits for its sandbox.
pub(super) struct Wanted {
    pub(super) ticket: u64,
    /// Running since the order came.
    pub(super) watch: Watch,
    pub(super) spec: SandboxSpec,
    /// What is to run first.
    pub(super) first: Option<First>,
}

impl Wanted {
    /// The variables of what is to run first.
    pub(super) fn variables(&self) -> &[(OsString, OsString)] {
        self.first
            .as_ref()
            .map_or(&[], |first| &first.process.variables)
    }
}

/// What cannot be changed once a sandbox is built: only a blank one of the same kind can serve an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) listen_at: ListenAt,
    pub(super) egress: Egress,
    /// How much its `/tmp` holds, where that is on disk; in memory it is sized by the claim.
    pub(super) tmp: Option<Capacity>,
}

/// Ways into a sandbox's namespaces, opened before init closed itself off.
pub(super) struct Doors {
    pub(super) users: OwnedFd,
    pub(super) mounts: OwnedFd,
    pub(super) names: OwnedFd,
}

/// What the daemon gets and the launcher then forgets.
pub(super) struct Parcel {
    pub(super) control: OwnedFd,
    pub(super) doors: Doors,
    pub(super) files: Files,
    pub(super) listener: Option<OwnedFd>,
    /// The counters of its interface.
    pub(super) traffic: Option<OwnedFd>,
    /// What init measured.
    pub(super) laps: Laps,
}

pub(super) struct Resident {
    pub(super) number: u64,
    pub(super) kind: Kind,
    pub(super) slot: u32,
    pub(super) pid: u32,
    pub(super) pidfd: OwnedFd,
    pub(super) group: Group,
    pub(super) stage: Stage,
    /// Present until the sandbox is claimed.
    pub(super) parcel: Option<Parcel>,
    /// The number of the program that waits inside, or will.
    pub(super) program: Option<u64>,
    /// The variables of that program, once it waits.
    pub(super) environ: Option<Environ>,
}

impl Resident {
    /// Built or being built ahead of any order.
    pub(super) fn is_pooled(&self) -> bool {
        matches!(
            self.stage,
            Stage::Blank | Stage::Building { wanted: None, .. }
        )
    }

    /// Ready to become anything.
    pub(super) fn is_plainly_blank(&self) -> bool {
        self.program.is_none() && matches!(self.stage, Stage::Blank)
    }

    /// Built, being built or ready with a program that waits in it for an order.
    pub(super) fn is_for_waiting(&self) -> bool {
        self.program.is_some()
            && (self.is_pooled() || matches!(self.stage, Stage::Preparing { .. }))
    }

    /// Kills init, and with it everything in its pid namespace.
    pub(super) fn kill(&mut self, ticket: Option<u64>) {
        if let Stage::Dying { ticket: first } = &mut self.stage {
            // A sandbox that died by itself is now also asked for.
            *first = first.or(ticket);
            return;
        }
        self.stage = Stage::Dying { ticket };
        self.parcel = None;
        self.environ = None;
        // An error means that it is dead already, which its pidfd tells.
        let _ = self.group.let_go();
        let _ = rustix::process::pidfd_send_signal(&self.pidfd, rustix::process::Signal::KILL);
    }
}
