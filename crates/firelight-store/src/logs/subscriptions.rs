//! Subscriptions: who is told of the events of a group, and up to which event it was.
//!
//! ```text
//!  put ──► begins behind the newest event ──► told(upto) ──► told(upto) …      gone with its group
//! ```
//!
//! The place that was reached lies beside the events and is written by the same writer: after a crash the two agree, and
//! what was told last is at most told again.
//!
//! Deliberately absent: telling anybody, and what a body says.

use bytes::Bytes;
use sqlx::sqlite::{SqliteConnection, SqlitePool};

use super::apply::{find_group, some_row};
use super::writer::Change;
use super::{ChangeLogsError, LogPlace, LogStore, ReadLogsError, read};
use crate::sqlite::database::{begin, from_sql, to_sql};

/// A subscription as somebody puts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSubscription {
    pub place: LogPlace,
    pub group: String,
    pub name: String,
    pub body: Bytes,
    /// How many a group may have.
    pub most: u32,
}

/// A subscription that is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    pub id: SubscriptionId,
    pub place: LogPlace,
    pub group: String,
    pub name: String,
    pub body: Bytes,
    /// The number of the last event it was told of.
    pub upto: u64,
}

/// Names one subscription for its whole life; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriptionId(i64);

/// The columns of a subscription.
type Row = (i64, String, String, String, Vec<u8>, i64);

impl From<Row> for Subscription {
    fn from((id, place, group, name, body, upto): Row) -> Self {
        Self {
            id: SubscriptionId(id),
            place: LogPlace::stored(&place),
            group,
            name,
            body: body.into(),
            upto: from_sql(upto),
        }
    }
}

impl LogStore {
    /// Puts a subscription in the place of the one of that name. A new one begins behind the newest event.
    ///
    /// # Errors
    /// If the group does not exist or has too many, or the database failed.
    pub async fn put_subscription(&self, new: NewSubscription) -> Result<(), ChangeLogsError> {
        self.change(Change::PutSubscription(new)).await
    }

    /// Removes a subscription.
    ///
    /// # Errors
    /// If the group or the subscription does not exist, or the database failed.
    pub async fn delete_subscription(
        &self,
        place: &LogPlace,
        group: &str,
        name: &str,
    ) -> Result<(), ChangeLogsError> {
        let (place, group, name) = (place.clone(), group.to_owned(), name.to_owned());
        self.change(Change::DeleteSubscription { place, group, name })
            .await
    }

    /// Notes the number of the last event that a subscription was told of. One that is gone needs none.
    ///
    /// # Errors
    /// If the database failed.
    pub async fn note_told(&self, id: SubscriptionId, upto: u64) -> Result<(), ChangeLogsError> {
        self.change(Change::NoteTold { id, upto }).await
    }

    /// Lists the subscriptions of a group by name.
    ///
    /// # Errors
    /// If the group does not exist, or the database failed.
    pub async fn subscriptions(
        &self,
        place: &LogPlace,
        group: &str,
    ) -> Result<Vec<Subscription>, ReadLogsError> {
        of_group(&self.shared.readers, place, group).await
    }

    /// Lists the subscriptions of all groups.
    ///
    /// # Errors
    /// If the database failed.
    pub async fn all_subscriptions(&self) -> Result<Vec<Subscription>, ReadLogsError> {
        Ok(all(&self.shared.readers).await?)
    }
}

async fn of_group(
    readers: &SqlitePool,
    place: &LogPlace,
    group: &str,
) -> Result<Vec<Subscription>, ReadLogsError> {
    let mut db = readers.begin().await?;
    let group = read::group_id(&mut *db, place, group).await?;
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT s.id, g.place, g.name, s.name, s.body, s.upto
         FROM log_subscription s JOIN log_group g ON g.id = s.group_id
         WHERE s.group_id = ?1 ORDER BY s.name",
    )
    .bind(group)
    .fetch_all(&mut *db)
    .await?;
    Ok(rows.into_iter().map(Subscription::from).collect())
}

async fn all(readers: &SqlitePool) -> sqlx::Result<Vec<Subscription>> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT s.id, g.place, g.name, s.name, s.body, s.upto
         FROM log_subscription s JOIN log_group g ON g.id = s.group_id ORDER BY s.id",
    )
    .fetch_all(readers)
    .await?;
    Ok(rows.into_iter().map(Subscription::from).collect())
}

/// Puts a subscription, which begins behind the event numbered `newest` unless it is there already.
pub(super) async fn put(
    db: &mut SqliteConnection,
    new: &NewSubscription,
    newest: u64,
) -> Result<(), ChangeLogsError> {
    let mut db = begin(db).await?;
    let group = find_group(&mut db, &new.place, &new.group).await?;
    let group = group.ok_or(ChangeLogsError::NoSuchGroup)?;
    sqlx::query(
        "INSERT INTO log_subscription (group_id, name, body, upto) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (group_id, name) DO UPDATE SET body = excluded.body",
    )
    .bind(group)
    .bind(&new.name)
    .bind(&*new.body)
    .bind(to_sql(newest))
    .execute(&mut *db)
    .await?;
    let count: u32 =
        sqlx::query_scalar("SELECT count(*) FROM log_subscription WHERE group_id = ?1")
            .bind(group)
            .fetch_one(&mut *db)
            .await?;
    if count > new.most {
        return Err(ChangeLogsError::TooManySubscriptions);
    }
    Ok(db.commit().await?)
}

pub(super) async fn delete(
    db: &mut SqliteConnection,
    place: &LogPlace,
    group: &str,
    name: &str,
) -> Result<(), ChangeLogsError> {
    let group = find_group(db, place, group).await?;
    let group = group.ok_or(ChangeLogsError::NoSuchGroup)?;
    let deleted = sqlx::query("DELETE FROM log_subscription WHERE group_id = ?1 AND name = ?2")
        .bind(group)
        .bind(name)
        .execute(db)
        .await?;
    some_row(deleted.rows_affected(), ChangeLogsError::NoSuchSubscription)
}

pub(super) async fn note_told(
    db: &mut SqliteConnection,
    id: SubscriptionId,
    upto: u64,
) -> sqlx::Result<()> {
    sqlx::query("UPDATE log_subscription SET upto = max(upto, ?2) WHERE id = ?1")
        .bind(id.0)
        .bind(to_sql(upto))
        .execute(db)
        .await?;
    Ok(())
}
