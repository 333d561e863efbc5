//! The launcher's loop: what happens, and whose part of the loop it is.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::Timespec;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::process::{WaitId, WaitIdOptions};

use super::bury::{MAX_REMOVAL_TRIES, REMOVAL_RETRY, Removal};
use super::demand::Demand;
use super::ground::{Ground, MAX_RESIDENTS};
use super::pool::precise_now;
use super::refill::Refill;
use super::resident::Resident;
use super::waiting::Programs;
use crate::net::Router;
use crate::wire::{self, MAX_PACKET, News, Order};

/// How often to look whether the pool has become too large, while it is large.
const POOL_TENDING: Duration = Duration::from_secs(1);

pub(super) fn serve(daemon: OwnedFd, ground: Ground) -> io::Result<()> {
    let events = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let first_kind = ground.usual_kind();
    let mut launcher = Launcher {
        free_slots: (0..MAX_RESIDENTS).collect(),
        residents: HashMap::new(),
        programs: Programs::default(),
        told_waiting: 0,
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

pub(super) struct Launcher {
    pub(super) ground: Ground,
    daemon: OwnedFd,
    pub(super) events: OwnedFd,
    pub(super) residents: HashMap<u64, Resident>,
    /// What is kept waiting in blank sandboxes.
    pub(super) programs: Programs,
    /// How many of them the daemon was last told to wait.
    pub(super) told_waiting: u32,
    pub(super) removals: VecDeque<Removal>,
    pub(super) demand: Demand,
    pub(super) refill: Refill,
    /// The longest free one first, so that the kernel is done with it when it is used again.
    pub(super) free_slots: VecDeque<u32>,
    pub(super) next_number: u64,
}

impl Launcher {
    /// Runs until the daemon is gone.
    fn run(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; MAX_PACKET];
        let mut ready = Vec::with_capacity(64);
        loop {
            self.tend_pool()?;
            self.tend_waiting()?;
            let timeout = self.patience().map(Timespec::try_from).transpose();
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

    /// Without its way out a sandbox reaches nothing; everything else goes on.
    fn attend_router(&mut self) -> io::Result<()> {
        let attended = self.ground.router.as_mut().map(Router::attend);
        let Some(Err(error)) = attended else {
            return Ok(());
        };
        let text = format!("could not {}: {}", error.step, error.source);
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
