//! What the data plane counted since it started, for metrics.
//!
//! Counting costs a few relaxed additions on the pool's own counters: no lock, no look-up, no allocation. Whoever shows
//! the numbers takes a [`Snapshot`] and names them.
//!
//! Deliberately absent: the text that monitoring systems read.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use firelight_model::{FunctionArn, FunctionVersion, Version};
use firelight_sandbox::Traffic;
use tokio::time::Instant;

use crate::admission::ThrottleReason;
use crate::host::HostUse;
use crate::metering::InvocationMeter;
use crate::pool::Counts;

/// The upper bounds of the classes of a histogram, in milliseconds. Whatever is longer is in one class more.
pub const BOUNDS_MS: [u64; 16] = [
    1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000,
];
const CLASSES: usize = BOUNDS_MS.len() + 1;

/// A function version that nobody invoked for so long is not shown any more.
const MEMORY: Duration = Duration::from_secs(3600);

/// How an environment came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartKind {
    /// A runtime that was kept started took it over.
    Pooled,
    /// Its runtime was executed for it.
    Exec,
    /// It was brought up ahead, for provisioned concurrency.
    Provisioned,
    /// It could not be made, or its init failed.
    Failed,
}

impl StartKind {
    pub const ALL: [Self; 4] = [Self::Pooled, Self::Exec, Self::Provisioned, Self::Failed];

    pub fn name(self) -> &'static str {
        match self {
            Self::Pooled => "pooled",
            Self::Exec => "exec",
            Self::Provisioned => "provisioned",
            Self::Failed => "failed",
        }
    }
}

#[derive(Debug, Default)]
struct Counter(AtomicU64);

impl Counter {
    fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Durations by class.
#[derive(Debug, Default)]
struct Durations {
    classes: [Counter; CLASSES],
    sum_us: Counter,
}

impl Durations {
    fn record(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let class = BOUNDS_MS.iter().position(|bound| micros <= bound * 1_000);
        self.classes[class.unwrap_or(BOUNDS_MS.len())].add(1);
        self.sum_us.add(micros);
    }

    fn read(&self) -> Histogram {
        Histogram {
            classes: std::array::from_fn(|class| self.classes[class].read()),
            sum: Duration::from_micros(self.sum_us.read()),
        }
    }
}

/// The counters of one function version, kept by its pools.
#[derive(Debug, Default)]
pub(crate) struct VersionMetrics {
    errors: Counter,
    throttles: [Counter; ThrottleReason::ALL.len()],
    no_capacity: Counter,
    starts: [Counter; StartKind::ALL.len()],
    cold: Counter,
    durations: Durations,
    inits: Durations,
    sent_bytes: Counter,
    received_bytes: Counter,
}

impl VersionMetrics {
    pub(crate) fn invoked(&self, meter: &InvocationMeter) {
        self.durations.record(meter.duration);
        self.errors.add(u64::from(meter.error));
        self.cold.add(u64::from(meter.init.is_some()));
    }

    pub(crate) fn throttled(&self, reason: ThrottleReason) {
        self.throttles[reason as usize].add(1);
    }

    pub(crate) fn refused_for_room(&self) {
        self.no_capacity.add(1);
    }

    pub(crate) fn started(&self, kind: StartKind) {
        self.starts[kind as usize].add(1);
    }

    /// Counts what went through an environment's way out.
    pub(crate) fn transferred(&self, traffic: Traffic) {
        self.sent_bytes.add(traffic.sent_bytes);
        self.received_bytes.add(traffic.received_bytes);
    }

    pub(crate) fn initialized(&self, took: Duration) {
        self.inits.record(took);
    }
}

/// Which counters.
pub(crate) type MetricsKey = (FunctionArn, Version);

/// The counters of all versions that were invoked lately.
#[derive(Debug, Default)]
pub(crate) struct Registry(Mutex<HashMap<MetricsKey, Kept>>);

#[derive(Debug)]
struct Kept {
    metrics: Arc<VersionMetrics>,
    /// When no pool was seen with it for the first time.
    unused_since: Option<Instant>,
}

impl Registry {
    /// Returns the counters of a version, for its pool to keep.
    pub(crate) fn of(&self, version: &FunctionVersion) -> Arc<VersionMetrics> {
        let mut kept = self.lock();
        let kept = kept.entry((version.arn.clone(), version.version));
        let kept = kept.or_insert_with(|| Kept {
            metrics: Arc::default(),
            unused_since: None,
        });
        kept.unused_since = None;
        Arc::clone(&kept.metrics)
    }

    /// Forgets versions without a pool, after a while in which what they counted last could be read.
    pub(crate) fn tidy(&self, now: Instant) {
        self.lock().retain(|_, kept| {
            if Arc::strong_count(&kept.metrics) > 1 {
                kept.unused_since = None;
                return true;
            }
            now < *kept.unused_since.get_or_insert(now) + MEMORY
        });
    }

    pub(crate) fn read(&self) -> Vec<VersionSnapshot> {
        let kept = self.lock();
        let read = |((function, version), kept): (&MetricsKey, &Kept)| {
            kept.metrics.read(function.clone(), *version)
        };
        kept.iter().map(read).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<MetricsKey, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All of it at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub versions: Vec<VersionSnapshot>,
    /// Invocations in flight, over all accounts.
    pub in_flight: usize,
    pub host: HostUse,
}

/// What was counted of one function version.
#[derive(Clone, Debug)]
pub struct VersionSnapshot {
    pub function: FunctionArn,
    pub version: Version,
    pub errors: u64,
    /// Refused for a limit, by reason.
    pub throttles: Vec<(ThrottleReason, u64)>,
    /// Refused because the host had no room.
    pub no_capacity: u64,
    pub starts: Vec<(StartKind, u64)>,
    /// Invocations that waited for an init.
    pub cold: u64,
    /// One for each invocation.
    pub durations: Histogram,
    pub inits: Histogram,
    /// Through the way out, of environments that were looked at since: it is behind by seconds.
    pub traffic: Traffic,
    /// The environments that live now, and the requests in line.
    pub counts: Counts,
}

/// How many durations fell into each class of [`BOUNDS_MS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Histogram {
    pub classes: [u64; CLASSES],
    pub sum: Duration,
}

impl Histogram {
    pub fn count(&self) -> u64 {
        self.classes.iter().sum()
    }
}

impl VersionMetrics {
    fn read(&self, function: FunctionArn, version: Version) -> VersionSnapshot {
        let throttles = ThrottleReason::ALL.map(|one| (one, self.throttles[one as usize].read()));
        let starts = StartKind::ALL.map(|one| (one, self.starts[one as usize].read()));
        VersionSnapshot {
            function,
            version,
            errors: self.errors.read(),
            throttles: throttles.to_vec(),
            no_capacity: self.no_capacity.read(),
            starts: starts.to_vec(),
            cold: self.cold.read(),
            durations: self.durations.read(),
            inits: self.inits.read(),
            traffic: Traffic {
                sent_bytes: self.sent_bytes.read(),
                received_bytes: self.received_bytes.read(),
            },
            counts: Counts::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duration_is_in_the_first_class_that_holds_it() {
        let durations = Durations::default();

        for micros in [0, 1_000, 1_001, 300_000_000, 300_000_001] {
            durations.record(Duration::from_micros(micros));
        }

        let read = durations.read();
        assert_eq!((read.classes[0], read.classes[1]), (2, 1));
        assert_eq!(
            (read.classes[CLASSES - 2], read.classes[CLASSES - 1]),
            (1, 1)
        );
        assert_eq!(
            (read.count(), read.sum),
            (5, Duration::from_micros(600_002_002))
        );
    }

    #[test]
    fn each_reason_and_each_kind_has_a_counter_of_its_own() {
        let metrics = VersionMetrics::default();

        for reason in ThrottleReason::ALL {
            metrics.throttled(reason);
        }
        for kind in StartKind::ALL {
            metrics.started(kind);
        }

        assert!(metrics.throttles.iter().all(|counter| counter.read() == 1));
        assert!(metrics.starts.iter().all(|counter| counter.read() == 1));
    }
}
