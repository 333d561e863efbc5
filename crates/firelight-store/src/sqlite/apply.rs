//! One transaction as SQL, inside the database transaction of a batch.

use rusqlite::{Connection, OptionalExtension, params};

use super::database::{from_sql, to_sql};
use super::tail::Written;
use crate::key::Key;
use crate::record::{Rev, StoreTime};
use crate::store::CommitError;
use crate::txn::{Check, Committed, Found, IdempotencyKey, Txn, Write};

/// What the writer knows of the row of the table `meta`.
#[derive(Clone, Copy)]
pub(super) struct Meta {
    pub(super) head: Rev,
    pub(super) now: StoreTime,
}

impl Meta {
    pub(super) fn read(db: &Connection) -> rusqlite::Result<Self> {
        let mut statement = db.prepare_cached("SELECT head, now_ms FROM meta")?;
        statement.query_row([], |row| {
            Ok(Self {
                head: Rev::new(from_sql(row.get(0)?)),
                now: StoreTime::from_unix_ms(from_sql(row.get(1)?)),
            })
        })
    }

    pub(super) fn write(self, db: &Connection) -> rusqlite::Result<()> {
        db.prepare_cached("UPDATE meta SET head = ?1, now_ms = ?2")?
            .execute([to_sql(self.head.get()), to_sql(self.now.unix_ms())])?;
        Ok(())
    }
}

/// Why a transaction did not get through.
pub(super) enum Refusal {
    /// It conflicts with what stands there; nothing was written and the batch goes on.
    Conflict(CommitError),
    /// The database failed; the whole batch must be rolled back.
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

/// Checks a transaction and writes it at the next revision; adds to `written` what it wrote.
///
/// All checks come before the first write, so a conflict leaves the batch as it was.
pub(super) fn apply(
    db: &Connection,
    meta: &mut Meta,
    txn: &Txn,
    written: &mut Vec<Written>,
) -> Result<Committed, Refusal> {
    if let Some(rev) = done(db, txn.idempotency())? {
        return Ok(committed(rev, meta.now, true));
    }
    for check in txn.checks() {
        verify(db, check, meta.now)?;
    }
    if !txn.writes().is_empty() {
        meta.head = meta.head.next();
    }
    for (position, write) in txn.writes().iter().enumerate() {
        put_or_delete(db, write, *meta)?;
        append_feed(db, write, position, *meta)?;
        written.push(Written::of(write, meta.head, meta.now));
    }
    if let Some(key) = txn.idempotency() {
        remember(db, key, *meta)?;
    }
    Ok(committed(meta.head, meta.now, false))
}

fn committed(rev: Rev, now: StoreTime, repeated: bool) -> Committed {
    Committed { rev, now, repeated }
}

fn done(db: &Connection, key: Option<&IdempotencyKey>) -> rusqlite::Result<Option<Rev>> {
    let Some(key) = key else { return Ok(None) };
    db.prepare_cached("SELECT rev FROM done WHERE idempotency_key = ?1")?
        .query_row([key.as_str()], |row| Ok(Rev::new(from_sql(row.get(0)?))))
        .optional()
}

fn remember(db: &Connection, key: &IdempotencyKey, meta: Meta) -> rusqlite::Result<()> {
    let (rev, at) = (to_sql(meta.head.get()), to_sql(meta.now.unix_ms()));
    db.prepare_cached("INSERT INTO done (idempotency_key, rev, at_ms) VALUES (?1, ?2, ?3)")?
        .execute(params![key.as_str(), rev, at])?;
    Ok(())
}

fn verify(db: &Connection, check: &Check, now: StoreTime) -> Result<(), Refusal> {
    let found = find(db, &check.key)?;
    if check.expect.holds(found, now) {
        return Ok(());
    }
    Err(Refusal::Conflict(CommitError::Conflict {
        key: check.key.clone(),
        expected: check.expect,
        found,
    }))
}

fn find(db: &Connection, key: &Key) -> rusqlite::Result<Option<Found>> {
    db.prepare_cached("SELECT rev, expires_ms FROM record WHERE key = ?1")?
        .query_row([key.as_str()], |row| {
            let expires: Option<i64> = row.get(1)?;
            Ok(Found {
                rev: Rev::new(from_sql(row.get(0)?)),
                expires: expires.map(|ms| StoreTime::from_unix_ms(from_sql(ms))),
            })
        })
        .optional()
}

fn put_or_delete(db: &Connection, write: &Write, meta: Meta) -> rusqlite::Result<()> {
    match write {
        Write::Put { key, body, ttl } => db
            .prepare_cached(
                "INSERT INTO record (key, rev, expires_ms, body) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (key) DO UPDATE SET
                     rev = excluded.rev, expires_ms = excluded.expires_ms, body = excluded.body",
            )?
            .execute(params![
                key.as_str(),
                to_sql(meta.head.get()),
                ttl.map(|ttl| to_sql(meta.now.plus(ttl).unix_ms())),
                &body[..],
            ])?,
        Write::Delete { key } => db
            .prepare_cached("DELETE FROM record WHERE key = ?1")?
            .execute([key.as_str()])?,
    };
    Ok(())
}

fn append_feed(
    db: &Connection,
    write: &Write,
    position: usize,
    meta: Meta,
) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO feed (rev, position, key, deleted, at_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        to_sql(meta.head.get()),
        to_sql(position as u64),
        write.key().as_str(),
        matches!(write, Write::Delete { .. }),
        to_sql(meta.now.unix_ms()),
    ])?;
    Ok(())
}
