//! The task that owns the writing connection of the usage store.

use std::sync::Arc;
use std::time::Duration;

use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::{Pending, WriteUsageError, sql};
use crate::store::BackendError;

/// How long usage is added up before it is written.
const COLLECT: Duration = Duration::from_millis(500);

type Reply = oneshot::Sender<Result<(), WriteUsageError>>;

/// What the writer is asked to do.
pub(super) enum Request {
    Flush(Reply),
    Close(Reply),
}

/// Owns the writing connection.
pub(super) struct Writer {
    db: SqliteConnection,
    pending: Arc<Pending>,
    due: Option<Instant>,
}

impl Writer {
    pub(super) fn new(db: SqliteConnection, pending: Arc<Pending>) -> Self {
        Self {
            db,
            pending,
            due: None,
        }
    }

    /// Serves until it is closed or every handle is gone.
    pub(super) async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let pending = Arc::clone(&self.pending);
        let closer = loop {
            let due = self.due.unwrap_or_else(Instant::now);
            // All branches are cancel-safe: a notification that is not taken stays.
            tokio::select! {
                request = requests.recv() => match request {
                    // A caller that stopped waiting needs no answer.
                    Some(Request::Flush(reply)) => drop(reply.send(self.write().await)),
                    Some(Request::Close(reply)) => break Some(reply),
                    None => break None,
                },
                () = pending.recorded.notified(), if self.due.is_none() => {
                    self.due = Some(Instant::now() + COLLECT);
                }
                () = sleep_until(due), if self.due.is_some() => self.write_or_keep().await,
            }
        };
        let written = self.write().await;
        if let Err(error) = self.db.close().await {
            tracing::warn!(%error, "could not close the usage database cleanly");
        }
        match (closer, written) {
            // A caller that stopped waiting needs no answer.
            (Some(closer), written) => drop(closer.send(written)),
            (None, Err(error)) => tracing::error!(%error, "the last usage was lost"),
            (None, Ok(())) => {}
        }
    }

    async fn write_or_keep(&mut self) {
        self.due = None;
        if let Err(error) = self.write().await {
            tracing::error!(%error, "could not write usage; it is kept and tried again");
            self.due = Some(Instant::now() + COLLECT);
        }
    }

    async fn write(&mut self) -> Result<(), WriteUsageError> {
        let rows = self.pending.take();
        if rows.is_empty() {
            return Ok(());
        }
        let written = sql::add(&mut self.db, &rows).await;
        written.map_err(|error| {
            for row in rows {
                self.pending.add(row.key, row.counts);
            }
            WriteUsageError(BackendError::new(error))
        })
    }
}
