//! The embedded queue: an SQLite database of its own, so that a flood of events delays no record.
//!
//! ```text
//!  enqueue(), claim(), settle(), extend() ──► channel ──► writer thread: many operations, one sync
//!  depths() ──► read-only connections
//! ```
//!
//! Opening it begins a new epoch and frees what the last process held: the lock of the data directory makes sure
//! that it is gone.

mod apply;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::SqlitePool;
use tokio::sync::{mpsc, oneshot, watch};

use self::writer::{Operation, Request, Writer};
use super::item::{Claim, Claims, Depth, Epoch, NewItem, Receipt, Settled, Settlement};
use super::{ClaimError, EnqueueError, Queue, SettleError};
use crate::record::StoreClock;
use crate::sqlite::OpenStoreError;
use crate::sqlite::database::{self, OpenedForThread, from_sql};
use crate::sqlite::writing;
use crate::store::{BackendError, ReadError};

/// Operations that may wait for the writer; more callers wait for a place.
const WAITING: usize = 1024;

const MIGRATIONS: &[database::Step] = &[database::Step {
    version: 1,
    name: "queue",
    sql: include_str!("migrations/0001_queue.sql"),
}];

/// The embedded queue; cheap to clone, all clones share the writer and the readers.
#[derive(Clone, Debug)]
pub struct SqliteQueue {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    readers: SqlitePool,
    requests: mpsc::Sender<Request>,
    hints: watch::Receiver<u64>,
    clock: StoreClock,
    epoch: Epoch,
}

/// The queue was closed, or its writer failed.
#[derive(Debug, thiserror::Error)]
#[error("the queue is closed")]
struct Closed;

impl SqliteQueue {
    /// Opens the database, creating it or bringing it to this version first, and begins the next epoch.
    ///
    /// # Errors
    /// If the file cannot be opened, or is from a newer version.
    pub async fn open(file: &Path, clock: StoreClock) -> Result<Self, OpenStoreError> {
        let OpenedForThread { writer, readers } =
            database::open_for_thread(file, MIGRATIONS).await?;
        let (requests, inbox) = mpsc::channel(WAITING);
        let (begun, epoch) = oneshot::channel();
        let (writer, hints) = Writer::new(writer, clock.clone());
        writing::spawn("queue", move || writer.run(begun, inbox))
            .map_err(|source| OpenStoreError::sqlite(file, source))?;
        let epoch = epoch
            .await
            .map_err(|_| OpenStoreError::sqlite(file, Closed))?
            .map_err(|source| OpenStoreError::sqlite(file, source))?;
        Ok(Self {
            shared: Arc::new(Shared {
                readers,
                requests,
                hints,
                clock,
                epoch,
            }),
        })
    }

    /// The epoch that began when the queue was opened.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.shared.epoch
    }

    /// Finishes the operations that wait, then closes the database. Later operations fail.
    pub async fn close(&self) {
        let (reply, answer) = oneshot::channel();
        if self
            .shared
            .requests
            .send(Request::Close(reply))
            .await
            .is_ok()
        {
            // An error here means that the writer is gone, which is what was asked for.
            answer.await.ok();
        }
        self.shared.readers.close().await;
    }

    /// Sends an operation to the writer and waits for its answer.
    async fn ask<T>(
        &self,
        operation: impl FnOnce(writer::Reply<T>) -> Operation,
    ) -> Result<T, Ask> {
        let (reply, answer) = oneshot::channel();
        let request = Request::Run(operation(reply));
        let sent = self.shared.requests.send(request).await;
        sent.map_err(|_| Ask::Failed(BackendError::new(Closed)))?;
        let lost = |_| Ask::Unknown(BackendError::new(Closed));
        answer.await.map_err(lost)?
    }
}

/// Why the writer did not do an operation.
#[derive(Debug)]
enum Ask {
    Failed(BackendError),
    Unknown(BackendError),
}

impl From<Ask> for EnqueueError {
    fn from(ask: Ask) -> Self {
        match ask {
            Ask::Failed(cause) => Self::Failed(cause),
            Ask::Unknown(cause) => Self::Unknown(cause),
        }
    }
}

impl From<Ask> for SettleError {
    fn from(ask: Ask) -> Self {
        match ask {
            Ask::Failed(cause) => Self::Failed(cause),
            Ask::Unknown(cause) => Self::Unknown(cause),
        }
    }
}

impl Queue for SqliteQueue {
    async fn enqueue(&self, items: Vec<NewItem>) -> Result<(), EnqueueError> {
        let enqueued = self.ask(|reply| Operation::Enqueue(items, reply));
        Ok(enqueued.await?)
    }

    async fn claim(&self, claim: Claim) -> Result<Claims, ClaimError> {
        let claimed = self.ask(|reply| Operation::Claim(claim, reply)).await;
        claimed.unwrap_or_else(|(Ask::Failed(cause) | Ask::Unknown(cause))| {
            Err(ClaimError::Failed(cause))
        })
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Settled>, SettleError> {
        let settled = self.ask(|reply| Operation::Settle(settlements, reply));
        Ok(settled.await?)
    }

    async fn extend(
        &self,
        receipts: Vec<Receipt>,
        hold: Duration,
    ) -> Result<Vec<Settled>, SettleError> {
        let extended = self.ask(|reply| Operation::Extend(receipts, hold, reply));
        Ok(extended.await?)
    }

    async fn depths(&self) -> Result<Vec<Depth>, ReadError> {
        let rows: Vec<(String, i64, i64, i64)> = sqlx::query_as(
            "SELECT name, items,
                 (SELECT first_at_ms FROM item INDEXED BY item_by_age
                  WHERE item.lane = lane.id ORDER BY item.id LIMIT 1),
                 (SELECT now_ms FROM meta)
             FROM lane ORDER BY name",
        )
        .fetch_all(&self.shared.readers)
        .await
        .map_err(ReadError::new)?;
        let clock = self.shared.clock.now().unix_ms();
        let depth = |(lane, items, first_ms, now_ms): (String, i64, i64, i64)| Depth {
            lane,
            items: from_sql(items),
            oldest: Duration::from_millis(
                clock
                    .max(from_sql(now_ms))
                    .saturating_sub(from_sql(first_ms)),
            ),
        };
        Ok(rows.into_iter().map(depth).collect())
    }

    fn hints(&self) -> watch::Receiver<u64> {
        let mut hints = self.shared.hints.clone();
        hints.mark_unchanged();
        hints
    }
}
