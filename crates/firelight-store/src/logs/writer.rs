//! The task that owns the writing connection of the logs.
//!
//! ```text
//!  asleep ──► 200 ms after the first line, at 1 MiB, or before any other request ──► written
//!     ▲                                                                                │
//!     └───────────── failed: kept and tried again; new lines wait outside ◄────────────┘
//! ```

use std::sync::Arc;
use std::time::Duration;

use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, sleep_until};

use super::apply::{self, StreamIds};
use super::intake::Intake;
use super::{
    ChangeLogsError, LogLine, LogPlace, NewLogEvent, NewSubscription, StreamName, SubscriptionId,
    WallClock, subscriptions, sweep,
};
use crate::store::BackendError;

/// How long a line waits for others.
const COLLECT: Duration = Duration::from_millis(200);
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
        place: LogPlace,
        group: String,
    },
    DeleteGroup {
        place: LogPlace,
        group: String,
    },
    PutRetention {
        place: LogPlace,
        group: String,
        days: Option<u32>,
    },
    CreateStream {
        stream: StreamName,
    },
    DeleteStream {
        stream: StreamName,
    },
    PutSubscription(NewSubscription),
    DeleteSubscription {
        place: LogPlace,
        group: String,
        name: String,
    },
    NoteTold {
        id: SubscriptionId,
        upto: u64,
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
    intake: Arc<Intake>,
    told_dropped: u64,
    ids: StreamIds,
    /// Lines that are being written, or could not be.
    collected: Vec<LogLine>,
    due: Option<Instant>,
}

impl Writer {
    pub(super) fn new(
        db: SqliteConnection,
        clock: WallClock,
        newest: u64,
        intake: Arc<Intake>,
    ) -> (Self, watch::Receiver<u64>) {
        let (appended, receiver) = watch::channel(newest);
        let writer = Self {
            db,
            clock,
            appended,
            intake,
            told_dropped: 0,
            ids: StreamIds::default(),
            collected: Vec::new(),
            due: None,
        };
        (writer, receiver)
    }

    /// Serves until it is closed or every handle is gone.
    pub(super) async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let intake = Arc::clone(&self.intake);
        let mut sweep = tokio::time::interval(SWEEP_EVERY);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let closer = loop {
            let due = self.due.unwrap_or_else(Instant::now);
            // All branches are cancel-safe: they take nothing unless they complete.
            tokio::select! {
                biased;
                () = sleep_until(due), if self.due.is_some() => self.write_or_keep().await,
                request = requests.recv() => match request {
                    Some(Request { change: Change::Close, reply }) => break Some(reply),
                    Some(request) => self.serve(request).await,
                    None => break None,
                },
                () = intake.enough(), if self.collected.is_empty() => self.due = Some(Instant::now()),
                () = intake.some(), if self.due.is_none() => {
                    self.due = Some(Instant::now() + COLLECT);
                }
                _ = sweep.tick() => self.sweep_quietly().await,
            }
        };
        self.finish(closer).await;
    }

    async fn write_or_keep(&mut self) {
        if let Err(error) = self.write().await {
            tracing::error!(%error, "could not write log lines; they are kept and tried again");
            self.due = Some(Instant::now() + COLLECT);
        }
        let dropped = self.intake.dropped();
        if dropped > self.told_dropped {
            let lines = dropped - self.told_dropped;
            tracing::warn!(
                lines,
                "log lines were dropped: more came than could be written"
            );
            self.told_dropped = dropped;
        }
    }

    /// Writes what could not be written before, then everything that waits.
    async fn write(&mut self) -> sqlx::Result<()> {
        self.write_collected().await?;
        self.collected = self.intake.take_all();
        self.write_collected().await?;
        self.due = None;
        Ok(())
    }

    async fn write_collected(&mut self) -> sqlx::Result<()> {
        if self.collected.is_empty() {
            return Ok(());
        }
        let now = (self.clock)();
        let newest = *self.appended.borrow();
        let written = apply::append(&mut self.db, &mut self.ids, &self.collected, newest, now);
        match written.await {
            Ok(newest) => {
                self.collected.clear();
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
        // Where somebody has read to says nothing of lines that still wait.
        let written = match request.change {
            Change::NoteTold { .. } => Ok(()),
            _ => self.write().await,
        };
        let served = match written {
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
            Change::CreateGroup { place, group } => {
                apply::create_group(db, &place, &group, now).await
            }
            Change::PutRetention { place, group, days } => {
                apply::put_retention(db, &place, &group, days).await
            }
            Change::CreateStream { stream } => apply::create_stream(db, &stream, now).await,
            Change::PutEvents { stream, events } => {
                let newest = *self.appended.borrow();
                let newest = apply::put_events(db, &stream, &events, newest, now).await?;
                self.appended.send_replace(newest);
                Ok(())
            }
            Change::DeleteGroup { place, group } => {
                self.ids.forget();
                apply::delete_group(db, &place, &group).await
            }
            Change::DeleteStream { stream } => {
                self.ids.forget();
                apply::delete_stream(db, &stream).await
            }
            Change::PutSubscription(new) => {
                let newest = *self.appended.borrow();
                subscriptions::put(db, &new, newest).await
            }
            Change::DeleteSubscription { place, group, name } => {
                subscriptions::delete(db, &place, &group, &name).await
            }
            Change::NoteTold { id, upto } => Ok(subscriptions::note_told(db, id, upto).await?),
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
        self.intake.close();
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
