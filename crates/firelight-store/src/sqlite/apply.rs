//! One transaction as SQL, inside the database transaction of a batch.

use sqlx::sqlite::SqliteConnection;

use super::database::{from_sql, to_sql};
use super::read::Meta;
use crate::key::Key;
use crate::record::{Rev, StoreTime};
use crate::store::CommitError;
use crate::txn::{Check, Committed, Found, IdempotencyKey, Txn, Write};

/// Why a transaction did not get through.
pub(super) enum Refusal {
    /// It conflicts with what stands there; nothing was written and the batch goes on.
    Conflict(CommitError),
    /// The database failed; the whole batch must be rolled back.
    Database(sqlx::Error),
}

impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

/// Checks a transaction and writes it at the next revision.
///
/// All checks come before the first write, so a conflict leaves the batch as it was.
pub(super) async fn apply(
    db: &mut SqliteConnection,
    meta: &mut Meta,
    txn: &Txn,
) -> Result<Committed, Refusal> {
    if let Some(rev) = done(db, txn.idempotency()).await? {
        return Ok(committed(rev, meta.now, true));
    }
    for check in txn.checks() {
        verify(db, check, meta.now).await?;
    }
    if !txn.writes().is_empty() {
        meta.head = meta.head.next();
    }
    for (position, write) in txn.writes().iter().enumerate() {
        put_or_delete(db, write, *meta).await?;
        append_feed(db, write, position, *meta).await?;
    }
    if let Some(key) = txn.idempotency() {
        remember(db, key, *meta).await?;
    }
    Ok(committed(meta.head, meta.now, false))
}

fn committed(rev: Rev, now: StoreTime, repeated: bool) -> Committed {
    Committed { rev, now, repeated }
}

async fn done(
    db: &mut SqliteConnection,
    key: Option<&IdempotencyKey>,
) -> sqlx::Result<Option<Rev>> {
    let Some(key) = key else { return Ok(None) };
    let rev: Option<i64> = sqlx::query_scalar("SELECT rev FROM done WHERE idempotency_key = ?1")
        .bind(key.as_str())
        .fetch_optional(db)
        .await?;
    Ok(rev.map(|rev| Rev::new(from_sql(rev))))
}

async fn remember(db: &mut SqliteConnection, key: &IdempotencyKey, meta: Meta) -> sqlx::Result<()> {
    sqlx::query("INSERT INTO done (idempotency_key, rev, at_ms) VALUES (?1, ?2, ?3)")
        .bind(key.as_str())
        .bind(to_sql(meta.head.get()))
        .bind(to_sql(meta.now.unix_ms()))
        .execute(db)
        .await?;
    Ok(())
}

async fn verify(db: &mut SqliteConnection, check: &Check, now: StoreTime) -> Result<(), Refusal> {
    let found = find(db, &check.key).await?;
    if check.expect.holds(found, now) {
        return Ok(());
    }
    Err(Refusal::Conflict(CommitError::Conflict {
        key: check.key.clone(),
        expected: check.expect,
        found,
    }))
}

async fn find(db: &mut SqliteConnection, key: &Key) -> sqlx::Result<Option<Found>> {
    let row: Option<(i64, Option<i64>)> =
        sqlx::query_as("SELECT rev, expires_ms FROM record WHERE key = ?1")
            .bind(key.as_str())
            .fetch_optional(db)
            .await?;
    Ok(row.map(|(rev, expires)| Found {
        rev: Rev::new(from_sql(rev)),
        expires: expires.map(|ms| StoreTime::from_unix_ms(from_sql(ms))),
    }))
}

async fn put_or_delete(db: &mut SqliteConnection, write: &Write, meta: Meta) -> sqlx::Result<()> {
    let query = match write {
        Write::Put { key, body, ttl } => sqlx::query(
            "INSERT INTO record (key, rev, expires_ms, body) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (key) DO UPDATE SET
                 rev = excluded.rev, expires_ms = excluded.expires_ms, body = excluded.body",
        )
        .bind(key.as_str())
        .bind(to_sql(meta.head.get()))
        .bind(ttl.map(|ttl| to_sql(meta.now.plus(ttl).unix_ms())))
        .bind(&body[..]),
        Write::Delete { key } => {
            sqlx::query("DELETE FROM record WHERE key = ?1").bind(key.as_str())
        }
    };
    query.execute(db).await?;
    Ok(())
}

async fn append_feed(
    db: &mut SqliteConnection,
    write: &Write,
    position: usize,
    meta: Meta,
) -> sqlx::Result<()> {
    let deleted = matches!(write, Write::Delete { .. });
    sqlx::query(
        "INSERT INTO feed (rev, position, key, deleted, at_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
    )
    .bind(to_sql(meta.head.get()))
    .bind(to_sql(position as u64))
    .bind(write.key().as_str())
    .bind(deleted)
    .bind(to_sql(meta.now.unix_ms()))
    .execute(db)
    .await?;
    Ok(())
}
