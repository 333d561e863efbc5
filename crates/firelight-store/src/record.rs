//! What the store gives back: revisions, versioned bodies, pages, and the feed of changes.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use crate::key::Key;

/// A revision of the store: the number of the commit that wrote a record, counted without gaps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rev(u64);

impl Rev {
    /// Before the first commit.
    pub const ZERO: Self = Self(0);

    /// Reads a revision that was written down by [`Rev::get`].
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number of the commit.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    pub(crate) const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Rev {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A time of the store's own clock, which never runs backwards.
///
/// It decides over expiry and due times only. It is never compared with the clock of a machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoreTime {
    unix_ms: u64,
}

impl StoreTime {
    /// Makes a time from milliseconds since 1970.
    #[must_use]
    pub const fn from_unix_ms(unix_ms: u64) -> Self {
        Self { unix_ms }
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn unix_ms(self) -> u64 {
        self.unix_ms
    }

    pub(crate) fn plus(self, duration: Duration) -> Self {
        let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self::from_unix_ms(self.unix_ms.saturating_add(ms))
    }

    /// How long ago `earlier` was; nothing if it is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.unix_ms.saturating_sub(earlier.unix_ms))
    }

    pub(crate) fn minus(self, duration: Duration) -> Self {
        let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self::from_unix_ms(self.unix_ms.saturating_sub(ms))
    }
}

/// Where an embedded store takes its time from; a database server has its own.
#[derive(Clone, Debug, Default)]
pub struct StoreClock {
    source: ClockSource,
}

#[derive(Clone, Debug, Default)]
enum ClockSource {
    #[default]
    System,
    Manual(Arc<AtomicU64>),
    Virtual {
        start: StoreTime,
        since: tokio::time::Instant,
    },
}

impl StoreClock {
    /// The clock of this machine.
    #[must_use]
    pub fn system() -> Self {
        Self {
            source: ClockSource::System,
        }
    }

    /// A clock that stands still until it is told to advance, for tests and the simulator.
    #[must_use]
    pub fn manual(start: StoreTime) -> Self {
        Self {
            source: ClockSource::Manual(Arc::new(AtomicU64::new(start.unix_ms))),
        }
    }

    /// A clock that goes with tokio's, which tests and the simulator may pause.
    #[must_use]
    pub fn virtual_from(start: StoreTime) -> Self {
        Self {
            source: ClockSource::Virtual {
                start,
                since: tokio::time::Instant::now(),
            },
        }
    }

    /// Moves a manual clock; no other clock is ours to move, so there it does nothing.
    pub fn advance(&self, by: Duration) {
        if let ClockSource::Manual(clock) = &self.source {
            let ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
            clock.fetch_add(ms, Ordering::SeqCst);
        }
    }

    pub(crate) fn now(&self) -> StoreTime {
        let unix_ms = match &self.source {
            ClockSource::Manual(clock) => clock.load(Ordering::SeqCst),
            ClockSource::Virtual { start, since } => return start.plus(since.elapsed()),
            ClockSource::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| {
                    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
                }),
        };
        StoreTime { unix_ms }
    }
}

/// A record's body with the revision that wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned {
    /// The commit that wrote it; the next write states it.
    pub rev: Rev,
    /// When it counts as expired, if it was written with a life time. It stays readable.
    pub expires: Option<StoreTime>,
    /// The content, in the encoding of its owner.
    pub body: Bytes,
}

/// A record with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its name.
    pub key: Key,
    /// Its content.
    pub value: Versioned,
}

/// A part of a listing, in key order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The records of this part.
    pub records: Vec<Record>,
    /// Pass it as `after` to read on; `None` at the end.
    pub next: Option<Key>,
}

/// What happened to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// Written, for the first time or again.
    Put,
    /// Removed.
    Deleted,
}

/// One line of the feed. The body is not part of it: read the key, which may be newer already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The commit it belongs to.
    pub rev: Rev,
    /// The record.
    pub key: Key,
    /// What happened to it.
    pub kind: ChangeKind,
}

/// A stretch of the feed, always of whole commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    /// The changes in the order of their commits.
    pub changes: Vec<Change>,
    /// The last commit covered; pass it as `after` to read on.
    pub upto: Rev,
    /// The newest commit of the store when this was read.
    pub head: Rev,
}
