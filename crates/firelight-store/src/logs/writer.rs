//! The task that owns the writing connection of the logs.
//!
//! ```text
//!  collecting lines ──► 200 ms after the first, at 1 MiB, or before any other request ──► written
//!        ▲                                                                                  │
//!        └───────────── failed: kept and tried again; new lines wait in the queue ◄─────────┘
//! ```

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use firelight_model::AccountId;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, sleep_until};

use super::apply::{self, StreamIds};
use super::{ChangeLogsError, Load, LogLine, NewLogEvent, StreamName, WallClock, sweep};
use crate::store::BackendError;

/// How long a line waits for others.
const COLLECT: Duration = Duration::from_millis(200);
/// How many bytes of messages make a write due at once.
const WRITE_BYTES: usize = 1024 * 1024;
/// Most lines that are taken from the queue in one go.
const TAKE_LINES: usize = 1024;
/// How often retention is looked after.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// What the writer is asked to do, after all lines that wait are written.
pub(super) enum Change {
    Flush,
    Close,
    Sweep,
    PutEvents {
        stream: StreamName,
        events: Vec<NewLogEvent>,
    },
    CreateGroup {
        account: AccountId,
        group: String,
    },
    DeleteGroup {
        account: AccountId,
        group: String,
    },
    PutRetention {
        account: AccountId,
        group: String,
        days: Option<u32>,
    },
    CreateStream {
        stream: StreamName,
    },
    DeleteStream {
        stream: StreamName,
    },
}

/// A change and whom to tell.
pub(super) struct Request {
    pub(super) change: Change,
    pub(super) reply: oneshot::Sender<Result<(), ChangeLogsError>>,
}

/// Owns the writing connection.
pub(super) struct Writer {
    db: SqliteConnection,
    clock: WallClock,
    appended: watch::Sender<u64>,
    load: Arc<Load>,
    told_dropped: u64,
    ids: StreamIds,
    collected: Vec<LogLine>,
    collected_bytes: usize,
    due: Option<Instant>,
}

impl Writer {
    pub(super) fn new(
        db: SqliteConnection,
        clock: WallClock,
        newest: u64,
        load: Arc<Load>,
    ) -> (Self, watch::Receiver<u64>) {
        let (appended, receiver) = watch::channel(newest);
        let writer = Self {
            db,
            clock,
            appended,
            load,
            told_dropped: 0,
            ids: StreamIds::default(),
            collected: Vec::new(),
            collected_bytes: 0,
            due: None,
        };
        (writer, receiver)
    }

    /// Serves until it is closed or every handle is gone.
    pub(super) async fn run(
        mut self,
        mut lines: mpsc::Receiver<LogLine>,
        mut requests: mpsc::Receiver<Request>,
    ) {
        let mut sweep = tokio::time::interval(SWEEP_EVERY);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let closer = loop {
            let due = self.due.unwrap_or_else(Instant::now);
            // All branches are cancel-safe: they take nothing unless they complete.
            tokio::select! {
                biased;
                () = sleep_until(due), if self.due.is_some() => self.write_or_keep().await,
                request = requests.recv() => {
                    self.take_all(&mut lines);
                    match request {
                        Some(Request { change: Change::Close, reply }) => break Some(reply),
                        Some(request) => self.serve(request).await,
                        None => break None,
                    }
                }
                Some(line) = lines.recv(), if self.has_room() => self.take(line, &mut lines),
                _ = sweep.tick() => self.sweep_quietly().await,
            }
        };
        self.finish(closer).await;
    }

    /// Whether more lines may be collected. They stay in the queue while writing fails, so that
    /// its bound holds.
    fn has_room(&self) -> bool {
        self.collected_bytes < WRITE_BYTES
    }

    fn take(&mut self, line: LogLine, lines: &mut mpsc::Receiver<LogLine>) {
        self.collect(line);
        for _ in 1..TAKE_LINES {
            match lines.try_recv() {
                Ok(line) if self.has_room() => self.collect(line),
                Ok(line) => return self.collect(line),
                Err(_) => return,
            }
        }
    }

    fn take_all(&mut self, lines: &mut mpsc::Receiver<LogLine>) {
        while let Ok(line) = lines.try_recv() {
            self.collect(line);
        }
    }

    fn collect(&mut self, line: LogLine) {
        let bytes = line.cost_bytes();
        self.load.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.collected_bytes += bytes;
        self.collected.push(line);
        let now = Instant::now();
        let due = self.due.get_or_insert(now + COLLECT);
        if self.collected_bytes >= WRITE_BYTES {
            *due = now;
        }
    }

    async fn write_or_keep(&mut self) {
        if let Err(error) = self.write().await {
            tracing::error!(%error, "could not write log lines; they are kept and tried again");
            self.due = Some(Instant::now() + COLLECT);
        }
        let dropped = self.load.dropped_lines.load(Ordering::Relaxed);
        if dropped > self.told_dropped {
            let lines = dropped - self.told_dropped;
            tracing::warn!(
                lines,
                "log lines were dropped: more came than could be written"
            );
            self.told_dropped = dropped;
        }
    }

    async fn write(&mut self) -> sqlx::Result<()> {
        if self.collected.is_empty() {
            return Ok(());
        }
        let now = (self.clock)();
        match apply::append(&mut self.db, &mut self.ids, &self.collected, now).await {
            Ok(newest) => {
                self.collected.clear();
                self.collected_bytes = 0;
                self.due = None;
                self.appended.send_replace(newest);
                Ok(())
            }
            Err(error) => {
                // Groups and streams that were made in the failed transaction are gone again.
                self.ids.forget();
                Err(error)
            }
        }
    }

    async fn serve(&mut self, request: Request) {
        let served = match self.write().await {
            Ok(()) => self.apply(request.change).await,
            Err(error) => {
                self.due = Some(Instant::now() + COLLECT);
                Err(error.into())
            }
        };
        // A caller that stopped waiting needs no answer.
        request.reply.send(served).ok();
    }

    async fn apply(&mut self, change: Change) -> Result<(), ChangeLogsError> {
        let now = (self.clock)();
        let db = &mut self.db;
        match change {
            Change::Flush | Change::Close => Ok(()),
            Change::Sweep => Ok(sweep::all(db, now).await?),
            Change::CreateGroup { account, group } => {
                apply::create_group(db, account, &group, now).await
            }
            Change::PutRetention {
                account,
                group,
                days,
            } => apply::put_retention(db, account, &group, days).await,
            Change::CreateStream { stream } => apply::create_stream(db, &stream, now).await,
            Change::PutEvents { stream, events } => {
                if let Some(newest) = apply::put_events(db, &stream, &events, now).await? {
                    self.appended.send_replace(newest);
                }
                Ok(())
            }
            Change::DeleteGroup { account, group } => {
                self.ids.forget();
                apply::delete_group(db, account, &group).await
            }
            Change::DeleteStream { stream } => {
                self.ids.forget();
                apply::delete_stream(db, &stream).await
            }
        }
    }

    async fn sweep_quietly(&mut self) {
        let now = (self.clock)();
        self.ids.forget();
        if let Err(error) = sweep::some(&mut self.db, now).await {
            tracing::warn!(%error, "could not remove old log events; it is tried again");
        }
    }

    async fn finish(mut self, closer: Option<oneshot::Sender<Result<(), ChangeLogsError>>>) {
        let written = self.write().await.map_err(ChangeLogsError::from);
        if let Err(error) = self.db.close().await {
            tracing::warn!(%error, "could not close the log database cleanly");
        }
        match (closer, written) {
            // A caller that stopped waiting needs no answer.
            (Some(closer), written) => drop(closer.send(written)),
            (None, Err(error)) => tracing::error!(%error, "the last log lines were lost"),
            (None, Ok(())) => {}
        }
    }
}

impl From<sqlx::Error> for ChangeLogsError {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(BackendError::new(error))
    }
}
