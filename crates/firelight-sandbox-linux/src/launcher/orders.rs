//! The part of the launcher's loop that carries out orders to launch.
//!
//! ```text
//!  order ──► a sandbox with the waiting program, or a blank one ──► claimed ──► delivered
//!     └────► none there: a new one is built ── its init reports ──────┘
//! ```
//!
//! Deliberately absent: what is built ahead of orders, which is the pool's.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use firelight_sandbox::{Egress, ProcessSpec, SandboxSpec};
use rustix::time::{ClockId, clock_gettime};

use super::claim::Already;
use super::ground::{Ground, MAX_RESIDENTS};
use super::pool::precise_now;
use super::refill::Taken;
use super::resident::{Kind, Parcel, Resident, Stage, Wanted};
use super::serve::{Launcher, Token, watch};
use super::{birth, check, claim};
use crate::init::Built;
use crate::laps::{Lap, Laps, Watch};
use crate::step::{Step, StepError};
use crate::wire::{self, Begins, FIRST_PROCESS, Fault, FdTag, First, News, Task};

impl Launcher {
    /// Launches a sandbox: one in which the program waits that is to become its first process, or else a blank one, or
    /// else a new one.
    pub(super) fn launch(
        &mut self,
        ticket: u64,
        spec: SandboxSpec,
        first: Option<First>,
    ) -> io::Result<()> {
        let checked = check::check(&spec).and_then(|()| self.check_egress(spec.egress));
        if let Err(fault) = checked {
            return self.tell(&News::LaunchFailed { ticket, fault }, &[]);
        }
        let kind = self.ground.kind_of(&spec);
        let mut wanted = Wanted {
            ticket,
            watch: Watch::start(),
            spec,
            first,
        };
        if let Some(program) = wanted.first.as_ref().and_then(|first| first.waiting) {
            match self.claim_waiting(program, kind, wanted)? {
                None => return Ok(()),
                Some(back) => wanted = back,
            }
        }
        self.demand
            .note(kind, clock_gettime(ClockId::Monotonic).tv_sec);
        if let Some(number) = self.blank(kind) {
            self.refill.taken(Taken::Blank, precise_now());
            return self.hand_over(number, wanted);
        }
        match self.build(kind, Some(Box::new(wanted))) {
            Ok(_) => Ok(()),
            Err(fault) => self.tell(&News::LaunchFailed { ticket, fault }, &[]),
        }
    }

    /// A network that this launcher cannot or may not give is refused, never replaced by a lesser one.
    pub(super) fn check_egress(&self, egress: Egress) -> Result<(), Fault> {
        let reason = match egress {
            Egress::None => return Ok(()),
            Egress::Host if self.ground.begin.host_network => return Ok(()),
            Egress::Host => "the host's own network is not allowed by the configuration",
            Egress::Nat | Egress::NatUnder(_) => match (&self.ground.router, egress) {
                (None, _) => "address translation is not available",
                (Some(router), Egress::NatUnder(policy)) if !router.has_policy(policy) => {
                    "no policy has this number"
                }
                (Some(_), _) => return Ok(()),
            },
        };
        Err(Fault::WallMissing {
            wall: "egress".to_owned(),
            reason: reason.to_owned(),
        })
    }

    fn blank(&self, kind: Kind) -> Option<u64> {
        let fits = |resident: &&Resident| resident.kind == kind && resident.is_plainly_blank();
        self.residents
            .values()
            .find(fits)
            .map(|resident| resident.number)
    }

    /// Begins to build a sandbox. Returns its number.
    pub(super) fn build(&mut self, kind: Kind, wanted: Option<Box<Wanted>>) -> Result<u64, Fault> {
        self.ground.provide_tmp(kind)?;
        let Some(slot) = self.free_slots.pop_front() else {
            return Err(Fault::Exhausted {
                reason: format!("{MAX_RESIDENTS} sandboxes are alive"),
            });
        };
        let number = self.next_number;
        self.next_number += 1;
        match self.begin_watched(number, slot, kind, wanted) {
            Ok(()) => Ok(number),
            Err(error) => {
                self.free_slots.push_back(slot);
                Err(error.into())
            }
        }
    }

    fn begin_watched(
        &mut self,
        number: u64,
        slot: u32,
        kind: Kind,
        wanted: Option<Box<Wanted>>,
    ) -> Result<(), StepError> {
        let resident = birth::begin(&self.ground, number, slot, kind, wanted)?;
        let Stage::Building { setup, .. } = &resident.stage else {
            unreachable!("a sandbox begins by building");
        };
        watch(&self.events, setup.as_fd(), Token::Setup(number)).step("watch the init")?;
        watch(&self.events, resident.pidfd.as_fd(), Token::Death(number)).step("watch the init")?;
        self.residents.insert(number, resident);
        Ok(())
    }

    /// Takes an init's report about its construction.
    pub(super) fn hear(&mut self, number: u64, buffer: &mut [u8]) -> io::Result<()> {
        let Some(resident) = self.residents.get_mut(&number) else {
            return Ok(());
        };
        let Stage::Building { setup, .. } = &resident.stage else {
            return Ok(());
        };
        let report = wire::receive(setup, buffer).unwrap_or(None);
        let Stage::Building { wanted, .. } = std::mem::replace(&mut resident.stage, Stage::Blank)
        else {
            return Ok(());
        };
        match take_listener(report) {
            Ok((listener, laps)) => {
                if let Some(parcel) = &mut resident.parcel {
                    parcel.listener = Some(listener);
                    parcel.laps = laps;
                }
                match wanted {
                    Some(wanted) => self.hand_over(number, *wanted),
                    None if resident.program.is_some() => self.prepare(number),
                    None => {
                        self.demand.succeeded();
                        Ok(())
                    }
                }
            }
            Err(fault) => {
                resident.kill(None);
                let Some(wanted) = wanted else {
                    return self.blank_failed(&fault);
                };
                let ticket = wanted.ticket;
                self.tell(&News::LaunchFailed { ticket, fault }, &[])
            }
        }
    }

    /// Makes a blank sandbox the ordered one and gives it to the daemon.
    fn hand_over(&mut self, number: u64, mut wanted: Wanted) -> io::Result<()> {
        let Some(resident) = self.residents.get_mut(&number) else {
            return Ok(());
        };
        let ticket = wanted.ticket;
        match claim_for(&self.ground, resident, &mut wanted, Already::Nothing) {
            Ok(parcel) => {
                tell_first(&parcel, &wanted, spawn_first);
                self.deliver(number, parcel, &wanted)
            }
            Err(error) => {
                resident.kill(None);
                self.tell(
                    &News::LaunchFailed {
                        ticket,
                        fault: error.into(),
                    },
                    &[],
                )
            }
        }
    }

    /// Gives a claimed sandbox to the daemon.
    pub(super) fn deliver(
        &mut self,
        number: u64,
        parcel: Parcel,
        wanted: &Wanted,
    ) -> io::Result<()> {
        let Some(resident) = self.residents.get_mut(&number) else {
            return Ok(());
        };
        resident.stage = Stage::Claimed;
        let waited = resident.program.is_some();
        let Parcel {
            control,
            listener,
            files,
            traffic,
            ..
        } = parcel;
        let mut parts = vec![(FdTag::Control, control)];
        parts.extend(listener.map(|listener| (FdTag::Listener, listener)));
        parts.extend(traffic.map(|traffic| (FdTag::Traffic, traffic)));
        parts.extend(files.into_handles());
        let (tags, fds): (Vec<_>, Vec<_>) =
            parts.iter().map(|(tag, fd)| (*tag, fd.as_fd())).unzip();
        let launched = News::Launched {
            ticket: wanted.ticket,
            number,
            laps: wanted.watch.laps(),
            waited,
            tags,
        };
        self.tell(&launched, &fds)
    }
}

pub(super) fn claim_for(
    ground: &Ground,
    resident: &mut Resident,
    wanted: &mut Wanted,
    already: Already,
) -> Result<Parcel, StepError> {
    let gone = || io::Error::from(io::ErrorKind::NotFound);
    wanted.watch.done(Lap::Build);
    let parcel = resident
        .parcel
        .take()
        .ok_or_else(gone)
        .step("claim the sandbox twice")?;
    wanted.watch.include(&parcel.laps);
    let watch = &mut wanted.watch;
    claim::claim(ground, resident, &parcel, &wanted.spec, already, watch)?;
    Ok(parcel)
}

/// Has init begin the first process before the daemon has the sandbox: what it takes over meanwhile is not waited for.
pub(super) fn tell_first(parcel: &Parcel, wanted: &Wanted, task: impl FnOnce(ProcessSpec) -> Task) {
    let first = wanted.first.as_ref();
    let Some(first) = first.filter(|first| first.begins == Begins::AtOnce) else {
        return;
    };
    let task = task(first.process.clone()).encode();
    // An init that cannot be told has ended, and the daemon hears that from its socket.
    let _ = wire::send(&parcel.control, &task, &[]);
}

fn spawn_first(process: ProcessSpec) -> Task {
    Task::spawn(FIRST_PROCESS, process)
}

fn take_listener(report: Option<wire::Packet>) -> Result<(OwnedFd, Laps), Fault> {
    let lost = |what: &str| Fault::Step {
        step: what.to_owned(),
        errno: libc::EIO,
    };
    let packet = report.ok_or_else(|| lost("build the sandbox: its init ended"))?;
    match Built::decode(&packet.bytes).map_err(|_| lost("understand the init"))? {
        Built::Done { laps } => {
            let listener = packet.fds.into_iter().next();
            Ok((listener.ok_or_else(|| lost("receive the listener"))?, laps))
        }
        Built::Failed { step, errno } => Err(Fault::Step { step, errno }),
    }
}
