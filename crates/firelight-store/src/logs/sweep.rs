//! Removes events that retention no longer keeps, or whose stream was deleted.
//!
//! It works in small bites, each a transaction, so that lines never wait long for the connection.

use firelight_model::WallTime;
use sqlx::sqlite::SqliteConnection;

use crate::sqlite::database::{begin, to_sql};

/// Most pages that one bite removes.
const BITE_PAGES: u32 = 500;
/// Most streams that one bite removes.
const BITE_STREAMS: u32 = 2_000;
/// Bites between two looks at the queue of lines.
const BITES: usize = 8;
/// The group of a removed page, and what its events counted there.
type Removed = (i64, i64);

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Removes everything there is to remove.
pub(super) async fn all(db: &mut SqliteConnection, now: WallTime) -> sqlx::Result<()> {
    while bite(db, now).await? {}
    Ok(())
}

/// Removes a bounded part of what there is to remove.
pub(super) async fn some(db: &mut SqliteConnection, now: WallTime) -> sqlx::Result<()> {
    for _ in 0..BITES {
        if !bite(db, now).await? {
            break;
        }
    }
    Ok(())
}

/// Takes one bite and tells whether there was anything.
async fn bite(db: &mut SqliteConnection, now: WallTime) -> sqlx::Result<bool> {
    if let Some(stream) = gone_stream(db).await? {
        remove_stream_events(db, stream).await?;
        return Ok(true);
    }
    if let Some((group, cutoff)) = overdue_group(db, now).await? {
        remove_old_events(db, group, cutoff).await?;
        return Ok(true);
    }
    remove_old_streams(db, now).await
}

async fn gone_stream(db: &mut SqliteConnection) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar("SELECT stream_id FROM gone_stream LIMIT 1")
        .fetch_optional(db)
        .await
}

async fn remove_stream_events(db: &mut SqliteConnection, stream: i64) -> sqlx::Result<()> {
    let mut db = begin(db).await?;
    let removed: Vec<Removed> = sqlx::query_as(
        "DELETE FROM log_page WHERE last_seq IN (
             SELECT last_seq FROM log_page WHERE stream_id = ?1 LIMIT ?2)
         RETURNING group_id, stored_bytes",
    )
    .bind(stream)
    .bind(BITE_PAGES)
    .fetch_all(&mut *db)
    .await?;
    subtract(&mut db, &removed).await?;
    if removed.is_empty() {
        sqlx::query("DELETE FROM gone_stream WHERE stream_id = ?1")
            .bind(stream)
            .execute(&mut *db)
            .await?;
    }
    db.commit().await
}

/// Finds a group with pages all of whose events are too old, and since when they are.
async fn overdue_group(
    db: &mut SqliteConnection,
    now: WallTime,
) -> sqlx::Result<Option<(i64, i64)>> {
    sqlx::query_as(
        "SELECT g.id, ?1 - g.retention_days * ?2 FROM log_group g
         WHERE g.retention_days IS NOT NULL AND EXISTS (
             SELECT 1 FROM log_page p
             WHERE p.group_id = g.id AND p.first_ms < ?1 - g.retention_days * ?2
                 AND p.last_ms < ?1 - g.retention_days * ?2)
         LIMIT 1",
    )
    .bind(to_sql(now.epoch_ms()))
    .bind(to_sql(DAY_MS))
    .fetch_optional(db)
    .await
}

async fn remove_old_events(
    db: &mut SqliteConnection,
    group: i64,
    cutoff_ms: i64,
) -> sqlx::Result<()> {
    let mut db = begin(db).await?;
    let removed: Vec<Removed> = sqlx::query_as(
        "DELETE FROM log_page WHERE last_seq IN (
             SELECT last_seq FROM log_page WHERE group_id = ?1 AND first_ms < ?2 AND last_ms < ?2
             ORDER BY first_ms LIMIT ?3)
         RETURNING group_id, stored_bytes",
    )
    .bind(group)
    .bind(cutoff_ms)
    .bind(BITE_PAGES)
    .fetch_all(&mut *db)
    .await?;
    subtract(&mut db, &removed).await?;
    sqlx::query(
        "UPDATE log_stream SET first_event_ms = coalesce(
             (SELECT min(first_ms) FROM log_page p WHERE p.stream_id = log_stream.id), 0)
         WHERE group_id = ?1 AND first_event_ms < ?2 AND first_event_ms > 0",
    )
    .bind(group)
    .bind(cutoff_ms)
    .execute(&mut *db)
    .await?;
    db.commit().await
}

/// Takes removed pages out of the sum of their group; all pages of a bite are of one.
async fn subtract(db: &mut SqliteConnection, removed: &[Removed]) -> sqlx::Result<()> {
    let Some((group, _)) = removed.first() else {
        return Ok(());
    };
    let bytes: i64 = removed.iter().map(|(_, bytes)| bytes).sum();
    sqlx::query("UPDATE log_group SET stored_bytes = max(0, stored_bytes - ?2) WHERE id = ?1")
        .bind(group)
        .bind(bytes)
        .execute(db)
        .await?;
    Ok(())
}

/// Removes streams that lost their last event to retention: every environment makes one, so they
/// would pile up for ever.
async fn remove_old_streams(db: &mut SqliteConnection, now: WallTime) -> sqlx::Result<bool> {
    let removed = sqlx::query(
        "DELETE FROM log_stream WHERE id IN (
             SELECT s.id FROM log_stream s JOIN log_group g ON g.id = s.group_id
             WHERE g.retention_days IS NOT NULL AND s.first_event_ms = 0 AND s.last_event_ms > 0
                 AND s.last_event_ms < ?1 - g.retention_days * ?2
             LIMIT ?3)",
    )
    .bind(to_sql(now.epoch_ms()))
    .bind(to_sql(DAY_MS))
    .bind(BITE_STREAMS)
    .execute(db)
    .await?;
    Ok(removed.rows_affected() > 0)
}
