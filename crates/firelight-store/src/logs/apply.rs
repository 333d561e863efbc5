//! Changes of the logs as SQL, each in one transaction.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use firelight_model::{AccountId, WallTime};
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, QueryBuilder, Sqlite, Transaction};

use super::{ChangeLogsError, LogLine, NewLogEvent, StreamName};
use crate::sqlite::database::{from_sql, to_sql};

/// What CloudWatch Logs counts for an event beside its message.
const EVENT_OVERHEAD_BYTES: u64 = 26;
/// Streams whose ids are remembered; a busy host has fewer environments.
const REMEMBERED_STREAMS: usize = 8 * 1024;

/// Events that one statement inserts.
const STATEMENT_ROWS: usize = 64;

/// Where a stream stands in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Ids {
    group: i64,
    stream: i64,
}

/// The ids of streams that were written to lately.
#[derive(Debug, Default)]
pub(super) struct StreamIds {
    known: HashMap<Arc<StreamName>, Ids>,
}

impl StreamIds {
    /// Forgets all; called when rows may have vanished.
    pub(super) fn forget(&mut self) {
        self.known.clear();
    }

    async fn find_or_create(
        &mut self,
        db: &mut SqliteConnection,
        name: &Arc<StreamName>,
        now: WallTime,
    ) -> sqlx::Result<Ids> {
        if let Some(ids) = self.known.get(name) {
            return Ok(*ids);
        }
        let group = find_or_create_group(db, name, now).await?;
        let stream = find_or_create_stream(db, group, &name.stream, now).await?;
        if self.known.len() >= REMEMBERED_STREAMS {
            self.known.clear();
        }
        let ids = Ids { group, stream };
        self.known.insert(Arc::clone(name), ids);
        Ok(ids)
    }
}

/// An event to insert.
struct Row<'line> {
    ids: Ids,
    at: WallTime,
    message: Cow<'line, str>,
}

impl<'line> Row<'line> {
    fn said(ids: Ids, line: &'line LogLine) -> Self {
        Self {
            ids,
            at: line.at,
            message: String::from_utf8_lossy(&line.message),
        }
    }

    fn put(ids: Ids, event: &'line NewLogEvent) -> Self {
        Self {
            ids,
            at: event.at,
            message: Cow::Borrowed(&event.message),
        }
    }
}

/// What a write adds to one stream.
#[derive(Default)]
struct Added {
    times: Option<(WallTime, WallTime)>,
    bytes: u64,
}

impl Added {
    fn count(&mut self, row: &Row<'_>) {
        let (first, last) = self.times.unwrap_or((row.at, row.at));
        self.times = Some((first.min(row.at), last.max(row.at)));
        self.bytes += row.message.len() as u64 + EVENT_OVERHEAD_BYTES;
    }
}

/// Writes lines, making groups and streams that are not there; returns the newest event's number.
pub(super) async fn append(
    db: &mut SqliteConnection,
    ids: &mut StreamIds,
    lines: &[LogLine],
    now: WallTime,
) -> sqlx::Result<u64> {
    let mut db = begin(db).await?;
    let mut rows = Vec::with_capacity(lines.len());
    for line in lines {
        let ids = ids.find_or_create(&mut db, &line.stream, now).await?;
        rows.push(Row::said(ids, line));
    }
    let newest = insert(&mut db, &rows, now).await?;
    db.commit().await?;
    Ok(newest)
}

/// Writes events to a stream that must be there; returns the newest event's number, if any.
pub(super) async fn put_events(
    db: &mut SqliteConnection,
    stream: &StreamName,
    events: &[NewLogEvent],
    now: WallTime,
) -> Result<Option<u64>, ChangeLogsError> {
    let mut db = begin(db).await?;
    let ids = existing(&mut db, stream).await?;
    let rows: Vec<_> = events.iter().map(|event| Row::put(ids, event)).collect();
    let newest = insert(&mut db, &rows, now).await?;
    db.commit().await?;
    Ok((!rows.is_empty()).then_some(newest))
}

pub(super) async fn create_group(
    db: &mut SqliteConnection,
    account: AccountId,
    group: &str,
    now: WallTime,
) -> Result<(), ChangeLogsError> {
    let created = sqlx::query(
        "INSERT INTO log_group (account, name, created_ms) VALUES (?1, ?2, ?3)
         ON CONFLICT DO NOTHING",
    )
    .bind(account.as_str())
    .bind(group)
    .bind(to_sql(now.epoch_ms()))
    .execute(db)
    .await?;
    some_row(created.rows_affected(), ChangeLogsError::GroupExists)
}

pub(super) async fn delete_group(
    db: &mut SqliteConnection,
    account: AccountId,
    group: &str,
) -> Result<(), ChangeLogsError> {
    let mut db = begin(db).await?;
    sqlx::query(
        "INSERT INTO gone_stream (stream_id)
         SELECT s.id FROM log_stream s JOIN log_group g ON g.id = s.group_id
         WHERE g.account = ?1 AND g.name = ?2",
    )
    .bind(account.as_str())
    .bind(group)
    .execute(&mut *db)
    .await?;
    let deleted = sqlx::query("DELETE FROM log_group WHERE account = ?1 AND name = ?2")
        .bind(account.as_str())
        .bind(group)
        .execute(&mut *db)
        .await?;
    some_row(deleted.rows_affected(), ChangeLogsError::NoSuchGroup)?;
    Ok(db.commit().await?)
}

pub(super) async fn put_retention(
    db: &mut SqliteConnection,
    account: AccountId,
    group: &str,
    days: Option<u32>,
) -> Result<(), ChangeLogsError> {
    let updated =
        sqlx::query("UPDATE log_group SET retention_days = ?3 WHERE account = ?1 AND name = ?2")
            .bind(account.as_str())
            .bind(group)
            .bind(days)
            .execute(db)
            .await?;
    some_row(updated.rows_affected(), ChangeLogsError::NoSuchGroup)
}

pub(super) async fn create_stream(
    db: &mut SqliteConnection,
    stream: &StreamName,
    now: WallTime,
) -> Result<(), ChangeLogsError> {
    let mut db = begin(db).await?;
    let group = find_group(&mut db, stream).await?;
    let group = group.ok_or(ChangeLogsError::NoSuchGroup)?;
    let created = sqlx::query(
        "INSERT INTO log_stream (group_id, name, created_ms) VALUES (?1, ?2, ?3)
         ON CONFLICT DO NOTHING",
    )
    .bind(group)
    .bind(&stream.stream)
    .bind(to_sql(now.epoch_ms()))
    .execute(&mut *db)
    .await?;
    some_row(created.rows_affected(), ChangeLogsError::StreamExists)?;
    Ok(db.commit().await?)
}

/// The bytes of the stream's events leave the group's sum when the sweep removes them.
pub(super) async fn delete_stream(
    db: &mut SqliteConnection,
    stream: &StreamName,
) -> Result<(), ChangeLogsError> {
    let mut db = begin(db).await?;
    let ids = existing(&mut db, stream).await?;
    sqlx::query("INSERT INTO gone_stream (stream_id) VALUES (?1)")
        .bind(ids.stream)
        .execute(&mut *db)
        .await?;
    sqlx::query("DELETE FROM log_stream WHERE id = ?1")
        .bind(ids.stream)
        .execute(&mut *db)
        .await?;
    Ok(db.commit().await?)
}

pub(super) async fn begin(db: &mut SqliteConnection) -> sqlx::Result<Transaction<'_, Sqlite>> {
    db.begin_with("BEGIN IMMEDIATE").await
}

fn some_row(rows: u64, otherwise: ChangeLogsError) -> Result<(), ChangeLogsError> {
    if rows == 0 {
        return Err(otherwise);
    }
    Ok(())
}

async fn existing(db: &mut SqliteConnection, name: &StreamName) -> Result<Ids, ChangeLogsError> {
    let group = find_group(db, name).await?;
    let group = group.ok_or(ChangeLogsError::NoSuchGroup)?;
    let stream = find_stream(db, group, &name.stream).await?;
    let stream = stream.ok_or(ChangeLogsError::NoSuchStream)?;
    Ok(Ids { group, stream })
}

async fn find_group(db: &mut SqliteConnection, name: &StreamName) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar("SELECT id FROM log_group WHERE account = ?1 AND name = ?2")
        .bind(name.account.as_str())
        .bind(&name.group)
        .fetch_optional(db)
        .await
}

async fn find_stream(
    db: &mut SqliteConnection,
    group: i64,
    name: &str,
) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar("SELECT id FROM log_stream WHERE group_id = ?1 AND name = ?2")
        .bind(group)
        .bind(name)
        .fetch_optional(db)
        .await
}

async fn find_or_create_group(
    db: &mut SqliteConnection,
    name: &StreamName,
    now: WallTime,
) -> sqlx::Result<i64> {
    if let Some(group) = find_group(db, name).await? {
        return Ok(group);
    }
    let created =
        sqlx::query("INSERT INTO log_group (account, name, created_ms) VALUES (?1, ?2, ?3)")
            .bind(name.account.as_str())
            .bind(&name.group)
            .bind(to_sql(now.epoch_ms()))
            .execute(db)
            .await?;
    Ok(created.last_insert_rowid())
}

async fn find_or_create_stream(
    db: &mut SqliteConnection,
    group: i64,
    name: &str,
    now: WallTime,
) -> sqlx::Result<i64> {
    if let Some(stream) = find_stream(db, group, name).await? {
        return Ok(stream);
    }
    let created =
        sqlx::query("INSERT INTO log_stream (group_id, name, created_ms) VALUES (?1, ?2, ?3)")
            .bind(group)
            .bind(name)
            .bind(to_sql(now.epoch_ms()))
            .execute(db)
            .await?;
    Ok(created.last_insert_rowid())
}

/// Inserts events and notes them in their streams; returns the number of the last.
async fn insert(db: &mut SqliteConnection, rows: &[Row<'_>], now: WallTime) -> sqlx::Result<u64> {
    let mut newest = 0;
    for chunk in rows.chunks(STATEMENT_ROWS) {
        newest = insert_chunk(db, chunk, now).await?;
    }
    let mut added: HashMap<Ids, Added> = HashMap::new();
    for row in rows {
        added.entry(row.ids).or_default().count(row);
    }
    for (ids, added) in &added {
        note(db, *ids, added, now).await?;
    }
    Ok(from_sql(newest))
}

/// One statement for many rows: handing a statement to SQLite's thread costs more than a row.
async fn insert_chunk(
    db: &mut SqliteConnection,
    rows: &[Row<'_>],
    now: WallTime,
) -> sqlx::Result<i64> {
    let mut sql = QueryBuilder::<Sqlite>::new(
        "INSERT INTO log_event (group_id, stream_id, at_ms, ingested_ms, message) ",
    );
    sql.push_values(rows, |mut values, row| {
        values
            .push_bind(row.ids.group)
            .push_bind(row.ids.stream)
            .push_bind(to_sql(row.at.epoch_ms()))
            .push_bind(to_sql(now.epoch_ms()))
            .push_bind(&*row.message);
    });
    let inserted = sql.build().execute(db).await?;
    Ok(inserted.last_insert_rowid())
}

/// Notes in the stream and its group what was written.
async fn note(
    db: &mut SqliteConnection,
    ids: Ids,
    added: &Added,
    now: WallTime,
) -> sqlx::Result<()> {
    let Some((first, last)) = added.times else {
        return Ok(());
    };
    sqlx::query(
        "UPDATE log_stream SET
             first_event_ms = CASE first_event_ms WHEN 0 THEN ?2 ELSE min(first_event_ms, ?2) END,
             last_event_ms = max(last_event_ms, ?3),
             last_ingestion_ms = ?4
         WHERE id = ?1",
    )
    .bind(ids.stream)
    .bind(to_sql(first.epoch_ms()))
    .bind(to_sql(last.epoch_ms()))
    .bind(to_sql(now.epoch_ms()))
    .execute(&mut *db)
    .await?;
    sqlx::query("UPDATE log_group SET stored_bytes = stored_bytes + ?2 WHERE id = ?1")
        .bind(ids.group)
        .bind(to_sql(added.bytes))
        .execute(db)
        .await?;
    Ok(())
}
