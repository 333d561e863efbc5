//! The host's budget: how many environments may live on this machine, by memory and by count, and whose they are.
//!
//! Every environment holds a [`Share`] from before it is launched until nothing of it is left. When the budget is
//! spent, whoever needs a share waits in line ([`room`]); the recruiter of its pool is called when its turn may have
//! come.
//!
//! Deliberately absent: which idle environment is retired.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::keeper::Purpose;
use room::{PoolId, Room};

mod room;

/// What the machine may spend on environments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    pub memory_mb: u64,
    pub environments: u32,
}

/// How much of the budget is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostUse {
    pub budget: Budget,
    pub memory_mb: u64,
    pub environments: u32,
}

/// What became of a wish for a share.
#[must_use]
pub(crate) enum Asked {
    Granted(Purpose, Share),
    /// It waits in line. `recruiter_needed` if nobody looks after the pool's line yet.
    InLine {
        recruiter_needed: bool,
    },
    /// The whole budget would not be enough.
    NeverEnough(Purpose),
}

/// What a recruiter does next.
#[must_use]
pub(crate) enum Turn {
    Granted(Purpose, Share),
    /// Nothing is free, and its pool is the next one: what is idle should make way.
    MakeRoom {
        since: Instant,
    },
    Wait {
        since: Instant,
    },
    /// Its pool wants nothing any more. The next wish needs another recruiter.
    Over,
}

/// Cheap to clone: every clone counts together.
#[derive(Clone)]
pub(crate) struct Host(Arc<Shared>);

struct Shared {
    budget: Budget,
    state: Mutex<State>,
    /// Whether there is a line, for those who end invocations and must not lock to know.
    is_crowded: AtomicBool,
    next_pool: AtomicU64,
}

struct State {
    room: Room<Purpose>,
    /// The recruiters at work, and how to call them.
    recruiters: Vec<(PoolId, Arc<Notify>)>,
}

/// A pool's place on the host.
pub(crate) struct Place {
    pool: PoolId,
    memory_mb: u64,
    /// The recruiter of the pool is told to look again.
    pub(crate) called: Arc<Notify>,
}

impl Host {
    pub(crate) fn new(budget: Budget) -> Self {
        Self(Arc::new(Shared {
            budget,
            state: Mutex::new(State {
                room: Room::new(budget),
                recruiters: Vec::new(),
            }),
            is_crowded: AtomicBool::new(false),
            next_pool: AtomicU64::new(0),
        }))
    }

    pub(crate) fn budget(&self) -> Budget {
        self.0.budget
    }

    pub(crate) fn in_use(&self) -> HostUse {
        let (memory_mb, environments) = self.lock().room.in_use();
        HostUse {
            budget: self.0.budget,
            memory_mb,
            environments,
        }
    }

    /// Makes a place for a pool whose environments are of this size.
    pub(crate) fn place(&self, memory_mb: u32) -> Place {
        Place {
            pool: PoolId(self.0.next_pool.fetch_add(1, Ordering::Relaxed)),
            memory_mb: memory_mb.into(),
            called: Arc::default(),
        }
    }

    /// Takes the share of one environment, or has it wait in line.
    pub(crate) fn ask(&self, place: &Place, purpose: Purpose, now: Instant) -> Asked {
        if place.memory_mb > self.0.budget.memory_mb || self.0.budget.environments == 0 {
            return Asked::NeverEnough(purpose);
        }
        let mut state = self.lock();
        let asked = state.room.ask(place.pool, place.memory_mb, purpose, now);
        if let Some(purpose) = asked {
            drop(state);
            return Asked::Granted(purpose, self.share(place));
        }
        let known = state.recruiters.iter().any(|(pool, _)| *pool == place.pool);
        if !known {
            let called = Arc::clone(&place.called);
            state.recruiters.push((place.pool, called));
            self.0.is_crowded.store(true, Ordering::Relaxed);
        }
        Asked::InLine {
            recruiter_needed: !known,
        }
    }

    /// Says what the recruiter of a pool does next.
    pub(crate) fn turn(&self, place: &Place, now: Instant) -> Turn {
        let mut state = self.lock();
        match state.room.turn(place.pool, now) {
            room::Turn::Granted(purpose) => {
                state.call_next();
                drop(state);
                Turn::Granted(purpose, self.share(place))
            }
            room::Turn::MakeRoom { since } => Turn::MakeRoom { since },
            room::Turn::Wait { since } => Turn::Wait { since },
            room::Turn::Over => {
                state.recruiters.retain(|(pool, _)| *pool != place.pool);
                let is_crowded = !state.recruiters.is_empty();
                self.0.is_crowded.store(is_crowded, Ordering::Relaxed);
                Turn::Over
            }
        }
    }

    /// Takes a start for a request out of line, if one waits there.
    pub(crate) fn withdraw(&self, place: &Place) -> bool {
        let is_for_request = |purpose: &Purpose| matches!(purpose, Purpose::Demand);
        let mut state = self.lock();
        let withdrawn = state.room.withdraw(place.pool, is_for_request).is_some();
        if withdrawn {
            state.call_next();
            if !state.room.is_waiting(place.pool) {
                place.called.notify_one();
            }
        }
        withdrawn
    }

    /// Takes out of line what waits there since `limit` or longer.
    pub(crate) fn expire(&self, place: &Place, limit: Instant) -> Vec<Purpose> {
        let mut state = self.lock();
        let expired = state.room.expire(place.pool, limit);
        if !expired.is_empty() {
            state.call_next();
        }
        expired
    }

    /// Tells whether a free environment of a pool should make way for another one, though requests wait for it.
    pub(crate) fn makes_way(&self, place: &Place, now: Instant) -> bool {
        self.is_crowded() && self.lock().room.makes_way(place.pool, now)
    }

    /// An environment became idle: it may be retired for whoever is next.
    pub(crate) fn note_idle(&self) {
        if self.is_crowded() {
            self.lock().call_next();
        }
    }

    /// Whoever put an environment back under the lock of its pool sees here who looked into that pool before, and found
    /// none.
    fn is_crowded(&self) -> bool {
        self.0.is_crowded.load(Ordering::Relaxed)
    }

    /// An idle environment of a pool was told to go.
    pub(crate) fn note_leaving(&self, place: &Place) {
        self.lock().room.note_leaving(place.pool);
    }

    /// Takes memory alone, for what is no environment.
    pub(crate) fn take_memory(&self, memory_mb: u32) -> Option<Share> {
        let memory_mb = memory_mb.into();
        let taken = self.lock().room.take_memory(memory_mb);
        taken.then(|| Share {
            host: self.clone(),
            held: Held::Memory { memory_mb },
        })
    }

    fn share(&self, place: &Place) -> Share {
        Share {
            host: self.clone(),
            held: Held::Environment { pool: place.pool },
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn call_next(&self) {
        let next = self.room.next(Instant::now());
        let recruiter = self.recruiters.iter().find(|(pool, _)| Some(*pool) == next);
        recruiter
            .into_iter()
            .for_each(|(_, called)| called.notify_one());
    }
}

enum Held {
    Environment { pool: PoolId },
    Memory { memory_mb: u64 },
}

/// One environment's part of the budget, or that of a runtime that waits for one. Dropping it gives it back.
pub(crate) struct Share {
    host: Host,
    held: Held,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut state = self.host.lock();
        match self.held {
            Held::Environment { pool } => state.room.give_back(pool),
            Held::Memory { memory_mb } => state.room.give_back_memory(memory_mb),
        }
        state.call_next();
    }
}
