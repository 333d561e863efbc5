//! What functions used: counts for each function version, size and hour.
//!
//! ```text
//!  record(key, counts) ──► added up in memory ──► every 500 ms: one transaction adds to the rows
//! ```
//!
//! Recording never waits. What was recorded is durable within a second, or after
//! [`UsageStore::flush`]; a write that fails is added up with what comes later. Memory is bounded
//! by the number of function versions that ran in those moments.
//!
//! Usage has a database of its own, so that a bill survives whoever deletes logs.
//!
//! Deliberately absent: prices.

mod sql;
mod writer;

use std::collections::HashMap;
use std::ops::{AddAssign, Range};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use firelight_model::{AccountId, Architecture, FunctionName, Version, WallTime};
use sqlx::SqlitePool;
use tokio::sync::{Notify, mpsc, oneshot};

use self::writer::{Request, Writer};
use crate::sqlite::OpenStoreError;
use crate::sqlite::database::{self, Step};
use crate::store::{BackendError, ReadError};

/// Requests that may wait for the writer; more callers wait for a place.
const WAITING_REQUESTS: usize = 16;
const HOUR_MS: u64 = 60 * 60 * 1000;

const MIGRATIONS: &[Step] = &[
    Step {
        version: 1,
        name: "usage",
        sql: include_str!("usage/migrations/0001_usage.sql"),
    },
    Step {
        version: 2,
        name: "traffic",
        sql: include_str!("usage/migrations/0002_traffic.sql"),
    },
];

/// An hour of wall time, counted from 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UsageHour(u64);

impl UsageHour {
    /// The hour that a time lies in.
    #[must_use]
    pub fn of(time: WallTime) -> Self {
        Self(time.epoch_ms() / HOUR_MS)
    }

    /// When the hour begins.
    #[must_use]
    pub fn start(self) -> WallTime {
        WallTime::from_epoch_ms(self.0 * HOUR_MS)
    }
}

/// What usage is counted for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UsageKey {
    /// Who pays.
    pub account: AccountId,
    /// The function.
    pub function: FunctionName,
    /// Its version.
    pub version: Version,
    /// What it ran on, which has its price.
    pub architecture: Architecture,
    /// The memory it was given.
    pub memory_mb: u32,
    /// When.
    pub hour: UsageHour,
}

/// What was used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsageCounts {
    /// Invocations that ran.
    pub requests: u64,
    /// Those of them that failed.
    pub errors: u64,
    /// Invocations that were refused.
    pub throttles: u64,
    /// Environments that were made.
    pub cold_starts: u64,
    /// Billed durations.
    pub billed_ms: u64,
    /// Billed durations times memory; 1,024,000 of it are a GB-second.
    pub billed_mb_ms: u64,
    /// Durations of init phases.
    pub init_ms: u64,
    /// Bytes that environments sent through their way out.
    pub sent_bytes: u64,
    /// Bytes that they received.
    pub received_bytes: u64,
}

impl AddAssign for UsageCounts {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.throttles += other.throttles;
        self.cold_starts += other.cold_starts;
        self.billed_ms += other.billed_ms;
        self.billed_mb_ms += other.billed_mb_ms;
        self.init_ms += other.init_ms;
        self.sent_bytes += other.sent_bytes;
        self.received_bytes += other.received_bytes;
    }
}

/// A row of the books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Of what and when.
    pub key: UsageKey,
    /// How much.
    pub counts: UsageCounts,
}

/// Usage could not be written. It is kept and added to the next write.
#[derive(Debug, thiserror::Error)]
#[error("could not write usage")]
pub struct WriteUsageError(#[source] BackendError);

/// The usage store; cheap to clone.
#[derive(Clone, Debug)]
pub struct UsageStore {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    readers: SqlitePool,
    requests: mpsc::Sender<Request>,
    pending: Arc<Pending>,
}

/// What was recorded and is not written yet.
#[derive(Debug, Default)]
struct Pending {
    counts: Mutex<HashMap<UsageKey, UsageCounts>>,
    recorded: Notify,
}

impl Pending {
    fn counts(&self) -> MutexGuard<'_, HashMap<UsageKey, UsageCounts>> {
        // Adding up cannot panic half way, so what another thread left is whole.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, key: UsageKey, counts: UsageCounts) {
        *self.counts().entry(key).or_default() += counts;
        self.recorded.notify_one();
    }

    fn take(&self) -> Vec<Usage> {
        let taken = std::mem::take(&mut *self.counts());
        let row = |(key, counts)| Usage { key, counts };
        taken.into_iter().map(row).collect()
    }
}

impl UsageStore {
    /// Opens the database, creating it or bringing it to this version first.
    ///
    /// # Errors
    /// If the file cannot be opened, or is from a newer version.
    pub async fn open(file: &Path) -> Result<Self, OpenStoreError> {
        let opened = database::open(file, MIGRATIONS).await?;
        let (requests, inbox) = mpsc::channel(WAITING_REQUESTS);
        let pending = Arc::new(Pending::default());
        let writer = Writer::new(opened.writer, Arc::clone(&pending));
        tokio::spawn(writer.run(inbox));
        Ok(Self {
            shared: Arc::new(Shared {
                readers: opened.readers,
                requests,
                pending,
            }),
        })
    }

    /// Adds to the books. Never waits.
    pub fn record(&self, key: UsageKey, counts: UsageCounts) {
        self.shared.pending.add(key, counts);
    }

    /// Waits until everything recorded before is durable.
    ///
    /// # Errors
    /// If the database failed; what was recorded is kept and tried again.
    pub async fn flush(&self) -> Result<(), WriteUsageError> {
        self.request(Request::Flush).await
    }

    /// Reads the books of an account over a range of hours, by hour and function.
    ///
    /// # Errors
    /// If the database failed.
    pub async fn query(
        &self,
        account: AccountId,
        hours: Range<UsageHour>,
    ) -> Result<Vec<Usage>, ReadError> {
        sql::query(&self.shared.readers, account, hours).await
    }

    /// Writes what is recorded, then closes the database.
    pub async fn close(&self) {
        if let Err(error) = self.request(Request::Close).await {
            tracing::error!(%error, "the last usage could not be written");
        }
        self.shared.readers.close().await;
    }

    async fn request(
        &self,
        request: fn(oneshot::Sender<Result<(), WriteUsageError>>) -> Request,
    ) -> Result<(), WriteUsageError> {
        let closed = || WriteUsageError(BackendError::new("the usage store is closed"));
        let (reply, answer) = oneshot::channel();
        let sent = self.shared.requests.send(request(reply)).await;
        sent.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}
