//! The embedded store: one SQLite database, one writer, several readers.
//!
//! ```text
//!  commit() ──► channel ──► writer task: BEGIN IMMEDIATE, many transactions, COMMIT (one fsync)
//!  read(), list(), feed() ──► pool of read-only connections, each sees one moment
//! ```
//!
//! Transactions that wait while another commit syncs share the next one, so a burst of writers
//! costs a few syncs and not one each.
//!
//! Only this module may assume that nobody else writes to the database; the lock of the data
//! directory holds that up.

mod apply;
pub(crate) mod database;
mod read;
mod writer;

use std::path::Path;
use std::sync::Arc;

use sqlx::SqlitePool;
use tokio::sync::{mpsc, oneshot, watch};

pub use self::database::OpenStoreError;
use self::writer::{Commit, Request, Writer};
use crate::key::{Key, Prefix};
use crate::record::{Feed, Page, Rev, StoreClock, Versioned};
use crate::store::{BackendError, CommitError, FeedError, ReadError, Store};
use crate::txn::{Committed, Txn};

/// Commits that may wait for the writer; more callers wait for a place.
const WAITING_COMMITS: usize = 256;

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
        let opened = database::open(file, MIGRATIONS).await?;
        let head = read::head(&opened.readers)
            .await
            .map_err(|source| OpenStoreError::sqlite(file, source))?;
        let (requests, queue) = mpsc::channel(WAITING_COMMITS);
        let (writer, hints) = Writer::new(opened.writer, clock, head);
        tokio::spawn(writer.run(queue));
        Ok(Self {
            shared: Arc::new(Shared {
                readers: opened.readers,
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
        read::feed(&self.shared.readers, after, commits).await
    }

    fn hints(&self) -> watch::Receiver<Rev> {
        self.shared.hints.clone()
    }
}
