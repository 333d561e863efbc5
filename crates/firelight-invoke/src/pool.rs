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
    /// It was put among the idle ones.
    Idle,
    /// It runs old code: destroy it.
    Retire(E),
}

#[derive(Debug)]
struct IdleEnvironment<E> {
    handle: E,
    since: Instant,
}

#[derive(Debug)]
pub(crate) struct Pool<W, E> {
    closed: bool,
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

impl<W, E> Pool<W, E> {
    pub(crate) fn new(longest_line: usize) -> Self {
        Self {
            closed: false,
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
        if let Some(newest) = self.idle.pop() {
            self.busy += 1;
            return Requested::Assign(waiter, newest.handle);
        }
        if self.waiting.len() >= self.longest_line {
            return Requested::Refused(waiter);
        }
        if self.starting > self.waiting.len() {
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

    /// Sets how many environments are kept ready, and counts as starting those that are missing: that many must be
    /// started now.
    #[must_use]
    pub(crate) fn provision(&mut self, wanted: usize) -> usize {
        self.provisioned = if self.closed { 0 } else { wanted };
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

    /// Takes back a start that was asked for by a request and has not begun, if nobody needs it any more. `true` if so.
    #[must_use]
    pub(crate) fn withdraw_start(&mut self) -> bool {
        let superfluous = self.starting > self.waiting.len();
        if superfluous {
            self.starting -= 1;
        }
        superfluous
    }

    /// An environment could not be made. Answers the request in line that nothing is under way for any more.
    pub(crate) fn start_failed(&mut self) -> Option<W> {
        self.starting -= 1;
        if self.starting < self.waiting.len() {
            self.waiting.pop_front()
        } else {
            None
        }
    }

    /// A busy environment finished its invocation and can take another.
    pub(crate) fn finished(&mut self, handle: E, now: Instant) -> Freed<W, E> {
        self.busy -= 1;
        self.place(handle, now)
    }

    /// A busy environment is gone (it could not be kept). `true` if another must be started for those who wait.
    #[must_use]
    pub(crate) fn lost_busy(&mut self) -> bool {
        self.busy -= 1;
        self.start_for_waiting()
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
            self.busy += 1;
            return Freed::Assign(waiter, handle);
        }
        if self.closed {
            return Freed::Retire(handle);
        }
        self.idle.push(IdleEnvironment { handle, since: now });
        Freed::Idle
    }

    /// Idle environments beyond those that are kept ready.
    fn spare(&self) -> usize {
        self.idle
            .len()
            .saturating_sub(self.provisioned.saturating_sub(self.busy))
    }

    fn start_for_waiting(&mut self) -> bool {
        let needed = self.starting < self.waiting.len();
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
mod tests {
    use super::*;

    fn pool() -> Pool<&'static str, u32> {
        Pool::new(2)
    }

    #[test]
    fn first_request_starts_an_environment_and_gets_it_when_it_is_ready() {
        let mut pool = pool();

        assert_eq!(pool.request("a", || true), Requested::StartOne);
        assert_eq!(pool.started(1, Instant::now()), Freed::Assign("a", 1));
        assert_eq!(
            pool.counts(),
            Counts {
                busy: 1,
                ..Counts::default()
            }
        );
    }

    #[test]
    fn newest_idle_environment_is_taken_first() {
        let mut pool = pool();
        let now = Instant::now();
        for (waiter, environment) in [("a", 1), ("b", 2)] {
            let _ = pool.request(waiter, || true);
            let _ = pool.started(environment, now);
        }

        let _ = pool.finished(1, now);
        let _ = pool.finished(2, now);

        assert_eq!(pool.request("c", || true), Requested::Assign("c", 2));
    }

    #[test]
    fn freed_environment_serves_the_line_before_the_one_that_was_started_for_it() {
        let mut pool = pool();
        let now = Instant::now();
        let _ = pool.request("a", || true);
        let _ = pool.started(1, now);
        assert_eq!(pool.request("b", || true), Requested::StartOne);

        assert_eq!(pool.finished(1, now), Freed::Assign("b", 1));

        assert_eq!(pool.started(2, now), Freed::Idle);
    }

    #[test]
    fn environment_with_old_code_is_never_kept() {
        let mut pool = pool();
        let now = Instant::now();
        let _ = pool.request("a", || true);
        let _ = pool.started(1, now);
        let _ = pool.request("b", || true);
        let _ = pool.started(2, now);
        let _ = pool.finished(2, now);

        assert_eq!(pool.close(), vec![2]);

        assert_eq!(pool.finished(1, now), Freed::Retire(1));
        assert!(pool.is_empty());
    }

    #[test]
    fn requests_that_wait_when_the_code_changes_are_still_served() {
        let mut pool = pool();
        let _ = pool.request("a", || true);

        assert_eq!(pool.close(), Vec::<u32>::new());

        assert_eq!(pool.started(1, Instant::now()), Freed::Assign("a", 1));
    }

    #[test]
    fn full_line_refuses() {
        let mut pool = pool();
        let _ = pool.request("a", || true);
        let _ = pool.request("b", || true);

        assert_eq!(pool.request("c", || true), Requested::Refused("c"));
    }

    #[test]
    fn function_that_may_not_scale_still_waits_for_a_start_that_lost_its_request() {
        let mut pool = pool();
        let now = Instant::now();
        let _ = pool.request("a", || true);
        let _ = pool.started(1, now);
        assert_eq!(pool.request("b", || true), Requested::StartOne);
        assert_eq!(pool.request("c", || false), Requested::TooFast("c"));

        assert_eq!(pool.finished(1, now), Freed::Assign("b", 1));

        assert_eq!(pool.request("c", || false), Requested::Wait);
    }

    #[test]
    fn request_does_not_count_on_an_environment_that_is_to_be_kept_ready() {
        let mut pool = pool();
        assert_eq!(pool.provision(1), 1);

        assert_eq!(pool.request("a", || true), Requested::StartOne);
        pool.preparing_failed();
        assert_eq!(pool.start_failed(), Some("a"));

        assert_eq!(pool.provision(1), 1);
        let _ = pool.request("b", || true);
        let served = pool.prepared(1, Instant::now());
        assert_eq!(served, Freed::Assign("b", 1), "it serves who waits");
    }

    #[test]
    fn start_that_nobody_needs_any_more_is_withdrawn() {
        let mut pool = pool();
        let now = Instant::now();
        let _ = pool.request("a", || true);
        let _ = pool.request("b", || true);
        assert!(!pool.withdraw_start());

        let _ = pool.started(1, now);
        assert_eq!(pool.finished(1, now), Freed::Assign("b", 1));

        assert!(pool.withdraw_start());
        assert!(!pool.withdraw_start());
    }

    #[test]
    fn failed_start_answers_the_request_it_was_for() {
        let mut pool = pool();
        let _ = pool.request("a", || true);

        assert_eq!(pool.start_failed(), Some("a"));
        assert!(pool.is_empty());
    }

    #[test]
    fn provisioned_environments_are_started_ahead_and_neither_expire_nor_make_room() {
        let mut pool = pool();
        let t0 = Instant::now();
        assert_eq!(pool.provision(2), 2);
        let _ = pool.prepared(1, t0);
        let _ = pool.prepared(2, t0);
        assert_eq!(pool.provision(2), 0);

        let later = t0 + Duration::from_secs(3600);
        assert_eq!(
            pool.expire(later, Duration::from_secs(300)),
            Vec::<u32>::new()
        );
        assert_eq!(pool.evict_oldest(), None);

        assert_eq!(pool.provision(1), 0);
        assert_eq!(pool.expire(later, Duration::from_secs(300)), vec![1]);
    }

    #[test]
    fn lost_provisioned_environment_is_started_again() {
        let mut pool = pool();
        let _ = pool.provision(1);
        let _ = pool.prepared(1, Instant::now());
        let _ = pool.request("a", || true);
        let _ = pool.lost_busy();

        assert_eq!(pool.provision(1), 1);
    }

    #[test]
    fn idle_environments_expire_at_the_limit_not_before() {
        let mut pool = pool();
        let t0 = Instant::now();
        let limit = Duration::from_secs(300);
        let _ = pool.request("a", || true);
        let _ = pool.started(1, t0);
        let _ = pool.finished(1, t0);

        assert_eq!(
            pool.expire(t0 + Duration::from_millis(299_999), limit),
            Vec::<u32>::new()
        );
        assert_eq!(pool.expire(t0 + limit, limit), vec![1]);
    }
}
