//! The embedded store: one SQLite database, one writer, several readers.
//!
//! ```text
//!  commit() ──► channel ──► writer thread: BEGIN IMMEDIATE, many transactions, COMMIT (one sync) ──► tail
//!  read(), list() ──► pool of read-only connections, each sees one moment
//!  feed(), read_many() ──► the tail in memory, if it knows; otherwise the pool
//! ```
//!
//! Transactions that wait while another commit syncs share the next one, so a burst of writers
//! costs a few syncs and not one each.
//!
//! Only this module may assume that nobody else writes to the database; the lock of the data
//! directory holds that up.

mod apply;
mod checkpoint;
pub(crate) mod database;
mod read;
mod tail;
mod writer;
pub(crate) mod writing;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::SqlitePool;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::MissedTickBehavior;

pub use self::database::OpenStoreError;
use self::tail::Tail;
use self::writer::{Commit, Request, Writer};
use crate::key::{Key, Prefix};
use crate::record::{Feed, Page, Rev, StoreClock, Versioned};
use crate::store::{BackendError, CommitError, FeedError, ReadError, Store};
use crate::txn::{Committed, Txn};

/// Commits that may wait for the writer; more callers wait for a place.
const WAITING_COMMITS: usize = 256;

/// How often the feed and the idempotency keys are trimmed.
const TRIM_EVERY: Duration = Duration::from_secs(60);

const MIGRATIONS: &[database::Step] = &[database::Step {
    version: 1,
    name: "records",
    sql: include_str!("sqlite/records/0001_records.sql"),
}];

/// The embedded store; cheap to clone, all clones share the writer and the readers.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    readers: SqlitePool,
    tail: Arc<Tail>,
    requests: mpsc::Sender<Request>,
    hints: watch::Receiver<Rev>,
}

/// The store was closed, or its writer failed.
#[derive(Debug, thiserror::Error)]
#[error("the store is closed")]
struct Closed;

impl SqliteStore {
    /// Opens the database, creating it or bringing it to this version first.
    ///
    /// # Errors
    /// If the file cannot be opened, or is from a newer version.
    pub async fn open(file: &Path, clock: StoreClock) -> Result<Self, OpenStoreError> {
        let opened = database::open_for_thread(file, MIGRATIONS).await?;
        let failed = |source| OpenStoreError::sqlite(file, source);
        let head = read::head(&opened.readers).await.map_err(failed)?;
        let (requests, queue) = mpsc::channel(WAITING_COMMITS);
        let (writer, hints, tail) = Writer::new(opened.writer, clock, head);
        writing::spawn("records", move || writer.run(queue))
            .map_err(|source| OpenStoreError::sqlite(file, source))?;
        tokio::spawn(trim_for_ever(requests.downgrade()));
        Ok(Self {
            shared: Arc::new(Shared {
                readers: opened.readers,
                tail,
                requests,
                hints,
            }),
        })
    }

    /// Forgets feed lines and idempotency keys that are older than a day.
    ///
    /// The writer does it by itself every minute.
    ///
    /// # Errors
    /// If the database could not be written.
    pub async fn trim(&self) -> Result<(), CommitError> {
        let (reply, answer) = oneshot::channel();
        self.send(Request::Trim { reply }).await?;
        answer.await.map_err(|_| lost())?
    }

    /// Finishes the commits that wait, then closes the database. Later operations fail.
    pub async fn close(&self) {
        let (reply, answer) = oneshot::channel();
        if self.send(Request::Close { reply }).await.is_ok() {
            // An error here means that the writer is gone, which is what was asked for.
            answer.await.ok();
        }
        self.shared.readers.close().await;
    }

    async fn send(&self, request: Request) -> Result<(), CommitError> {
        let sent = self.shared.requests.send(request).await;
        sent.map_err(|_| CommitError::Failed(BackendError::new(Closed)))
    }
}

/// Asks the writer to trim now and then, as long as anybody has the store open.
async fn trim_for_ever(requests: mpsc::WeakSender<Request>) {
    let mut ticks = tokio::time::interval(TRIM_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (reply, answer) = oneshot::channel();
        let Some(requests) = requests.upgrade() else {
            return;
        };
        if requests.send(Request::Trim { reply }).await.is_err() {
            return;
        }
        drop(requests);
        if let Ok(Err(error)) = answer.await {
            tracing::warn!(%error, "could not trim the feed; it is tried again in a minute");
        }
    }
}

/// The writer took the transaction and then vanished.
fn lost() -> CommitError {
    CommitError::Unknown(BackendError::new(Closed))
}

impl Store for SqliteStore {
    async fn commit(&self, txn: Txn) -> Result<Committed, CommitError> {
        txn.check_size()?;
        let (reply, answer) = oneshot::channel();
        self.send(Request::Commit(Commit { txn, reply })).await?;
        answer.await.map_err(|_| lost())?
    }

    async fn read(&self, key: &Key) -> Result<Option<Versioned>, ReadError> {
        read::one(&self.shared.readers, key).await
    }

    async fn read_many(&self, keys: &[Key]) -> Result<Vec<Option<Versioned>>, ReadError> {
        if let Some(values) = self.shared.tail.read_many(keys) {
            return Ok(values);
        }
        read::many(&self.shared.readers, keys).await
    }

    async fn list(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: u32,
    ) -> Result<Page, ReadError> {
        read::list(&self.shared.readers, prefix, after, limit).await
    }

    async fn head(&self) -> Result<Rev, ReadError> {
        read::head(&self.shared.readers)
            .await
            .map_err(ReadError::new)
    }

    async fn feed(&self, after: Rev, commits: u32) -> Result<Feed, FeedError> {
        if let Some(feed) = self.shared.tail.feed(after, commits) {
            return Ok(feed);
        }
        read::feed(&self.shared.readers, after, commits).await
    }

    fn hints(&self) -> watch::Receiver<Rev> {
        self.shared.hints.clone()
    }
}
