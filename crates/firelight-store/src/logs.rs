//! What functions said: log groups, streams and events.
//!
//! ```text
//!  append(line) ──► bounded intake ──► writer task: one transaction for 200 ms or 1 MiB of lines
//!  events(), filter(), tail() ──► pool of read-only connections
//! ```
//!
//! Appending never waits and never fails: when too much waits already the line is dropped and counted.
//! A line is durable at the latest a moment after the next write, and [`LogStore::flush`] waits
//! for that. Groups and streams come into being with their first line.
//!
//! Logs have a database of their own, so that no line ever delays a record.
//!
//! Deliberately absent: filter patterns, and what a line means.

mod apply;
mod intake;
mod model;
mod page;
mod read;
mod read_events;
mod subscriptions;
mod sweep;
mod writer;

use std::path::Path;
use std::sync::Arc;

use firelight_model::WallTime;
use sqlx::SqlitePool;
use tokio::sync::{mpsc, oneshot, watch};

use self::intake::Intake;
pub use self::model::{
    EventPage, EventPosition, EventQuery, FilterQuery, GroupPage, GroupQuery, LogEvent, LogGroup,
    LogLine, LogPlace, LogStream, NewLogEvent, ParsePositionError, Start, StreamCursor, StreamName,
    StreamOrder, StreamPage, StreamQuery, Streams, TailPage,
};
pub use self::subscriptions::{NewSubscription, Subscription, SubscriptionId};
use self::writer::{Change, Request, Writer};
use crate::sqlite::OpenStoreError;
use crate::sqlite::database::{self, Step};
use crate::store::BackendError;

/// Other requests that may wait for the writer; more callers wait for a place.
const WAITING_REQUESTS: usize = 64;

const MIGRATIONS: &[Step] = &[
    Step {
        version: 1,
        name: "logs",
        sql: include_str!("logs/migrations/0001_logs.sql"),
    },
    Step {
        version: 2,
        name: "pages",
        sql: include_str!("logs/migrations/0002_pages.sql"),
    },
    Step {
        version: 3,
        name: "places",
        sql: include_str!("logs/migrations/0003_places.sql"),
    },
    Step {
        version: 4,
        name: "subscriptions",
        sql: include_str!("logs/migrations/0004_subscriptions.sql"),
    },
];

/// Tells the time that people are shown.
pub type WallClock = Arc<dyn Fn() -> WallTime + Send + Sync>;

/// Why logs could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeLogsError {
    /// There is no such group.
    #[error("the log group does not exist")]
    NoSuchGroup,
    /// There is no such stream in the group.
    #[error("the log stream does not exist")]
    NoSuchStream,
    /// The group is there already.
    #[error("the log group already exists")]
    GroupExists,
    /// The stream is there already.
    #[error("the log stream already exists")]
    StreamExists,
    /// The group has as many subscriptions as it may have.
    #[error("the log group has too many subscriptions")]
    TooManySubscriptions,
    /// The group has no subscription of that name.
    #[error("the subscription does not exist")]
    NoSuchSubscription,
    /// The database failed. Lines that were to be written are kept and tried again.
    #[error("could not write logs")]
    Failed(#[source] BackendError),
}

/// Why logs could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadLogsError {
    /// There is no such group.
    #[error("the log group does not exist")]
    NoSuchGroup,
    /// There is no such stream in the group.
    #[error("the log stream does not exist")]
    NoSuchStream,
    /// The database failed.
    #[error("could not read logs")]
    Failed(#[source] BackendError),
}

/// The log store; cheap to clone, all clones share the writer and the readers.
#[derive(Clone, Debug)]
pub struct LogStore {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    readers: SqlitePool,
    intake: Arc<Intake>,
    requests: mpsc::Sender<Request>,
    appended: watch::Receiver<u64>,
}

impl LogStore {
    /// Opens the database, creating it or bringing it to this version first.
    ///
    /// # Errors
    /// If the file cannot be opened, or is from a newer version.
    pub async fn open(file: &Path, clock: WallClock) -> Result<Self, OpenStoreError> {
        let opened = database::open(file, MIGRATIONS).await?;
        let newest = read::newest(&opened.readers)
            .await
            .map_err(|source| OpenStoreError::sqlite(file, source))?;
        let (requests, inbox) = mpsc::channel(WAITING_REQUESTS);
        let intake = Arc::new(Intake::default());
        let (writer, appended) = Writer::new(opened.writer, clock, newest, Arc::clone(&intake));
        tokio::spawn(writer.run(inbox));
        Ok(Self {
            shared: Arc::new(Shared {
                readers: opened.readers,
                intake,
                requests,
                appended,
            }),
        })
    }

    /// Takes a line for the next write. Never waits; when too much waits already, the line is
    /// dropped and counted.
    pub fn append(&self, line: LogLine) {
        self.shared.intake.offer(line);
    }

    /// How many lines were dropped since the start.
    #[must_use]
    pub fn dropped_lines(&self) -> u64 {
        self.shared.intake.dropped()
    }

    /// Waits until every line that was appended before is durable.
    ///
    /// # Errors
    /// If the database failed; the lines are kept and tried again.
    pub async fn flush(&self) -> Result<(), ChangeLogsError> {
        self.change(Change::Flush).await
    }

    /// Writes events to a stream that exists; answers once they are durable.
    ///
    /// # Errors
    /// If the group or the stream does not exist, or the database failed.
    pub async fn put_events(
        &self,
        stream: StreamName,
        events: Vec<NewLogEvent>,
    ) -> Result<(), ChangeLogsError> {
        self.change(Change::PutEvents { stream, events }).await
    }

    /// Creates an empty group.
    ///
    /// # Errors
    /// If it exists, or the database failed.
    pub async fn create_group(&self, place: &LogPlace, group: &str) -> Result<(), ChangeLogsError> {
        let group = group.to_owned();
        self.change(Change::CreateGroup {
            place: place.clone(),
            group,
        })
        .await
    }

    /// Deletes a group with all that is in it.
    ///
    /// # Errors
    /// If it does not exist, or the database failed.
    pub async fn delete_group(&self, place: &LogPlace, group: &str) -> Result<(), ChangeLogsError> {
        let group = group.to_owned();
        self.change(Change::DeleteGroup {
            place: place.clone(),
            group,
        })
        .await
    }

    /// Sets after how many days events of a group are removed; `None` keeps them for ever.
    ///
    /// # Errors
    /// If the group does not exist, or the database failed.
    pub async fn put_retention(
        &self,
        place: &LogPlace,
        group: &str,
        days: Option<u32>,
    ) -> Result<(), ChangeLogsError> {
        let group = group.to_owned();
        self.change(Change::PutRetention {
            place: place.clone(),
            group,
            days,
        })
        .await
    }

    /// Creates an empty stream.
    ///
    /// # Errors
    /// If it exists, if its group does not, or the database failed.
    pub async fn create_stream(&self, stream: StreamName) -> Result<(), ChangeLogsError> {
        self.change(Change::CreateStream { stream }).await
    }

    /// Deletes a stream with its events.
    ///
    /// # Errors
    /// If it does not exist, or the database failed.
    pub async fn delete_stream(&self, stream: StreamName) -> Result<(), ChangeLogsError> {
        self.change(Change::DeleteStream { stream }).await
    }

    /// Removes what retention no longer keeps and what was deleted.
    ///
    /// The writer does it by itself, bit by bit.
    ///
    /// # Errors
    /// If the database failed.
    pub async fn sweep(&self) -> Result<(), ChangeLogsError> {
        self.change(Change::Sweep).await
    }

    /// Lists groups of a place by name.
    ///
    /// # Errors
    /// If the database failed.
    pub async fn groups(
        &self,
        place: &LogPlace,
        query: &GroupQuery,
    ) -> Result<GroupPage, ReadLogsError> {
        read::groups(&self.shared.readers, place, query).await
    }

    /// Lists streams of a group.
    ///
    /// # Errors
    /// If the group does not exist, or the database failed.
    pub async fn streams(
        &self,
        place: &LogPlace,
        group: &str,
        query: &StreamQuery,
    ) -> Result<StreamPage, ReadLogsError> {
        read::streams(&self.shared.readers, place, group, query).await
    }

    /// Reads events of one stream, in the order of time.
    ///
    /// # Errors
    /// If the group or the stream does not exist, or the database failed.
    pub async fn events(
        &self,
        stream: &StreamName,
        query: &EventQuery,
    ) -> Result<EventPage, ReadLogsError> {
        read_events::events(&self.shared.readers, stream, query).await
    }

    /// Reads events of several streams of a group, in the order of time, at most `limit`.
    ///
    /// An answer that is full may go on behind its last event.
    ///
    /// # Errors
    /// If the group does not exist, or the database failed.
    pub async fn filter(
        &self,
        place: &LogPlace,
        group: &str,
        query: &FilterQuery,
    ) -> Result<Vec<LogEvent>, ReadLogsError> {
        read_events::filter(&self.shared.readers, place, group, query).await
    }

    /// Reads events of a group that arrived behind a number, whatever time they carry.
    ///
    /// # Errors
    /// If the group does not exist, or the database failed.
    pub async fn tail(
        &self,
        place: &LogPlace,
        group: &str,
        after: u64,
        limit: u32,
    ) -> Result<TailPage, ReadLogsError> {
        read_events::tail(&self.shared.readers, place, group, after, limit).await
    }

    /// Tells of new events: the number of the newest, where [`LogStore::tail`] may begin.
    #[must_use]
    pub fn appended(&self) -> watch::Receiver<u64> {
        self.shared.appended.clone()
    }

    /// Writes what waits, then closes the database. Later lines are dropped.
    pub async fn close(&self) {
        let closed = self.change(Change::Close).await;
        if let Err(error) = closed {
            tracing::error!(%error, "the last log lines could not be written");
        }
        self.shared.readers.close().await;
    }

    async fn change(&self, change: Change) -> Result<(), ChangeLogsError> {
        let (reply, answer) = oneshot::channel();
        let request = Request { change, reply };
        let closed = |_| ChangeLogsError::Failed(BackendError::new("the log store is closed"));
        self.shared
            .requests
            .send(request)
            .await
            .map_err(|_| closed(()))?;
        answer.await.map_err(|_| closed(()))?
    }
}
