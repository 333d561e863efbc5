//! The thread that owns the writing connection.
//!
//! It takes what waits, applies it in one database transaction, syncs once, and answers all.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, params};
use tokio::sync::{mpsc, oneshot, watch};

use super::apply::{Meta, Refusal, apply};
use super::database::{from_sql, to_sql};
use super::tail::Tail;
use super::writing::WritingConnection;
use crate::record::{Rev, StoreClock, StoreTime};
use crate::store::{BackendError, CommitError};
use crate::txn::{Committed, Txn};

/// Most requests that share one sync. Keeps the wait of the first bounded.
const BATCH: usize = 64;
/// How long feed lines and idempotency keys are kept.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);
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
    RolledBack(rusqlite::Error),
    /// In the commit itself.
    InCommit(rusqlite::Error),
}

impl From<rusqlite::Error> for BatchError {
    fn from(error: rusqlite::Error) -> Self {
        Self::RolledBack(error)
    }
}

/// Owns the writing connection.
pub(super) struct Writer {
    db: WritingConnection,
    clock: StoreClock,
    latest: StoreTime,
    tail: Arc<Tail>,
    hints: watch::Sender<Rev>,
}

impl Writer {
    pub(super) fn new(
        db: WritingConnection,
        clock: StoreClock,
        head: Rev,
    ) -> (Self, watch::Receiver<Rev>, Arc<Tail>) {
        let (hints, receiver) = watch::channel(head);
        let tail = Arc::new(Tail::behind(head));
        let latest = StoreTime::default();
        let writer = Self {
            db,
            clock,
            latest,
            tail: Arc::clone(&tail),
            hints,
        };
        (writer, receiver, tail)
    }

    /// Serves until it is closed or every handle is gone.
    pub(super) fn run(mut self, mut queue: mpsc::Receiver<Request>) {
        let mut requests = Vec::with_capacity(BATCH);
        let mut closers = Vec::new();
        while queue.blocking_recv_many(&mut requests, BATCH) > 0 {
            self.serve(&mut requests, &mut closers);
            if !closers.is_empty() {
                queue.close();
            }
        }
        if let Err(error) = self.db.close() {
            tracing::warn!(%error, "could not close the database cleanly");
        }
        for closer in closers {
            // A caller that stopped waiting needs no answer.
            closer.send(()).ok();
        }
    }

    fn serve(&mut self, requests: &mut Vec<Request>, closers: &mut Vec<oneshot::Sender<()>>) {
        let mut commits = Vec::with_capacity(requests.len());
        for request in requests.drain(..) {
            match request {
                Request::Commit(commit) => commits.push(commit),
                // A caller that stopped waiting needs no answer.
                Request::Trim { reply } => drop(reply.send(self.trim())),
                Request::Close { reply } => closers.push(reply),
            }
        }
        if !commits.is_empty() {
            self.commit(commits);
        }
    }

    fn commit(&mut self, commits: Vec<Commit>) {
        match self.apply_all(&commits) {
            Ok(outcomes) => {
                for (commit, outcome) in commits.into_iter().zip(outcomes) {
                    commit.reply.send(outcome).ok();
                }
            }
            Err(error) => {
                tracing::error!(error = %error.cause(), "could not commit");
                self.tail.doubt();
                let error = error.share();
                for commit in commits {
                    commit.reply.send(Err(error())).ok();
                }
            }
        }
    }

    fn apply_all(&mut self, commits: &[Commit]) -> Result<Vec<Outcome>, BatchError> {
        let db = self.db.begin()?;
        let mut meta = Meta::read(&db)?;
        let before = meta.head;
        meta.now = meta.now.max(self.latest).max(self.clock.now());
        self.latest = meta.now;
        let mut outcomes = Vec::with_capacity(commits.len());
        let mut written = Vec::new();
        for commit in commits {
            outcomes.push(match apply(&db, &mut meta, &commit.txn, &mut written) {
                Ok(committed) => Ok(committed),
                Err(Refusal::Conflict(conflict)) => Err(conflict),
                Err(Refusal::Database(error)) => return Err(BatchError::RolledBack(error)),
            });
        }
        if meta.head != before {
            meta.write(&db)?;
        }
        db.commit().map_err(BatchError::InCommit)?;
        self.db.committed();
        self.tail.append(before, written, meta.head);
        self.hints.send_if_modified(|hint| {
            let moved = *hint != meta.head;
            *hint = meta.head;
            moved
        });
        Ok(outcomes)
    }

    fn trim(&mut self) -> Result<(), CommitError> {
        let cutoff = self.latest.max(self.clock.now()).minus(KEPT);
        let floor = trim(&mut self.db, cutoff)
            .map_err(|error| CommitError::Failed(BackendError::new(error)))?;
        self.tail.trim(floor);
        Ok(())
    }
}

impl BatchError {
    fn cause(&self) -> &rusqlite::Error {
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

/// Removes the oldest feed lines, whole commits only, and old idempotency keys; returns where the feed begins now.
///
/// Writes nothing, and so syncs nothing, when nothing is old enough.
fn trim(db: &mut WritingConnection, cutoff: StoreTime) -> rusqlite::Result<Rev> {
    let db = db.begin()?;
    let cutoff = to_sql(cutoff.unix_ms());
    db.prepare_cached(
        "UPDATE meta SET feed_floor = (
             SELECT max(rev) FROM feed
             WHERE rev > meta.feed_floor AND rev <= meta.feed_floor + ?1 AND at_ms < ?2)
         WHERE EXISTS (
             SELECT 1 FROM feed
             WHERE rev > meta.feed_floor AND rev <= meta.feed_floor + ?1 AND at_ms < ?2)",
    )?
    .execute(params![to_sql(TRIM_COMMITS), cutoff])?;
    forget(&db, cutoff)?;
    let floor = db
        .prepare_cached("SELECT feed_floor FROM meta")?
        .query_row([], |row| row.get(0))?;
    db.commit()?;
    Ok(Rev::new(from_sql(floor)))
}

fn forget(db: &Connection, cutoff: i64) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM feed WHERE rev <= (SELECT feed_floor FROM meta)")?
        .execute([])?;
    db.prepare_cached("DELETE FROM done WHERE at_ms < ?1")?
        .execute([cutoff])?;
    Ok(())
}
