//! The launcher's loop: orders, reports of inits, deaths, and the pool of blank sandboxes.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use firelight_sandbox::{Egress, ProcessSpec, SandboxSpec};
use rustix::event::Timespec;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::process::{WaitId, WaitIdOptions};
use rustix::time::{ClockId, clock_gettime};

use super::claim::Already;
use super::demand::Demand;
use super::ground::{Ground, MAX_RESIDENTS};
use super::refill::{Nanoseconds, Refill};
use super::resident::{Kind, Parcel, Resident, Stage, Wanted};
use super::waiting::Programs;
use super::{birth, check, claim};
use crate::cgroup::Group;
use crate::init::Built;
use crate::laps::{Lap, Laps, Watch};
use crate::net::Router;
use crate::step::{Step, StepError};
use crate::wire::{
    self, Begins, FIRST_PROCESS, Fault, FdTag, First, MAX_PACKET, News, Order, Task,
};

/// How often to try again to remove a cgroup in which the kernel still counts a dead process.
const REMOVAL_RETRY: Duration = Duration::from_millis(2);
/// How often to look whether the pool has become too large, while it is large.
const POOL_TENDING: Duration = Duration::from_secs(1);
/// After this many tries it is left for the sweep at the next start, and the daemon is told.
const MAX_REMOVAL_TRIES: u32 = 2_500;

pub(super) fn serve(daemon: OwnedFd, ground: Ground) -> io::Result<()> {
    let events = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let first_kind = ground.usual_kind();
    let mut launcher = Launcher {
        free_slots: (0..MAX_RESIDENTS).collect(),
        residents: HashMap::new(),
        programs: Programs::default(),
        told_waiting: 0,
        quiet_until: Duration::ZERO,
        removals: VecDeque::new(),
        demand: Demand::new(first_kind, ground.begin.blank_sandboxes),
        refill: Refill::default(),
        next_number: 1,
        ground,
        daemon,
        events,
    };
    watch(&launcher.events, launcher.daemon.as_fd(), Token::Daemon)?;
    if let Some(router) = &launcher.ground.router {
        watch(&launcher.events, router.events(), Token::Router)?;
    }
    let ended = launcher.run();
    launcher.end();
    match ended {
        // The daemon went away while something was being told to it.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        ended => ended,
    }
}

/// What an event is about; packed into the 64 bits that epoll carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Daemon,
    Router,
    Setup(u64),
    Death(u64),
    /// The init of a sandbox in which a program waits, or will.
    Control(u64),
}

impl Token {
    fn data(self) -> EventData {
        EventData::new_u64(match self {
            Self::Daemon => 0,
            // No sandbox has the number zero.
            Self::Router => 1,
            Self::Setup(number) => number << 2,
            Self::Death(number) => (number << 2) | 1,
            Self::Control(number) => (number << 2) | 2,
        })
    }

    fn from_data(data: EventData) -> Self {
        match data.u64() {
            0 => Self::Daemon,
            1 => Self::Router,
            data => match data & 3 {
                0 => Self::Setup(data >> 2),
                1 => Self::Death(data >> 2),
                _ => Self::Control(data >> 2),
            },
        }
    }
}

/// Cgroups of a dead sandbox that the kernel does not let go of yet, and who waits for that.
struct Removal {
    number: u64,
    group: Group,
    slot: u32,
    ticket: Option<u64>,
    tries: u32,
}

pub(super) struct Launcher {
    pub(super) ground: Ground,
    daemon: OwnedFd,
    pub(super) events: OwnedFd,
    pub(super) residents: HashMap<u64, Resident>,
    /// What is kept waiting in blank sandboxes.
    pub(super) programs: Programs,
    /// How many of them the daemon was last told to wait.
    pub(super) told_waiting: u32,
    /// Until when nothing is built that nobody ordered, by the monotonic clock.
    pub(super) quiet_until: Duration,
    removals: VecDeque<Removal>,
    demand: Demand,
    pub(super) refill: Refill,
    /// The longest free one first, so that the kernel is done with it when it is used again.
    free_slots: VecDeque<u32>,
    next_number: u64,
}

impl Launcher {
    /// Runs until the daemon is gone.
    fn run(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; MAX_PACKET];
        let mut ready = Vec::with_capacity(64);
        loop {
            let quiet = self.quiet();
            if quiet.is_none() {
                self.tend_pool()?;
                self.tend_waiting()?;
            }
            let timeout = quiet.or_else(|| self.patience());
            let timeout = timeout.map(Timespec::try_from).transpose();
            let timeout = timeout.map_err(io::Error::other)?;
            rustix::io::retry_on_intr(|| {
                epoll::wait(
                    &self.events,
                    rustix::buffer::spare_capacity(&mut ready),
                    timeout.as_ref(),
                )
            })?;
            for event in ready.drain(..) {
                match Token::from_data(event.data) {
                    Token::Daemon => match wire::receive(&self.daemon, &mut buffer)? {
                        Some(packet) => {
                            self.obey(Order::decode(&packet.bytes).map_err(io::Error::other)?)?
                        }
                        None => return Ok(()),
                    },
                    Token::Router => self.attend_router()?,
                    Token::Setup(number) => self.hear(number, &mut buffer)?,
                    Token::Death(number) => self.bury(number)?,
                    Token::Control(number) => self.hear_of_waiting(number, &mut buffer)?,
                }
            }
            self.retry_removals()?;
        }
    }

    fn obey(&mut self, order: Order) -> io::Result<()> {
        match order {
            Order::Begin(_) => Err(io::Error::other("a second beginning")),
            Order::Launch {
                ticket,
                spec,
                first,
            } => self.launch(ticket, spec, first),
            Order::KeepWaiting { wanted } => self.keep_waiting(wanted),
            Order::Destroy { ticket, number } => match self.residents.get_mut(&number) {
                Some(resident) => {
                    resident.kill(Some(ticket));
                    Ok(())
                }
                None => self.wait_for_removal(ticket, number),
            },
        }
    }

    /// A sandbox that died by itself may be buried already.
    fn wait_for_removal(&mut self, ticket: u64, number: u64) -> io::Result<()> {
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

    /// Launches a sandbox: one in which the program waits that is to become its first process, or else a blank one, or
    /// else a new one.
    fn launch(&mut self, ticket: u64, spec: SandboxSpec, first: Option<First>) -> io::Result<()> {
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
            self.refill.taken(precise_now());
            return self.hand_over(number, wanted);
        }
        match self.build(kind, Some(Box::new(wanted))) {
            Ok(_) => Ok(()),
            Err(fault) => self.tell(&News::LaunchFailed { ticket, fault }, &[]),
        }
    }

    /// Without its way out a sandbox reaches nothing; everything else goes on.
    fn attend_router(&mut self) -> io::Result<()> {
        let attended = self.ground.router.as_mut().map(Router::attend);
        let Some(Err(error)) = attended else {
            return Ok(());
        };
        let text = format!("could not {}: {}", error.step, error.source);
        self.tell(&News::Notice { text }, &[])
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
    fn hear(&mut self, number: u64, buffer: &mut [u8]) -> io::Result<()> {
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

    /// Reaps an init that ended; the pid namespace is empty by then.
    fn bury(&mut self, number: u64) -> io::Result<()> {
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

    fn retry_removals(&mut self) -> io::Result<()> {
        for _ in 0..self.removals.len() {
            if let Some(removal) = self.removals.pop_front() {
                self.remove(removal)?;
            }
        }
        Ok(())
    }

    /// Starts building one blank sandbox if the pool is short of it, or gives one up if it has too many. One at a
    /// time: orders come first.
    fn tend_pool(&mut self) -> io::Result<()> {
        let now = clock_gettime(ClockId::Monotonic).tv_sec;
        let may_build = self.demand.is_due(now) && self.may_build();
        let targets = self.demand.targets(now);
        for (kind, target) in &targets {
            let (kind, target) = (*kind, *target);
            let pooled = |resident: &&mut Resident| {
                resident.kind == kind && resident.program.is_none() && resident.is_pooled()
            };
            let count = self.residents.values_mut().filter(pooled).count();
            if count > target {
                if let Some(surplus) = self.residents.values_mut().find(pooled) {
                    surplus.kill(None);
                }
            } else if count < target && may_build {
                return self.add_blank(kind);
            }
        }
        match targets.first() {
            Some((kind, _)) if may_build => self.restock(*kind),
            _ => Ok(()),
        }
    }

    /// Makes a `/tmp` ahead for a sandbox of this kind, if there are few.
    fn restock(&mut self, kind: Kind) -> io::Result<()> {
        let (Some(disks), Some(capacity)) = (&mut self.ground.disks, kind.tmp) else {
            return Ok(());
        };
        if !disks.is_short_of(capacity) || !disks.has_room_for(capacity) {
            return Ok(());
        }
        // The next one as soon as there is nothing else to do.
        self.refill.taken(precise_now());
        match disks.restock(capacity) {
            Ok(()) => Ok(()),
            Err(error) => self.blank_failed(&error.into()),
        }
    }

    /// Whether something may be built ahead of orders: one at a time, and not while what was just claimed starts.
    pub(super) fn may_build(&mut self) -> bool {
        let mut residents = self.residents.values();
        let is_building = residents.any(|one| matches!(one.stage, Stage::Building { .. }));
        !is_building && !self.refill.is_paused(precise_now())
    }

    fn add_blank(&mut self, kind: Kind) -> io::Result<()> {
        match self.build(kind, None) {
            Ok(_) => Ok(()),
            Err(fault) => self.blank_failed(&fault),
        }
    }

    /// Pauses. Meanwhile sandboxes are built on order, which then says what is wrong.
    fn blank_failed(&mut self, fault: &Fault) -> io::Result<()> {
        let pause = self.demand.failed(clock_gettime(ClockId::Monotonic).tv_sec);
        let text = format!("a blank sandbox failed, the next is tried in {pause} s: {fault:?}");
        self.tell(&News::Notice { text }, &[])
    }

    /// How long to sleep at most when nothing happens: work of our own may be due before.
    fn patience(&self) -> Option<Duration> {
        if !self.removals.is_empty() {
            return Some(REMOVAL_RETRY);
        }
        if let Some(pause) = self.refill.remaining(precise_now()) {
            return Some(pause);
        }
        (self.demand.will_change() || self.is_waiting_work_due()).then_some(POOL_TENDING)
    }

    pub(super) fn tell(&self, news: &News, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        wire::send(&self.daemon, &news.encode(), fds)
    }

    /// Kills everything and removes what it leaves.
    fn end(mut self) {
        for resident in self.residents.values_mut() {
            resident.kill(None);
        }
        for resident in self.residents.values_mut() {
            let who = WaitId::PidFd(resident.pidfd.as_fd());
            let _ = rustix::process::waitid(who, WaitIdOptions::EXITED);
        }
        let groups = self.residents.into_values().map(|resident| resident.group);
        let groups = groups.chain(self.removals.into_iter().map(|removal| removal.group));
        for mut group in groups {
            for _ in 0..MAX_REMOVAL_TRIES {
                if group.remove().is_ok() {
                    break;
                }
                std::thread::sleep(REMOVAL_RETRY);
            }
        }
        self.ground.clear();
    }
}

pub(super) fn precise_now() -> Nanoseconds {
    let now = clock_gettime(ClockId::Monotonic);
    Nanoseconds(now.tv_sec * 1_000_000_000 + now.tv_nsec)
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

pub(super) fn watch(events: &OwnedFd, fd: BorrowedFd<'_>, token: Token) -> io::Result<()> {
    debug_assert!(fd.as_raw_fd() >= 0);
    Ok(epoll::add(events, fd, token.data(), EventFlags::IN)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_survive_the_trip_through_epoll() {
        for token in [
            Token::Daemon,
            Token::Router,
            Token::Setup(1),
            Token::Death(1),
            Token::Control(1),
            Token::Death(900),
        ] {
            assert_eq!(Token::from_data(token.data()), token);
        }
    }
}
