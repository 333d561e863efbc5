//! One gate: what passes is counted, and held against a ceiling and a pace.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::bucket::{Bucket, Pace};

/// What is counted at one gate. Pure: it is told the limits and the time.
#[derive(Debug, Default)]
pub(super) struct Counter {
    pub(super) in_flight: u32,
    pub(super) requests: Bucket,
    pub(super) new_environments: Bucket,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    Concurrency,
    Requests,
}

impl Counter {
    pub(super) fn enter(
        &mut self,
        limit: u32,
        requests: Option<Pace>,
        now: Instant,
    ) -> Result<(), Full> {
        if self.in_flight >= limit {
            return Err(Full::Concurrency);
        }
        if requests.is_some_and(|pace| !self.requests.take(pace, now)) {
            return Err(Full::Requests);
        }
        self.in_flight += 1;
        Ok(())
    }

    pub(super) fn is_idle(&self, now: Instant) -> bool {
        self.in_flight == 0 && self.requests.is_full(now) && self.new_environments.is_full(now)
    }
}

/// A counter that several pools share.
#[derive(Debug, Default)]
pub(super) struct Gate(Mutex<Counter>);

impl Gate {
    pub(super) fn lock(&self) -> MutexGuard<'_, Counter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
