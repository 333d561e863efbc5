//! Room for environments on the host: who holds it, who waits for it, who gets it next.
//!
//! ```text
//!  ask ─► room, and nobody waits ─► held
//!     └─► in line ─► next (the pool that holds least, then the one that waits longest) ─► held
//!                └─► withdrawn, or expired
//! ```
//!
//! The next one is served before all others, however much it needs: large environments are not starved by small ones.
//! But what cannot be had keeps nobody else waiting for long: after a while others take the room that is free, unless
//! enough for the next one is on its way.
//! A pool with far more than the next one makes way for it, one environment at a time, until they hold alike; one that
//! holds nothing at all gets its turn even where everybody has but one.
//!
//! A pure state machine: it is told the time, and never starts or stops anything.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::Budget;

/// How long a pool that has nothing waits before one that has must give its last environment away, and for how long
/// that one has it to itself.
pub(super) const TURN: Duration = Duration::from_secs(1);

/// How long room is kept free for a pool that needs more than there is.
const KEPT_FREE: Duration = Duration::from_secs(2);

/// One of those that environments are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PoolId(pub(super) u64);

/// Says what a pool that waits may do now.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn<W> {
    /// The room is its own from now on.
    Granted(W),
    /// It is the next one: what is idle should make way.
    MakeRoom {
        since: Instant,
    },
    Wait {
        since: Instant,
    },
    /// It wants nothing any more.
    Over,
}

#[derive(Debug)]
struct Want<W> {
    what: W,
    since: Instant,
}

/// What one pool holds and wants.
#[derive(Debug)]
struct Party<W> {
    memory_mb: u64,
    held: u32,
    /// Of those, on their way out.
    leaving: u32,
    last_grant: Option<Instant>,
    wanted: VecDeque<Want<W>>,
}

impl<W> Party<W> {
    fn new(memory_mb: u64) -> Self {
        Self {
            memory_mb,
            held: 0,
            leaving: 0,
            last_grant: None,
            wanted: VecDeque::new(),
        }
    }

    /// The memory that will stay with it.
    fn keeps_mb(&self) -> u64 {
        u64::from(self.held - self.leaving) * self.memory_mb
    }

    fn waits_since(&self) -> Option<Instant> {
        self.wanted.front().map(|want| want.since)
    }
}

/// `W` is what a pool wants the room for.
#[derive(Debug)]
pub(super) struct Room<W> {
    budget: Budget,
    memory_mb: u64,
    environments: u32,
    parties: BTreeMap<PoolId, Party<W>>,
}

impl<W> Room<W> {
    pub(super) fn new(budget: Budget) -> Self {
        Self {
            budget,
            memory_mb: 0,
            environments: 0,
            parties: BTreeMap::new(),
        }
    }

    /// Memory and environments that are held.
    pub(super) fn in_use(&self) -> (u64, u32) {
        (self.memory_mb, self.environments)
    }

    /// Returns the pool that is served before all others.
    pub(super) fn next(&self, now: Instant) -> Option<PoolId> {
        let first = self.first_of(|_| true)?;
        if self.keeps_others_waiting(first, now) {
            return Some(first);
        }
        let fitting = self.first_of(|party| self.fits(party.memory_mb));
        Some(fitting.unwrap_or(first))
    }

    /// Returns the first in line of those that are looked at.
    fn first_of(&self, is_looked_at: impl Fn(&Party<W>) -> bool) -> Option<PoolId> {
        let parties = self.parties.iter();
        let waiting = parties.filter(|(_, party)| is_looked_at(party));
        let ranked = waiting
            .filter_map(|(pool, party)| Some((party.keeps_mb(), party.waits_since()?, *pool)));
        ranked.min().map(|(_, _, pool)| pool)
    }

    /// Whether all room is for the first in line: it fits, will fit soon, or has not waited long.
    fn keeps_others_waiting(&self, first: PoolId, now: Instant) -> bool {
        self.parties.get(&first).is_some_and(|party| {
            let mb = party.memory_mb;
            let is_young = party
                .waits_since()
                .is_some_and(|since| now - since < KEPT_FREE);
            is_young || self.fits(mb) || self.is_coming_free(mb)
        })
    }

    pub(super) fn is_waiting(&self, pool: PoolId) -> bool {
        let party = self.parties.get(&pool);
        party.is_some_and(|party| !party.wanted.is_empty())
    }

    /// Takes memory for what is no environment. `false` if environments have it, or wait for it.
    pub(super) fn take_memory(&mut self, memory_mb: u64) -> bool {
        let may = self.first_of(|_| true).is_none()
            && self.memory_mb + memory_mb <= self.budget.memory_mb;
        if may {
            self.memory_mb += memory_mb;
        }
        may
    }

    pub(super) fn give_back_memory(&mut self, memory_mb: u64) {
        self.memory_mb -= memory_mb;
    }

    /// Takes room for an environment, or puts what it is for in line.
    pub(super) fn ask(&mut self, pool: PoolId, memory_mb: u64, what: W, now: Instant) -> Option<W> {
        let first = self.first_of(|_| true);
        let is_kept = first.is_some_and(|first| self.keeps_others_waiting(first, now));
        let at_once = !is_kept && !self.is_waiting(pool) && self.fits(memory_mb);
        let party = self
            .parties
            .entry(pool)
            .or_insert_with(|| Party::new(memory_mb));
        if !at_once {
            party.wanted.push_back(Want { what, since: now });
            return None;
        }
        self.hold(pool, now);
        Some(what)
    }

    /// Says what a pool that waits may do now, and does it where that is to take room.
    pub(super) fn turn(&mut self, pool: PoolId, now: Instant) -> Turn<W> {
        let Some((since, memory_mb)) = self
            .parties
            .get(&pool)
            .and_then(|party| Some((party.waits_since()?, party.memory_mb)))
        else {
            return Turn::Over;
        };
        if self.next(now) != Some(pool) {
            return Turn::Wait { since };
        }
        if !self.fits(memory_mb) {
            return match self.is_coming_free(memory_mb) {
                true => Turn::Wait { since },
                false => Turn::MakeRoom { since },
            };
        }
        let party = self.parties.get_mut(&pool);
        match party.and_then(|party| party.wanted.pop_front()) {
            Some(Want { what, .. }) => {
                self.hold(pool, now);
                Turn::Granted(what)
            }
            None => Turn::Over,
        }
    }

    /// Takes what a pool no longer wants out of its line, the one that waits longest first.
    pub(super) fn withdraw(&mut self, pool: PoolId, is_it: impl Fn(&W) -> bool) -> Option<W> {
        let party = self.parties.get_mut(&pool)?;
        let index = party.wanted.iter().position(|want| is_it(&want.what))?;
        let want = party.wanted.remove(index);
        self.forget_if_empty(pool);
        want.map(|want| want.what)
    }

    /// Takes out what waits since `limit` or longer.
    pub(super) fn expire(&mut self, pool: PoolId, limit: Instant) -> Vec<W> {
        let mut expired = Vec::new();
        if let Some(party) = self.parties.get_mut(&pool) {
            while party.waits_since().is_some_and(|since| since <= limit) {
                expired.extend(party.wanted.pop_front().map(|want| want.what));
            }
        }
        self.forget_if_empty(pool);
        expired
    }

    /// Tells whether an environment of `pool` that is free should make way for another pool, though requests wait for it.
    /// If so it counts as leaving.
    pub(super) fn makes_way(&mut self, pool: PoolId, now: Instant) -> bool {
        let makes_way = self.should_make_way(pool, now).unwrap_or(false);
        if makes_way {
            self.note_leaving(pool);
        }
        makes_way
    }

    fn should_make_way(&self, pool: PoolId, now: Instant) -> Option<bool> {
        let next = self.next(now).filter(|next| *next != pool)?;
        let (mine, other) = (self.parties.get(&pool)?, self.parties.get(&next)?);
        if self.fits(other.memory_mb) || self.is_coming_free(other.memory_mb) {
            return Some(false);
        }
        let (rest, grown) = (
            mine.keeps_mb().checked_sub(mine.memory_mb)?,
            other.keeps_mb() + other.memory_mb,
        );
        let had_its_turn = mine.last_grant.is_none_or(|grant| now - grant >= TURN);
        let waited = now - other.waits_since()? >= TURN;
        Some(grown <= rest || (other.keeps_mb() == 0 && waited && had_its_turn))
    }

    /// An environment of `pool` was told to go.
    pub(super) fn note_leaving(&mut self, pool: PoolId) {
        if let Some(party) = self.parties.get_mut(&pool) {
            party.leaving = (party.leaving + 1).min(party.held);
        }
    }

    /// Nothing is left of an environment of `pool`.
    pub(super) fn give_back(&mut self, pool: PoolId) {
        let Some(party) = self.parties.get_mut(&pool) else {
            return;
        };
        party.held -= 1;
        party.leaving = party.leaving.saturating_sub(1);
        self.memory_mb -= party.memory_mb;
        self.environments -= 1;
        self.forget_if_empty(pool);
    }

    fn hold(&mut self, pool: PoolId, now: Instant) {
        if let Some(party) = self.parties.get_mut(&pool) {
            party.held += 1;
            party.last_grant = Some(now);
            self.memory_mb += party.memory_mb;
            self.environments += 1;
        }
    }

    fn fits(&self, memory_mb: u64) -> bool {
        self.memory_mb + memory_mb <= self.budget.memory_mb
            && self.environments < self.budget.environments
    }

    /// Whether there is room once those are gone that leave.
    fn is_coming_free(&self, memory_mb: u64) -> bool {
        let leaving =
            |party: &Party<W>| (u64::from(party.leaving) * party.memory_mb, party.leaving);
        let each = self.parties.values().map(leaving);
        let (mb, environments) = each.fold((0, 0), |sum, each| (sum.0 + each.0, sum.1 + each.1));
        self.memory_mb - mb + memory_mb <= self.budget.memory_mb
            && self.environments - environments < self.budget.environments
    }

    fn forget_if_empty(&mut self, pool: PoolId) {
        let is_empty = |party: &Party<W>| party.held == 0 && party.wanted.is_empty();
        if self.parties.get(&pool).is_some_and(is_empty) {
            self.parties.remove(&pool);
        }
    }
}

#[cfg(test)]
mod tests;
