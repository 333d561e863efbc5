//! Reads of records and of the feed. Each is one statement or one transaction, so it sees one moment.

use bytes::Bytes;
use sqlx::Executor;
use sqlx::sqlite::{Sqlite, SqlitePool};

use super::database::{from_sql, to_sql};
use crate::key::{Key, Prefix};
use crate::memory::cut;
use crate::record::{Change, ChangeKind, Feed, Page, Record, Rev, StoreTime, Versioned};
use crate::store::{FeedError, ReadError};

/// A row of the table `record`.
type RecordRow = (String, i64, Option<i64>, Vec<u8>);

/// The row of the table `meta`.
#[derive(Clone, Copy)]
struct Meta {
    head: Rev,
    feed_floor: Rev,
}

/// A key in the database that is none.
#[derive(Debug, thiserror::Error)]
#[error("the database holds the malformed key {0:?}")]
struct MalformedKey(String);

async fn meta<'c>(db: impl Executor<'c, Database = Sqlite>) -> sqlx::Result<Meta> {
    let (head, floor): (i64, i64) = sqlx::query_as("SELECT head, feed_floor FROM meta")
        .fetch_one(db)
        .await?;
    Ok(Meta {
        head: Rev::new(from_sql(head)),
        feed_floor: Rev::new(from_sql(floor)),
    })
}

pub(super) async fn head(readers: &SqlitePool) -> sqlx::Result<Rev> {
    Ok(meta(readers).await?.head)
}

pub(super) async fn one(readers: &SqlitePool, key: &Key) -> Result<Option<Versioned>, ReadError> {
    let row: Option<RecordRow> =
        sqlx::query_as("SELECT key, rev, expires_ms, body FROM record WHERE key = ?1")
            .bind(key.as_str())
            .fetch_optional(readers)
            .await
            .map_err(ReadError::new)?;
    Ok(row.map(|(_, rev, expires, body)| versioned(rev, expires, body)))
}

pub(super) async fn many(
    readers: &SqlitePool,
    keys: &[Key],
) -> Result<Vec<Option<Versioned>>, ReadError> {
    let mut db = readers.begin().await.map_err(ReadError::new)?;
    let mut values = Vec::with_capacity(keys.len());
    for key in keys {
        let row: Option<RecordRow> =
            sqlx::query_as("SELECT key, rev, expires_ms, body FROM record WHERE key = ?1")
                .bind(key.as_str())
                .fetch_optional(&mut *db)
                .await
                .map_err(ReadError::new)?;
        values.push(row.map(|(_, rev, expires, body)| versioned(rev, expires, body)));
    }
    Ok(values)
}

pub(super) async fn list(
    readers: &SqlitePool,
    prefix: &Prefix,
    after: Option<&Key>,
    limit: u32,
) -> Result<Page, ReadError> {
    let rows: Vec<RecordRow> = sqlx::query_as(
        "SELECT key, rev, expires_ms, body FROM record
         WHERE key >= ?1 AND (?2 IS NULL OR key < ?2) AND key > ?3
         ORDER BY key LIMIT ?4",
    )
    .bind(prefix.start())
    .bind(prefix.end())
    .bind(after.map_or("", Key::as_str))
    .bind(i64::from(limit) + 1)
    .fetch_all(readers)
    .await
    .map_err(ReadError::new)?;
    let mut records = rows.into_iter().map(record).collect::<Result<_, _>>()?;
    let next = cut(&mut records, limit as usize);
    Ok(Page { records, next })
}

pub(super) async fn feed(
    readers: &SqlitePool,
    after: Rev,
    commits: u32,
) -> Result<Feed, FeedError> {
    let mut db = readers.begin().await.map_err(ReadError::new)?;
    let meta = meta(&mut *db).await.map_err(ReadError::new)?;
    if after < meta.feed_floor {
        let floor = meta.feed_floor;
        return Err(FeedError::Gone { after, floor });
    }
    let upto = Rev::new(after.get().saturating_add(commits.into())).min(meta.head);
    let rows: Vec<(i64, String, bool)> = sqlx::query_as(
        "SELECT rev, key, deleted FROM feed WHERE rev > ?1 AND rev <= ?2 ORDER BY rev, position",
    )
    .bind(to_sql(after.get()))
    .bind(to_sql(upto.get()))
    .fetch_all(&mut *db)
    .await
    .map_err(ReadError::new)?;
    Ok(Feed {
        changes: rows.into_iter().map(change).collect::<Result<_, _>>()?,
        upto: upto.max(after),
        head: meta.head,
    })
}

fn versioned(rev: i64, expires: Option<i64>, body: Vec<u8>) -> Versioned {
    Versioned {
        rev: Rev::new(from_sql(rev)),
        expires: expires.map(|ms| StoreTime::from_unix_ms(from_sql(ms))),
        body: Bytes::from(body),
    }
}

fn record((key, rev, expires, body): RecordRow) -> Result<Record, ReadError> {
    Ok(Record {
        key: parse(key)?,
        value: versioned(rev, expires, body),
    })
}

fn change((rev, key, deleted): (i64, String, bool)) -> Result<Change, ReadError> {
    Ok(Change {
        rev: Rev::new(from_sql(rev)),
        key: parse(key)?,
        kind: if deleted {
            ChangeKind::Deleted
        } else {
            ChangeKind::Put
        },
    })
}

fn parse(key: String) -> Result<Key, ReadError> {
    Key::parse(&key).ok_or_else(|| ReadError::new(MalformedKey(key)))
}
