//! Reads of the logs but for events. Each is one statement or one transaction, so it sees one moment.

use firelight_model::WallTime;
use sqlx::sqlite::{Sqlite, SqliteConnection, SqlitePool};
use sqlx::{Executor, QueryBuilder, SqliteExecutor};

use super::{
    GroupPage, GroupQuery, LogGroup, LogPlace, LogStream, ReadLogsError, StreamCursor, StreamName,
    StreamOrder, StreamPage, StreamQuery,
};
use crate::key::text_behind;
use crate::sqlite::database::{from_sql, to_sql};
use crate::store::BackendError;

type GroupRow = (String, i64, Option<u32>, i64);
type StreamRow = (String, i64, i64, i64, i64);

impl From<sqlx::Error> for ReadLogsError {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(BackendError::new(error))
    }
}

/// The number of the newest event there ever was.
pub(super) async fn newest(db: impl SqliteExecutor<'_>) -> sqlx::Result<u64> {
    let newest: Option<i64> =
        sqlx::query_scalar("SELECT seq FROM sqlite_sequence WHERE name = 'log_page'")
            .fetch_optional(db)
            .await?;
    Ok(newest.map_or(0, from_sql))
}

pub(super) async fn groups(
    readers: &SqlitePool,
    place: &LogPlace,
    query: &GroupQuery,
) -> Result<GroupPage, ReadLogsError> {
    let rows: Vec<GroupRow> = sqlx::query_as(
        "SELECT name, created_ms, retention_days, stored_bytes FROM log_group
         WHERE place = ?1 AND name >= ?2 AND (?3 IS NULL OR name < ?3) AND name > ?4
             AND instr(name, ?5) > 0
         ORDER BY name LIMIT ?6",
    )
    .bind(place.as_str())
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
    place: &LogPlace,
    group: &str,
    query: &StreamQuery,
) -> Result<StreamPage, ReadLogsError> {
    let mut db = readers.begin().await?;
    let group = group_id(&mut *db, place, group).await?;
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

pub(super) fn push_prefix(sql: &mut QueryBuilder<Sqlite>, column: &'static str, prefix: &str) {
    sql.push(" AND ")
        .push(column)
        .push(" >= ")
        .push_bind(prefix.to_owned());
    if let Some(end) = text_behind(prefix) {
        sql.push(" AND ").push(column).push(" < ").push_bind(end);
    }
}

pub(super) async fn group_id<'c>(
    db: impl Executor<'c, Database = Sqlite>,
    place: &LogPlace,
    group: &str,
) -> Result<i64, ReadLogsError> {
    let id = sqlx::query_scalar("SELECT id FROM log_group WHERE place = ?1 AND name = ?2")
        .bind(place.as_str())
        .bind(group)
        .fetch_optional(db)
        .await?;
    id.ok_or(ReadLogsError::NoSuchGroup)
}

pub(super) async fn stream_id(
    db: &mut SqliteConnection,
    name: &StreamName,
) -> Result<i64, ReadLogsError> {
    let group = group_id(&mut *db, &name.place, &name.group).await?;
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

pub(super) fn time(ms: i64) -> WallTime {
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
