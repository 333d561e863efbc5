//! The environment pool of one function version: who serves the next invocation.
//!
//! ```text
//!   request ─► take an idle environment (newest first)
//!          └─► or wait in line; start environments until there is one under way per waiting request
//!   environment ready or free ─► first in line, else idle, else (stale code) retire
//! ```
//!
//! A pool serves one state of one version: new code means a new pool, and the old one is closed.
//!
//! Where an environment runs several invocations at once it has as many *seats*. A request takes a free seat beside
//! others before it takes an idle environment, so that what is not needed stays idle and can be retired.
//!
//! A pure state machine: it never starts, stops or awaits anything, it only answers what to do. `W` is whoever waits
//! (a reply channel in the daemon, a number in tests) and `E` is a handle to an environment.
//!
//! Deliberately absent: concurrency limits (see `admission`) and payloads.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// What to do with a request.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Requested<W, E> {
    /// Give the invocation to this environment.
    Assign(W, E),
    /// The request waits in line, and one more environment must be started for it.
    StartOne,
    /// The request waits in line for an environment that is already starting.
    Wait,
    /// The line is full.
    Refused(W),
    /// It needs another environment, and the function may not scale faster.
    TooFast(W),
}

/// What to do with an environment that can take work.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Freed<W, E> {
    Assign(W, E),
    /// It was put among those that wait for work.
    Idle,
    /// It runs old code: destroy it.
    Retire(E),
}

#[derive(Debug)]
struct IdleEnvironment<E> {
    handle: E,
    since: Instant,
}

/// A busy environment with seats for several.
#[derive(Debug)]
struct SharedEnvironment<E> {
    handle: E,
    free: usize,
}

#[derive(Debug)]
pub(crate) struct Pool<W, E> {
    closed: bool,
    /// Invocations that one environment runs at once.
    seats: usize,
    /// Those with work, where environments have several seats.
    shared: Vec<SharedEnvironment<E>>,
    /// Environments that are kept ready, used or not.
    provisioned: usize,
    idle: Vec<IdleEnvironment<E>>,
    waiting: VecDeque<W>,
    /// Under way for requests in line.
    starting: usize,
    /// Under way to be kept ready. No request counts on one: where they fail again and again, it would wait for ever.
    preparing: usize,
    busy: usize,
    longest_line: usize,
}

impl<W, E: Clone + PartialEq> Pool<W, E> {
    /// `seats` is how many invocations one environment runs at once.
    pub(crate) fn new(longest_line: usize, seats: usize) -> Self {
        Self {
            closed: false,
            seats: seats.max(1),
            shared: Vec::new(),
            provisioned: 0,
            idle: Vec::new(),
            waiting: VecDeque::new(),
            starting: 0,
            preparing: 0,
            busy: 0,
            longest_line,
        }
    }

    /// Nothing lives, starts or waits here, so the pool itself can go.
    pub(crate) fn is_empty(&self) -> bool {
        let starting = self.starting + self.preparing;
        self.idle.is_empty() && self.waiting.is_empty() && starting == 0 && self.busy == 0
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            idle: self.idle.len(),
            busy: self.busy,
            starting: self.starting + self.preparing,
            waiting: self.waiting.len(),
        }
    }

    /// A request wants an environment. `may_scale` is asked if that takes a new one.
    pub(crate) fn request(
        &mut self,
        waiter: W,
        may_scale: impl FnOnce() -> bool,
    ) -> Requested<W, E> {
        if let Some(handle) = self.take_seat_beside_others() {
            return Requested::Assign(waiter, handle);
        }
        if let Some(newest) = self.idle.pop() {
            self.occupy(&newest.handle);
            return Requested::Assign(waiter, newest.handle);
        }
        if self.waiting.len() >= self.longest_line {
            return Requested::Refused(waiter);
        }
        if self.starting * self.seats > self.waiting.len() {
            self.waiting.push_back(waiter);
            return Requested::Wait;
        }
        if !may_scale() {
            return Requested::TooFast(waiter);
        }
        self.waiting.push_back(waiter);
        self.starting += 1;
        Requested::StartOne
    }

    /// Sets how many invocations environments are kept ready for, and counts as starting those that are missing: that many must be
    /// started now.
    #[must_use]
    pub(crate) fn provision(&mut self, wanted: usize) -> usize {
        self.provisioned = if self.closed {
            0
        } else {
            wanted.div_ceil(self.seats)
        };
        let there = self.idle.len() + self.busy + self.starting + self.preparing;
        let missing = self.provisioned.saturating_sub(there);
        self.preparing += missing;
        missing
    }

    /// A started environment is ready for its first invocation.
    pub(crate) fn started(&mut self, handle: E, now: Instant) -> Freed<W, E> {
        self.starting -= 1;
        self.place(handle, now)
    }

    /// An environment that is to be kept ready is up.
    pub(crate) fn prepared(&mut self, handle: E, now: Instant) -> Freed<W, E> {
        self.preparing -= 1;
        self.place(handle, now)
    }

    /// An environment that was to be kept ready could not be made.
    pub(crate) fn preparing_failed(&mut self) {
        self.preparing -= 1;
    }

    /// Whether more starts are under way than requests need.
    pub(crate) fn has_superfluous_start(&self) -> bool {
        self.starting > 0 && (self.starting - 1) * self.seats >= self.waiting.len()
    }

    /// A start that was asked for by a request was given up before it began.
    pub(crate) fn start_withdrawn(&mut self) {
        self.starting -= 1;
    }

    /// An environment could not be made. Answers the requests in line that nothing is under way for any more.
    #[must_use]
    pub(crate) fn start_failed(&mut self) -> Vec<W> {
        self.starting -= 1;
        let hopeless = self
            .waiting
            .len()
            .saturating_sub(self.starting * self.seats);
        self.waiting.drain(..hopeless.min(self.seats)).collect()
    }

    /// A busy environment finished an invocation and can take another.
    pub(crate) fn finished(&mut self, handle: E, now: Instant) -> Freed<W, E> {
        if let Some(index) = self.position_shared(&handle) {
            if let Some(waiter) = self.waiting.pop_front() {
                return Freed::Assign(waiter, handle);
            }
            let shared = &mut self.shared[index];
            shared.free += 1;
            if shared.free < self.seats {
                return Freed::Idle;
            }
            self.shared.swap_remove(index);
        }
        self.busy -= 1;
        self.place(handle, now)
    }

    /// Gives a free seat of an environment that just began to work to the next in line.
    #[must_use]
    pub(crate) fn next_seat(&mut self, handle: &E) -> Option<W> {
        let index = self.position_shared(handle)?;
        let free = &mut self.shared[index].free;
        if *free == 0 {
            return None;
        }
        let waiter = self.waiting.pop_front()?;
        *free -= 1;
        Some(waiter)
    }

    /// Whether an environment that is free again may be given up for another function, though requests wait here.
    pub(crate) fn may_make_way(&self) -> bool {
        let spare = self.busy + self.idle.len() > self.provisioned;
        spare && self.seats == 1 && !self.waiting.is_empty()
    }

    /// A busy environment is gone (it could not be kept). `true` if another must be started for those who wait.
    #[must_use]
    pub(crate) fn lost_busy(&mut self) -> bool {
        self.busy -= 1;
        self.start_for_waiting()
    }

    /// The same where only the handle is at hand, and several invocations may find out.
    #[must_use]
    pub(crate) fn lost(&mut self, handle: &E) -> bool {
        if self.seats > 1 {
            let Some(index) = self.position_shared(handle) else {
                return false;
            };
            self.shared.swap_remove(index);
        }
        self.lost_busy()
    }

    /// The version has new code or configuration, or is gone: no environment is kept any more. Requests in line are
    /// still served. Returns the idle environments, which must be destroyed.
    #[must_use]
    pub(crate) fn close(&mut self) -> Vec<E> {
        self.closed = true;
        self.idle.drain(..).map(|idle| idle.handle).collect()
    }

    /// Takes out every environment that has been idle for `limit` or longer.
    #[must_use]
    pub(crate) fn expire(&mut self, now: Instant, limit: Duration) -> Vec<E> {
        let mut expired = Vec::new();
        let mut kept = Vec::with_capacity(self.idle.len());
        let mut spare = self.spare();
        for idle in self.idle.drain(..) {
            if spare > 0 && now.duration_since(idle.since) >= limit {
                spare -= 1;
                expired.push(idle.handle);
            } else {
                kept.push(idle);
            }
        }
        self.idle = kept;
        expired
    }

    /// When the oldest idle environment became idle that is not kept ready.
    pub(crate) fn oldest_idle_since(&self) -> Option<Instant> {
        self.idle
            .first()
            .filter(|_| self.spare() > 0)
            .map(|idle| idle.since)
    }

    /// Takes out the environment that has been idle longest, to make room for another function.
    #[must_use]
    pub(crate) fn evict_oldest(&mut self) -> Option<E> {
        if self.spare() == 0 {
            None
        } else {
            Some(self.idle.remove(0).handle)
        }
    }

    /// Takes out an idle environment that died by itself.
    #[must_use]
    pub(crate) fn remove_idle(&mut self, is_it: impl Fn(&E) -> bool) -> Option<E> {
        let index = self.idle.iter().position(|idle| is_it(&idle.handle))?;
        Some(self.idle.remove(index).handle)
    }

    /// Takes everything out of the line, for shutdown.
    #[must_use]
    pub(crate) fn dismiss_waiting(&mut self) -> Vec<W> {
        self.waiting.drain(..).collect()
    }

    fn place(&mut self, handle: E, now: Instant) -> Freed<W, E> {
        if let Some(waiter) = self.waiting.pop_front() {
            self.occupy(&handle);
            return Freed::Assign(waiter, handle);
        }
        if self.closed {
            return Freed::Retire(handle);
        }
        self.idle.push(IdleEnvironment { handle, since: now });
        Freed::Idle
    }

    /// Counts an environment as busy that gets its first invocation.
    fn occupy(&mut self, handle: &E) {
        self.busy += 1;
        if self.seats > 1 {
            self.shared.push(SharedEnvironment {
                handle: handle.clone(),
                free: self.seats - 1,
            });
        }
    }

    fn take_seat_beside_others(&mut self) -> Option<E> {
        let mut newest_first = self.shared.iter_mut().rev();
        let open = newest_first.find(|shared| shared.free > 0)?;
        open.free -= 1;
        Some(open.handle.clone())
    }

    fn position_shared(&self, handle: &E) -> Option<usize> {
        self.shared
            .iter()
            .position(|shared| shared.handle == *handle)
    }

    /// Idle environments beyond those that are kept ready.
    fn spare(&self) -> usize {
        self.idle
            .len()
            .saturating_sub(self.provisioned.saturating_sub(self.busy))
    }

    fn start_for_waiting(&mut self) -> bool {
        let needed = self.starting * self.seats < self.waiting.len();
        if needed {
            self.starting += 1;
        }
        needed
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub idle: usize,
    pub busy: usize,
    pub starting: usize,
    pub waiting: usize,
}

impl std::ops::Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            idle: self.idle + other.idle,
            busy: self.busy + other.busy,
            starting: self.starting + other.starting,
            waiting: self.waiting + other.waiting,
        }
    }
}

#[cfg(test)]
mod tests;
