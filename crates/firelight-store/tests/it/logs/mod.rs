//! The logs: what is appended is found again, in order, page by page, as long as it is kept.

mod keeping;
mod listing;
mod reading;
mod subscriptions;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use firelight_model::{AccountId, WallTime};
use firelight_store::{
    ChangeLogsError, EventPosition, EventQuery, FilterQuery, GroupQuery, LogEvent, LogLine,
    LogPlace, LogStore, NewLogEvent, ReadLogsError, Start, StreamName, StreamOrder, StreamQuery,
    Streams,
};
use sqlx::{ConnectOptions, Connection};

const GROUP: &str = "/aws/lambda/resize";
const NOW_MS: u64 = 1_795_437_297_000;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

struct Fixture {
    logs: LogStore,
    now_ms: Arc<AtomicU64>,
    directory: tempfile::TempDir,
}

impl Fixture {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let now_ms = Arc::new(AtomicU64::new(NOW_MS));
        let logs = open(directory.path(), &now_ms).await;
        Self {
            logs,
            now_ms,
            directory,
        }
    }

    /// Appends one line for each time and waits until they are durable.
    async fn append(&self, stream: &str, times_ms: &[u64]) {
        for at_ms in times_ms {
            self.logs
                .append(line(stream, *at_ms, &format!("{stream} {at_ms}")));
        }
        self.logs.flush().await.unwrap();
    }

    async fn events(&self, query: EventQuery) -> firelight_store::EventPage {
        self.logs.events(&name("s"), &query).await.unwrap()
    }

    async fn filter(&self, query: FilterQuery) -> Vec<LogEvent> {
        self.logs.filter(&place(), GROUP, &query).await.unwrap()
    }

    async fn stored_bytes(&self) -> u64 {
        let groups = self.logs.groups(&place(), &groups()).await.unwrap().groups;
        groups[0].stored_bytes
    }
}

async fn open(directory: &Path, now_ms: &Arc<AtomicU64>) -> LogStore {
    let now_ms = Arc::clone(now_ms);
    let clock = move || WallTime::from_epoch_ms(now_ms.load(Ordering::SeqCst));
    let file = directory.join("logs.sqlite3");
    LogStore::open(&file, Arc::new(clock)).await.unwrap()
}

fn at(ms: u64) -> WallTime {
    WallTime::from_epoch_ms(ms)
}

fn place() -> LogPlace {
    LogPlace::new(AccountId::DEFAULT, &"us-east-1".parse().unwrap())
}

fn name(stream: &str) -> StreamName {
    StreamName {
        place: place(),
        group: GROUP.to_owned(),
        stream: stream.to_owned(),
    }
}

fn line(stream: &str, at_ms: u64, message: &str) -> LogLine {
    LogLine {
        stream: Arc::new(name(stream)),
        at: at(at_ms),
        message: Bytes::from(message.to_owned()),
    }
}

fn query(start: Start, limit: u32) -> EventQuery {
    EventQuery {
        since: None,
        until: None,
        start,
        limit,
    }
}

fn groups() -> GroupQuery {
    GroupQuery {
        limit: 10,
        ..GroupQuery::default()
    }
}

fn streams(order: StreamOrder) -> StreamQuery {
    StreamQuery {
        order,
        limit: 10,
        ..StreamQuery::default()
    }
}

fn times(events: &[LogEvent]) -> Vec<u64> {
    events.iter().map(|e| e.at.epoch_ms()).collect()
}
