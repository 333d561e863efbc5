//! Reads of the logs. Each is one statement or one transaction, so it sees one moment.

use firelight_model::{AccountId, WallTime};
use sqlx::sqlite::{Sqlite, SqliteConnection, SqlitePool};
use sqlx::{Executor, QueryBuilder, SqliteExecutor};

use super::{
    EventPage, EventPosition, EventQuery, FilterQuery, GroupPage, GroupQuery, LogEvent, LogGroup,
    LogStream, ReadLogsError, Start, StreamCursor, StreamName, StreamOrder, StreamPage,
    StreamQuery, Streams, TailPage,
};
use crate::key::text_behind;
use crate::sqlite::database::{from_sql, to_sql};
use crate::store::BackendError;

type GroupRow = (String, i64, Option<u32>, i64);
type StreamRow = (String, i64, i64, i64, i64);
type EventRow = (i64, i64, String, i64, String);

impl From<sqlx::Error> for ReadLogsError {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(BackendError::new(error))
    }
}

/// The number of the newest event there ever was.
pub(super) async fn newest(db: impl SqliteExecutor<'_>) -> sqlx::Result<u64> {
    let newest: Option<i64> =
        sqlx::query_scalar("SELECT seq FROM sqlite_sequence WHERE name = 'log_event'")
            .fetch_optional(db)
            .await?;
    Ok(newest.map_or(0, from_sql))
}

pub(super) async fn groups(
    readers: &SqlitePool,
    account: AccountId,
    query: &GroupQuery,
) -> Result<GroupPage, ReadLogsError> {
    let rows: Vec<GroupRow> = sqlx::query_as(
        "SELECT name, created_ms, retention_days, stored_bytes FROM log_group
         WHERE account = ?1 AND name >= ?2 AND (?3 IS NULL OR name < ?3) AND name > ?4
             AND instr(name, ?5) > 0
         ORDER BY name LIMIT ?6",
    )
    .bind(account.as_str())
    .bind(&query.prefix)
    .bind(text_behind(&query.prefix))
    .bind(query.after.as_deref().unwrap_or_default())
    .bind(&query.containing)
    .bind(i64::from(query.limit) + 1)
    .fetch_all(readers)
    .await?;
    let mut groups: Vec<_> = rows.into_iter().map(group).collect();
    let more = cut(&mut groups, query.limit);
    let next = groups.last().filter(|_| more).map(|last| last.name.clone());
    Ok(GroupPage { groups, next })
}

pub(super) async fn streams(
    readers: &SqlitePool,
    account: AccountId,
    group: &str,
    query: &StreamQuery,
) -> Result<StreamPage, ReadLogsError> {
    let mut db = readers.begin().await?;
    let group = group_id(&mut *db, account, group).await?;
    let rows: Vec<StreamRow> = streams_sql(group, query)
        .build_query_as()
        .fetch_all(&mut *db)
        .await?;
    let mut streams: Vec<_> = rows.into_iter().map(stream).collect();
    let more = cut(&mut streams, query.limit);
    let next = streams.last().filter(|_| more).map(|last| StreamCursor {
        last_event_ms: last.last_event.map_or(0, WallTime::epoch_ms),
        name: last.name.clone(),
    });
    Ok(StreamPage { streams, next })
}

fn streams_sql(group: i64, query: &StreamQuery) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new(
        "SELECT name, created_ms, first_event_ms, last_event_ms, last_ingestion_ms
         FROM log_stream WHERE group_id = ",
    );
    sql.push_bind(group);
    push_prefix(&mut sql, "name", &query.prefix);
    if let Some(after) = &query.after {
        let (column, compare) = match query.order {
            StreamOrder::Name => ("", ">"),
            StreamOrder::NameDescending => ("", "<"),
            StreamOrder::LastEvent => ("last_event_ms", ">"),
            StreamOrder::LastEventDescending => ("last_event_ms", "<"),
        };
        if column.is_empty() {
            sql.push(" AND name ")
                .push(compare)
                .push_bind(after.name.clone());
        } else {
            sql.push(" AND (last_event_ms, name) ")
                .push(compare)
                .push(" (");
            sql.push_bind(to_sql(after.last_event_ms)).push(", ");
            sql.push_bind(after.name.clone()).push(")");
        }
    }
    sql.push(match query.order {
        StreamOrder::Name => " ORDER BY name",
        StreamOrder::NameDescending => " ORDER BY name DESC",
        StreamOrder::LastEvent => " ORDER BY last_event_ms, name",
        StreamOrder::LastEventDescending => " ORDER BY last_event_ms DESC, name DESC",
    });
    sql.push(" LIMIT ").push_bind(i64::from(query.limit) + 1);
    sql
}

pub(super) async fn events(
    readers: &SqlitePool,
    name: &StreamName,
    query: &EventQuery,
) -> Result<EventPage, ReadLogsError> {
    let mut db = readers.begin().await?;
    let stream = stream_id(&mut db, name).await?;
    let bounds = Bounds::of(query);
    let mut rows: Vec<EventRow> = if bounds.backwards {
        sqlx::query_as(
            "SELECT e.seq, e.at_ms, s.name, e.ingested_ms, e.message
             FROM log_event e JOIN log_stream s ON s.id = e.stream_id
             WHERE e.stream_id = ?1 AND (e.at_ms, e.seq) >= (?2, ?3) AND (e.at_ms, e.seq) < (?4, ?5)
             ORDER BY e.at_ms DESC, e.seq DESC LIMIT ?6",
        )
    } else {
        sqlx::query_as(
            "SELECT e.seq, e.at_ms, s.name, e.ingested_ms, e.message
             FROM log_event e JOIN log_stream s ON s.id = e.stream_id
             WHERE e.stream_id = ?1 AND (e.at_ms, e.seq) >= (?2, ?3) AND (e.at_ms, e.seq) < (?4, ?5)
             ORDER BY e.at_ms, e.seq LIMIT ?6",
        )
    }
    .bind(stream)
    .bind(to_sql(bounds.from.at_ms))
    .bind(to_sql(bounds.from.seq))
    .bind(to_sql(bounds.before.at_ms))
    .bind(to_sql(bounds.before.seq))
    .bind(query.limit)
    .fetch_all(&mut *db)
    .await?;
    if bounds.backwards {
        rows.reverse();
    }
    let events: Vec<_> = rows.into_iter().map(event).collect();
    Ok(bounds.page(events))
}

/// The stretch of time that an [`EventQuery`] asks for, and from which end it is read.
struct Bounds {
    from: EventPosition,
    before: EventPosition,
    backwards: bool,
}

impl Bounds {
    fn of(query: &EventQuery) -> Self {
        let since = query
            .since
            .map_or(EventPosition::default(), EventPosition::at);
        let until = query.until.map_or(LAST, EventPosition::at);
        let (from, before, backwards) = match query.start {
            Start::Head => (since, until, false),
            Start::Tail => (since, until, true),
            Start::From(place) => (since.max(place), until, false),
            Start::Before(place) => (since, until.min(place), true),
        };
        Self {
            from,
            before,
            backwards,
        }
    }

    /// Where nothing was found, both places are where the search began: later events lie ahead of
    /// it and earlier ones behind.
    fn page(&self, events: Vec<LogEvent>) -> EventPage {
        let began = if self.backwards && self.before != LAST {
            self.before
        } else {
            self.from
        };
        EventPage {
            forward: events.last().map_or(began, |e| e.position.behind()),
            backward: events.first().map_or(began, |e| e.position),
            events,
        }
    }
}

/// Behind every event.
const LAST: EventPosition = EventPosition {
    at_ms: u64::MAX,
    seq: u64::MAX,
};

pub(super) async fn filter(
    readers: &SqlitePool,
    account: AccountId,
    group: &str,
    query: &FilterQuery,
) -> Result<Vec<LogEvent>, ReadLogsError> {
    let mut db = readers.begin().await?;
    let group = group_id(&mut *db, account, group).await?;
    let rows: Vec<EventRow> = filter_sql(group, query)
        .build_query_as()
        .fetch_all(&mut *db)
        .await?;
    Ok(rows.into_iter().map(event).collect())
}

fn filter_sql(group: i64, query: &FilterQuery) -> QueryBuilder<Sqlite> {
    let since = query
        .since
        .map_or(EventPosition::default(), EventPosition::at);
    let from = query.from.max(since);
    let mut sql = QueryBuilder::new(
        "SELECT e.seq, e.at_ms, s.name, e.ingested_ms, e.message
         FROM log_event e JOIN log_stream s ON s.id = e.stream_id WHERE e.group_id = ",
    );
    sql.push_bind(group).push(" AND (e.at_ms, e.seq) >= (");
    sql.push_bind(to_sql(from.at_ms)).push(", ");
    sql.push_bind(to_sql(from.seq)).push(")");
    if let Some(until) = query.until {
        sql.push(" AND e.at_ms < ")
            .push_bind(to_sql(until.epoch_ms()));
    }
    match &query.streams {
        Streams::All => {}
        Streams::Prefixed(prefix) => push_prefix(&mut sql, "s.name", prefix),
        Streams::Named(names) => push_names(&mut sql, names),
    }
    sql.push(" ORDER BY e.at_ms, e.seq LIMIT ")
        .push_bind(query.limit);
    sql
}

fn push_prefix(sql: &mut QueryBuilder<Sqlite>, column: &'static str, prefix: &str) {
    sql.push(" AND ")
        .push(column)
        .push(" >= ")
        .push_bind(prefix.to_owned());
    if let Some(end) = text_behind(prefix) {
        sql.push(" AND ").push(column).push(" < ").push_bind(end);
    }
}

fn push_names(sql: &mut QueryBuilder<Sqlite>, names: &[String]) {
    sql.push(" AND s.name IN (");
    let mut list = sql.separated(", ");
    for name in names {
        list.push_bind(name.clone());
    }
    sql.push(")");
}

pub(super) async fn tail(
    readers: &SqlitePool,
    account: AccountId,
    group: &str,
    after: u64,
    limit: u32,
) -> Result<TailPage, ReadLogsError> {
    let mut db = readers.begin().await?;
    let group = group_id(&mut *db, account, group).await?;
    let newest = newest(&mut *db).await?;
    // The plus keeps SQLite from walking the group's index by time: new events are few.
    let rows: Vec<EventRow> = sqlx::query_as(
        "SELECT e.seq, e.at_ms, s.name, e.ingested_ms, e.message
         FROM log_event e JOIN log_stream s ON s.id = e.stream_id
         WHERE e.seq > ?1 AND +e.group_id = ?2 ORDER BY e.seq LIMIT ?3",
    )
    .bind(to_sql(after))
    .bind(group)
    .bind(limit)
    .fetch_all(&mut *db)
    .await?;
    let full = rows.len() >= limit as usize;
    let events: Vec<_> = rows.into_iter().map(event).collect();
    let last = events.last().filter(|_| full).map(|e| e.position.seq);
    let upto = last.unwrap_or(newest.max(after));
    Ok(TailPage { events, upto })
}

async fn group_id<'c>(
    db: impl Executor<'c, Database = Sqlite>,
    account: AccountId,
    group: &str,
) -> Result<i64, ReadLogsError> {
    let id = sqlx::query_scalar("SELECT id FROM log_group WHERE account = ?1 AND name = ?2")
        .bind(account.as_str())
        .bind(group)
        .fetch_optional(db)
        .await?;
    id.ok_or(ReadLogsError::NoSuchGroup)
}

async fn stream_id(db: &mut SqliteConnection, name: &StreamName) -> Result<i64, ReadLogsError> {
    let group = group_id(&mut *db, name.account, &name.group).await?;
    let id = sqlx::query_scalar("SELECT id FROM log_stream WHERE group_id = ?1 AND name = ?2")
        .bind(group)
        .bind(&name.stream)
        .fetch_optional(db)
        .await?;
    id.ok_or(ReadLogsError::NoSuchStream)
}

/// Cuts a listing that was read one row too far, and tells whether it was.
fn cut<T>(rows: &mut Vec<T>, limit: u32) -> bool {
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    more
}

fn time(ms: i64) -> WallTime {
    WallTime::from_epoch_ms(from_sql(ms))
}

fn time_if_any(ms: i64) -> Option<WallTime> {
    (ms != 0).then(|| time(ms))
}

fn group((name, created, retention_days, bytes): GroupRow) -> LogGroup {
    LogGroup {
        name,
        created: time(created),
        retention_days,
        stored_bytes: from_sql(bytes),
    }
}

fn stream((name, created, first, last, ingestion): StreamRow) -> LogStream {
    LogStream {
        name,
        created: time(created),
        first_event: time_if_any(first),
        last_event: time_if_any(last),
        last_ingestion: time_if_any(ingestion),
    }
}

fn event((seq, at, stream, ingested, message): EventRow) -> LogEvent {
    LogEvent {
        position: EventPosition {
            at_ms: from_sql(at),
            seq: from_sql(seq),
        },
        stream,
        at: time(at),
        ingested: time(ingested),
        message,
    }
}
