//! Changes of the logs as SQL, each in one transaction.

use std::collections::HashMap;
use std::sync::Arc;

use firelight_model::WallTime;
use sqlx::sqlite::SqliteConnection;
use sqlx::{QueryBuilder, Sqlite};

use super::page::Page;
use super::{ChangeLogsError, LogLine, LogPlace, NewLogEvent, StreamName};
use crate::sqlite::database::{begin, to_sql};

/// Streams whose ids are remembered; a busy host has fewer environments.
const REMEMBERED_STREAMS: usize = 8 * 1024;

/// Pages that one statement inserts.
const STATEMENT_PAGES: usize = 64;

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
    message: &'line [u8],
}

/// A page and where it belongs.
struct Placed {
    ids: Ids,
    page: Page,
}

/// What a write adds to one stream.
#[derive(Default)]
struct Added {
    times: Option<(u64, u64)>,
    bytes: u64,
}

impl Added {
    fn count(&mut self, page: &Page) {
        let (first, last) = self.times.unwrap_or((page.first_ms, page.last_ms));
        self.times = Some((first.min(page.first_ms), last.max(page.last_ms)));
        self.bytes += page.stored_bytes;
    }
}

/// Writes lines behind the event numbered `newest`, making groups and streams that are not there; returns the number
/// of the last.
pub(super) async fn append(
    db: &mut SqliteConnection,
    ids: &mut StreamIds,
    lines: &[LogLine],
    newest: u64,
    now: WallTime,
) -> sqlx::Result<u64> {
    let mut db = begin(db).await?;
    let mut rows = Vec::with_capacity(lines.len());
    let mut last: Option<(&Arc<StreamName>, Ids)> = None;
    for line in lines {
        // Lines of one environment come in a row, and share their name.
        let ids = match last {
            Some((name, ids)) if Arc::ptr_eq(name, &line.stream) => ids,
            _ => ids.find_or_create(&mut db, &line.stream, now).await?,
        };
        last = Some((&line.stream, ids));
        let (at, message) = (line.at, &*line.message);
        rows.push(Row { ids, at, message });
    }
    let newest = insert(&mut db, rows, newest, now).await?;
    db.commit().await?;
    Ok(newest)
}

/// Writes events to a stream that must be there; returns the number of the last.
pub(super) async fn put_events(
    db: &mut SqliteConnection,
    stream: &StreamName,
    events: &[NewLogEvent],
    newest: u64,
    now: WallTime,
) -> Result<u64, ChangeLogsError> {
    let mut db = begin(db).await?;
    let ids = existing(&mut db, stream).await?;
    let rows = events.iter().map(|event| {
        let (at, message) = (event.at, event.message.as_bytes());
        Row { ids, at, message }
    });
    let newest = insert(&mut db, rows.collect(), newest, now).await?;
    db.commit().await?;
    Ok(newest)
}

pub(super) async fn create_group(
    db: &mut SqliteConnection,
    place: &LogPlace,
    group: &str,
    now: WallTime,
) -> Result<(), ChangeLogsError> {
    let created = sqlx::query(
        "INSERT INTO log_group (place, name, created_ms) VALUES (?1, ?2, ?3)
         ON CONFLICT DO NOTHING",
    )
    .bind(place.as_str())
    .bind(group)
    .bind(to_sql(now.epoch_ms()))
    .execute(db)
    .await?;
    some_row(created.rows_affected(), ChangeLogsError::GroupExists)
}

pub(super) async fn delete_group(
    db: &mut SqliteConnection,
    place: &LogPlace,
    group: &str,
) -> Result<(), ChangeLogsError> {
    let mut db = begin(db).await?;
    sqlx::query(
        "INSERT INTO gone_stream (stream_id)
         SELECT s.id FROM log_stream s JOIN log_group g ON g.id = s.group_id
         WHERE g.place = ?1 AND g.name = ?2",
    )
    .bind(place.as_str())
    .bind(group)
    .execute(&mut *db)
    .await?;
    let deleted = sqlx::query("DELETE FROM log_group WHERE place = ?1 AND name = ?2")
        .bind(place.as_str())
        .bind(group)
        .execute(&mut *db)
        .await?;
    some_row(deleted.rows_affected(), ChangeLogsError::NoSuchGroup)?;
    Ok(db.commit().await?)
}

pub(super) async fn put_retention(
    db: &mut SqliteConnection,
    place: &LogPlace,
    group: &str,
    days: Option<u32>,
) -> Result<(), ChangeLogsError> {
    let updated =
        sqlx::query("UPDATE log_group SET retention_days = ?3 WHERE place = ?1 AND name = ?2")
            .bind(place.as_str())
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
    let group = find_group(&mut db, &stream.place, &stream.group).await?;
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

pub(super) fn some_row(rows: u64, otherwise: ChangeLogsError) -> Result<(), ChangeLogsError> {
    if rows == 0 {
        return Err(otherwise);
    }
    Ok(())
}

async fn existing(db: &mut SqliteConnection, name: &StreamName) -> Result<Ids, ChangeLogsError> {
    let group = find_group(db, &name.place, &name.group).await?;
    let group = group.ok_or(ChangeLogsError::NoSuchGroup)?;
    let stream = find_stream(db, group, &name.stream).await?;
    let stream = stream.ok_or(ChangeLogsError::NoSuchStream)?;
    Ok(Ids { group, stream })
}

pub(super) async fn find_group(
    db: &mut SqliteConnection,
    place: &LogPlace,
    group: &str,
) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar("SELECT id FROM log_group WHERE place = ?1 AND name = ?2")
        .bind(place.as_str())
        .bind(group)
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
    if let Some(group) = find_group(db, &name.place, &name.group).await? {
        return Ok(group);
    }
    let created =
        sqlx::query("INSERT INTO log_group (place, name, created_ms) VALUES (?1, ?2, ?3)")
            .bind(name.place.as_str())
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

/// Inserts events, page by page, and notes them in their streams; returns the number of the last.
async fn insert(
    db: &mut SqliteConnection,
    mut rows: Vec<Row<'_>>,
    newest: u64,
    now: WallTime,
) -> sqlx::Result<u64> {
    // Events of one stream stay in the order of their arrival.
    rows.sort_by_key(|row| row.ids.stream);
    let pages = pages(&rows);
    let mut last_seq = newest;
    for chunk in pages.chunks(STATEMENT_PAGES) {
        last_seq = insert_chunk(db, chunk, last_seq, now).await?;
    }
    let mut added: HashMap<Ids, Added> = HashMap::new();
    for placed in &pages {
        added.entry(placed.ids).or_default().count(&placed.page);
    }
    for (ids, added) in &added {
        note(db, *ids, added, now).await?;
    }
    Ok(last_seq)
}

/// Lays events out in pages; those of one stream stand together.
fn pages(rows: &[Row<'_>]) -> Vec<Placed> {
    let mut pages: Vec<Placed> = Vec::new();
    for row in rows {
        let open = pages.last_mut().filter(|last| last.ids == row.ids);
        if !open.is_some_and(|open| open.page.add(row.at, row.message)) {
            let (ids, page) = (row.ids, Page::begin(row.at, row.message));
            pages.push(Placed { ids, page });
        }
    }
    pages
}

/// One statement for many pages: handing a statement to SQLite's thread costs more than a row.
async fn insert_chunk(
    db: &mut SqliteConnection,
    pages: &[Placed],
    newest: u64,
    now: WallTime,
) -> sqlx::Result<u64> {
    let mut last_seq = newest;
    let mut sql = QueryBuilder::<Sqlite>::new(
        "INSERT INTO log_page (last_seq, events, group_id, stream_id, first_ms, last_ms,
             ingested_ms, stored_bytes, body) ",
    );
    sql.push_values(pages, |mut values, Placed { ids, page }| {
        last_seq += page.events;
        values
            .push_bind(to_sql(last_seq))
            .push_bind(to_sql(page.events))
            .push_bind(ids.group)
            .push_bind(ids.stream)
            .push_bind(to_sql(page.first_ms))
            .push_bind(to_sql(page.last_ms))
            .push_bind(to_sql(now.epoch_ms()))
            .push_bind(to_sql(page.stored_bytes))
            .push_bind(&*page.body);
    });
    sql.build().execute(db).await?;
    Ok(last_seq)
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
    .bind(to_sql(first))
    .bind(to_sql(last))
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
