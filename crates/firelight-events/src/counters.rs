//! What happened since the start, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::policy::Condition;
use crate::work::DeliveryKind;

/// Counters that only grow.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) accepted: Counter,
    pub(crate) succeeded: Counter,
    pub(crate) function_errors: Counter,
    pub(crate) not_run: Counter,
    pub(crate) unknown: Counter,
    pub(crate) retries_exhausted: Counter,
    pub(crate) age_exceeded: Counter,
    pub(crate) zero_concurrency: Counter,
    pub(crate) recursive: Counter,
    pub(crate) gone: Counter,
    pub(crate) delivered: Counter,
    pub(crate) delivery_retries: Counter,
    pub(crate) lost_records: Counter,
    pub(crate) lost_dead_letters: Counter,
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters at one moment, counted since the process started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Events that were acknowledged (`AsyncEventsReceived`).
    pub accepted: u64,
    /// Events whose function answered without an error.
    pub succeeded: u64,
    /// Attempts that the function failed.
    pub function_errors: u64,
    /// Attempts that were throttled or did not start for another reason.
    pub not_run: u64,
    /// Attempts of which nobody knows how they ended.
    pub unknown: u64,
    /// Events given up, by why (`AsyncEventsDropped` is their sum).
    pub dropped: Dropped,
    /// Records and dead letters handed over.
    pub delivered: u64,
    /// Attempts at a delivery that will be repeated.
    pub delivery_retries: u64,
    /// Records given up (`DestinationDeliveryFailures`).
    pub lost_records: u64,
    /// Dead letters given up (`DeadLetterErrors`).
    pub lost_dead_letters: u64,
}

/// Events that were given up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    pub retries_exhausted: u64,
    pub age_exceeded: u64,
    pub zero_concurrency: u64,
    pub recursive: u64,
    /// The function was deleted.
    pub gone: u64,
}

impl Dropped {
    /// All of them together.
    pub fn sum(&self) -> u64 {
        let Self {
            retries_exhausted,
            age_exceeded,
            zero_concurrency,
            recursive,
            gone,
        } = self;
        retries_exhausted + age_exceeded + zero_concurrency + recursive + gone
    }
}

impl Counters {
    pub(crate) fn given_up(&self, condition: Condition) {
        match condition {
            Condition::RetriesExhausted => self.retries_exhausted.add(),
            Condition::EventAgeExceeded => self.age_exceeded.add(),
            Condition::ZeroReservedConcurrency => self.zero_concurrency.add(),
            Condition::RecursiveInvocation => self.recursive.add(),
        }
    }

    pub(crate) fn lost(&self, kind: DeliveryKind) {
        match kind {
            DeliveryKind::Record => self.lost_records.add(),
            DeliveryKind::DeadLetter => self.lost_dead_letters.add(),
        }
    }

    pub(crate) fn totals(&self) -> Totals {
        Totals {
            accepted: self.accepted.read(),
            succeeded: self.succeeded.read(),
            function_errors: self.function_errors.read(),
            not_run: self.not_run.read(),
            unknown: self.unknown.read(),
            dropped: Dropped {
                retries_exhausted: self.retries_exhausted.read(),
                age_exceeded: self.age_exceeded.read(),
                zero_concurrency: self.zero_concurrency.read(),
                recursive: self.recursive.read(),
                gone: self.gone.read(),
            },
            delivered: self.delivered.read(),
            delivery_retries: self.delivery_retries.read(),
            lost_records: self.lost_records.read(),
            lost_dead_letters: self.lost_dead_letters.read(),
        }
    }
}
