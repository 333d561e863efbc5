//! The task that owns the writing connection.
//!
//! It takes what waits, applies it in one database transaction, syncs once, and answers all.

use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Sqlite, Transaction};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::MissedTickBehavior;

use super::apply::{Refusal, apply};
use super::database::to_sql;
use super::read::{self, Meta};
use crate::record::{Rev, StoreClock, StoreTime};
use crate::store::{BackendError, CommitError};
use crate::txn::{Committed, Txn};

/// Most requests that share one sync. Keeps the wait of the first bounded.
const BATCH: usize = 64;
/// How long feed lines and idempotency keys are kept.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// How often they are trimmed.
const TRIM_EVERY: Duration = Duration::from_secs(60);
/// Most commits whose feed lines one trim removes. Keeps the wait of a commit behind it bounded.
const TRIM_COMMITS: u64 = 10_000;

type Outcome = Result<Committed, CommitError>;

/// What the writer is asked to do.
pub(super) enum Request {
    Commit(Commit),
    Trim {
        reply: oneshot::Sender<Result<(), CommitError>>,
    },
    Close {
        reply: oneshot::Sender<()>,
    },
}

/// A transaction and whom to tell.
pub(super) struct Commit {
    pub(super) txn: Txn,
    pub(super) reply: oneshot::Sender<Outcome>,
}

/// Where the database failed a batch.
enum BatchError {
    /// Before the commit: all of it was rolled back.
    RolledBack(sqlx::Error),
    /// In the commit itself.
    InCommit(sqlx::Error),
}

impl From<sqlx::Error> for BatchError {
    fn from(error: sqlx::Error) -> Self {
        Self::RolledBack(error)
    }
}

/// Owns the writing connection.
pub(super) struct Writer {
    db: SqliteConnection,
    clock: StoreClock,
    latest: StoreTime,
    hints: watch::Sender<Rev>,
}

impl Writer {
    pub(super) fn new(
        db: SqliteConnection,
        clock: StoreClock,
        head: Rev,
    ) -> (Self, watch::Receiver<Rev>) {
        let (hints, receiver) = watch::channel(head);
        let latest = StoreTime::default();
        let writer = Self {
            db,
            clock,
            latest,
            hints,
        };
        (writer, receiver)
    }

    /// Serves until it is closed or every handle is gone.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Request>) {
        let mut trim = tokio::time::interval(TRIM_EVERY);
        trim.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut requests = Vec::with_capacity(BATCH);
        let mut closers = Vec::new();
        loop {
            // Both branches are cancel-safe: `recv_many` takes nothing unless it completes.
            tokio::select! {
                taken = queue.recv_many(&mut requests, BATCH) => if taken == 0 { break },
                _ = trim.tick() => self.trim_quietly().await,
            }
            self.serve(&mut requests, &mut closers).await;
            if !closers.is_empty() {
                queue.close();
            }
        }
        if let Err(error) = self.db.close().await {
            tracing::warn!(%error, "could not close the database cleanly");
        }
        for closer in closers {
            // A caller that stopped waiting needs no answer.
            closer.send(()).ok();
        }
    }

    async fn serve(&mut self, requests: &mut Vec<Request>, closers: &mut Vec<oneshot::Sender<()>>) {
        let mut commits = Vec::with_capacity(requests.len());
        for request in requests.drain(..) {
            match request {
                Request::Commit(commit) => commits.push(commit),
                // A caller that stopped waiting needs no answer.
                Request::Trim { reply } => drop(reply.send(self.trim().await)),
                Request::Close { reply } => closers.push(reply),
            }
        }
        if !commits.is_empty() {
            self.commit(commits).await;
        }
    }

    async fn commit(&mut self, commits: Vec<Commit>) {
        match self.apply_all(&commits).await {
            Ok(outcomes) => {
                for (commit, outcome) in commits.into_iter().zip(outcomes) {
                    commit.reply.send(outcome).ok();
                }
            }
            Err(error) => {
                tracing::error!(error = %error.cause(), "could not commit");
                let error = error.share();
                for commit in commits {
                    commit.reply.send(Err(error())).ok();
                }
            }
        }
    }

    async fn apply_all(&mut self, commits: &[Commit]) -> Result<Vec<Outcome>, BatchError> {
        let mut db = begin(&mut self.db).await?;
        let mut meta = read::meta(&mut *db).await?;
        let before = meta.head;
        meta.now = meta.now.max(self.latest).max(self.clock.now());
        self.latest = meta.now;
        let mut outcomes = Vec::with_capacity(commits.len());
        for commit in commits {
            outcomes.push(match apply(&mut db, &mut meta, &commit.txn).await {
                Ok(committed) => Ok(committed),
                Err(Refusal::Conflict(conflict)) => Err(conflict),
                Err(Refusal::Database(error)) => return Err(BatchError::RolledBack(error)),
            });
        }
        if meta.head != before {
            write_meta(&mut db, meta).await?;
        }
        db.commit().await.map_err(BatchError::InCommit)?;
        self.hints.send_if_modified(|hint| {
            let moved = *hint != meta.head;
            *hint = meta.head;
            moved
        });
        Ok(outcomes)
    }

    async fn trim_quietly(&mut self) {
        if let Err(error) = self.trim().await {
            tracing::warn!(%error, "could not trim the feed; it is tried again in a minute");
        }
    }

    async fn trim(&mut self) -> Result<(), CommitError> {
        let cutoff = self.latest.max(self.clock.now()).minus(KEPT);
        trim(&mut self.db, cutoff)
            .await
            .map_err(|error| CommitError::Failed(BackendError::new(error)))
    }
}

impl BatchError {
    fn cause(&self) -> &sqlx::Error {
        match self {
            Self::RolledBack(error) | Self::InCommit(error) => error,
        }
    }

    /// Makes the error for each of the transactions that shared the batch.
    fn share(self) -> impl Fn() -> CommitError {
        let (make, error): (fn(BackendError) -> CommitError, _) = match self {
            Self::RolledBack(error) => (CommitError::Failed, error),
            Self::InCommit(error) => (CommitError::Unknown, error),
        };
        let error = Arc::new(error);
        move || make(BackendError::new(Arc::clone(&error)))
    }
}

async fn begin(db: &mut SqliteConnection) -> sqlx::Result<Transaction<'_, Sqlite>> {
    db.begin_with("BEGIN IMMEDIATE").await
}

async fn write_meta(db: &mut SqliteConnection, meta: Meta) -> sqlx::Result<()> {
    sqlx::query("UPDATE meta SET head = ?1, now_ms = ?2")
        .bind(to_sql(meta.head.get()))
        .bind(to_sql(meta.now.unix_ms()))
        .execute(db)
        .await?;
    Ok(())
}

/// Removes the oldest feed lines, whole commits only, and old idempotency keys.
///
/// Writes nothing, and so syncs nothing, when nothing is old enough.
async fn trim(db: &mut SqliteConnection, cutoff: StoreTime) -> sqlx::Result<()> {
    let mut db = begin(db).await?;
    sqlx::query(
        "UPDATE meta SET feed_floor = (
             SELECT max(rev) FROM feed
             WHERE rev > meta.feed_floor AND rev <= meta.feed_floor + ?1 AND at_ms < ?2)
         WHERE EXISTS (
             SELECT 1 FROM feed
             WHERE rev > meta.feed_floor AND rev <= meta.feed_floor + ?1 AND at_ms < ?2)",
    )
    .bind(to_sql(TRIM_COMMITS))
    .bind(to_sql(cutoff.unix_ms()))
    .execute(&mut *db)
    .await?;
    sqlx::query("DELETE FROM feed WHERE rev <= (SELECT feed_floor FROM meta)")
        .execute(&mut *db)
        .await?;
    sqlx::query("DELETE FROM done WHERE at_ms < ?1")
        .bind(to_sql(cutoff.unix_ms()))
        .execute(&mut *db)
        .await?;
    db.commit().await
}
