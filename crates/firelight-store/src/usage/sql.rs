//! The books as SQL.

use std::ops::Range;
use std::str::FromStr;

use firelight_model::AccountId;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqlitePool, SqliteRow};

use super::{Usage, UsageCounts, UsageHour, UsageKey};
use crate::sqlite::database::{begin, from_sql, to_sql};
use crate::store::ReadError;

/// Adds to the rows, all or none.
pub(super) async fn add(db: &mut SqliteConnection, rows: &[Usage]) -> sqlx::Result<()> {
    let mut db = begin(db).await?;
    for row in rows {
        add_row(&mut db, row).await?;
    }
    db.commit().await
}

async fn add_row(db: &mut SqliteConnection, Usage { key, counts }: &Usage) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO usage VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
         ON CONFLICT DO UPDATE SET
             requests = requests + excluded.requests,
             errors = errors + excluded.errors,
             throttles = throttles + excluded.throttles,
             cold_starts = cold_starts + excluded.cold_starts,
             billed_ms = billed_ms + excluded.billed_ms,
             billed_mb_ms = billed_mb_ms + excluded.billed_mb_ms,
             init_ms = init_ms + excluded.init_ms,
             sent_bytes = sent_bytes + excluded.sent_bytes,
             received_bytes = received_bytes + excluded.received_bytes",
    )
    .bind(key.account.as_str())
    .bind(key.function.as_str())
    .bind(key.version.to_string())
    .bind(key.architecture.to_string())
    .bind(key.memory_mb)
    .bind(to_sql(key.hour.0))
    .bind(to_sql(counts.requests))
    .bind(to_sql(counts.errors))
    .bind(to_sql(counts.throttles))
    .bind(to_sql(counts.cold_starts))
    .bind(to_sql(counts.billed_ms))
    .bind(to_sql(counts.billed_mb_ms))
    .bind(to_sql(counts.init_ms))
    .bind(to_sql(counts.sent_bytes))
    .bind(to_sql(counts.received_bytes))
    .execute(db)
    .await?;
    Ok(())
}

pub(super) async fn query(
    readers: &SqlitePool,
    account: AccountId,
    hours: Range<UsageHour>,
) -> Result<Vec<Usage>, ReadError> {
    let rows = sqlx::query(
        "SELECT * FROM usage WHERE account = ?1 AND hour >= ?2 AND hour < ?3
         ORDER BY hour, function, version, architecture, memory_mb",
    )
    .bind(account.as_str())
    .bind(to_sql(hours.start.0))
    .bind(to_sql(hours.end.0))
    .fetch_all(readers)
    .await
    .map_err(ReadError::new)?;
    rows.iter()
        .map(|row| usage(row).map_err(ReadError::new))
        .collect()
}

fn usage(row: &SqliteRow) -> sqlx::Result<Usage> {
    Ok(Usage {
        key: UsageKey {
            account: parse(row, "account")?,
            function: parse(row, "function")?,
            version: parse(row, "version")?,
            architecture: parse(row, "architecture")?,
            memory_mb: row.try_get("memory_mb")?,
            hour: UsageHour(count(row, "hour")?),
        },
        counts: UsageCounts {
            requests: count(row, "requests")?,
            errors: count(row, "errors")?,
            throttles: count(row, "throttles")?,
            cold_starts: count(row, "cold_starts")?,
            billed_ms: count(row, "billed_ms")?,
            billed_mb_ms: count(row, "billed_mb_ms")?,
            init_ms: count(row, "init_ms")?,
            sent_bytes: count(row, "sent_bytes")?,
            received_bytes: count(row, "received_bytes")?,
        },
    })
}

fn count(row: &SqliteRow, column: &str) -> sqlx::Result<u64> {
    Ok(from_sql(row.try_get(column)?))
}

fn parse<T>(row: &SqliteRow, column: &str) -> sqlx::Result<T>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    let text: &str = row.try_get(column)?;
    text.parse().map_err(|source| sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: Box::new(source),
    })
}
