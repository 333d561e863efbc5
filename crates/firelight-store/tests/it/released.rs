//! Databases as released versions wrote them still open and keep their content.
//!
//! A released schema stands in `tests/it/released/` as the text of a small database. It is never
//! edited; a release that changes the schema adds one.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use firelight_model::{AccountId, Version, WallTime};
use firelight_store::{
    Claim, EventQuery, GroupQuery, IdempotencyKey, Key, Kind, LogPlace, LogStore, OpenStoreError,
    Queue, Rev, Shards, SqliteQueue, SqliteStore, Start, Store, StoreClock, StoreTime, StreamName,
    Txn, UsageHour, UsageStore,
};
use sqlx::{ConnectOptions, Connection};

const RECORDS_1: &str = include_str!("released/records-1.sql");
const LOGS_1: &str = include_str!("released/logs-1.sql");
const USAGE_1: &str = include_str!("released/usage-1.sql");
const QUEUE_1: &str = include_str!("released/queue-1.sql");

/// When the samples were written.
const WRITTEN_MS: u64 = 1_790_000_000_000;

async fn database_of(versions: &[&'static str]) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("released.sqlite3");
    let mut db = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(&file)
        .create_if_missing(true)
        .connect()
        .await
        .unwrap();
    for sql in versions {
        sqlx::raw_sql(*sql).execute(&mut db).await.unwrap();
    }
    db.close().await.unwrap();
    (directory, file)
}

#[tokio::test]
async fn records_of_schema_1_are_kept() {
    let (_directory, file) = database_of(&[RECORDS_1]).await;

    // A day later the feed and the idempotency keys would be trimmed.
    let clock = StoreClock::manual(StoreTime::from_unix_ms(WRITTEN_MS));
    let store = SqliteStore::open(&file, clock).await.unwrap();

    let key = Key::new("000000000000", Kind::new("function"), "resize");
    let read = store.read(&key).await.unwrap().unwrap();
    assert_eq!(
        (read.rev, &read.body[..]),
        (Rev::new(2), &b"{\"memory\":256}"[..])
    );
    let feed = store.feed(Rev::ZERO, 10).await.unwrap();
    assert_eq!(feed.changes.len(), 2);
    let again = Txn::new().once(IdempotencyKey::new("request 2"));
    assert!(store.commit(again).await.unwrap().repeated);
    let next = Txn::new().replace(key, read.rev, "{}");
    assert_eq!(store.commit(next).await.unwrap().rev, Rev::new(3));
}

#[tokio::test]
async fn logs_of_schema_1_are_kept() {
    let (_directory, file) = database_of(&[LOGS_1]).await;

    let clock = || WallTime::from_epoch_ms(WRITTEN_MS);
    let logs = LogStore::open(&file, Arc::new(clock)).await.unwrap();

    let place = LogPlace::new(AccountId::DEFAULT, &"us-east-1".parse().unwrap());
    let stream = StreamName {
        place: place.clone(),
        group: "/aws/lambda/resize".to_owned(),
        stream: "2026/09/21/[$LATEST]0123456789abcdef0123456789abcdef".to_owned(),
    };
    let query = EventQuery {
        since: None,
        until: None,
        start: Start::Head,
        limit: 10,
    };
    let page = logs.events(&stream, &query).await.unwrap();
    let messages: Vec<_> = page.events.iter().map(|e| &e.message[..]).collect();
    assert_eq!(messages, ["first", "second"]);
    let groups = GroupQuery {
        limit: 10,
        ..GroupQuery::default()
    };
    let groups = logs.groups(&place, &groups).await.unwrap().groups;
    assert_eq!(groups[0].retention_days, Some(14));
}

#[tokio::test]
async fn usage_of_schema_1_is_kept() {
    let (_directory, file) = database_of(&[USAGE_1]).await;

    let usage = UsageStore::open(&file).await.unwrap();

    let hour = |ms| UsageHour::of(WallTime::from_epoch_ms(ms));
    let hours = hour(0)..hour(WRITTEN_MS + 3_600_000);
    let rows = usage.query(AccountId::DEFAULT, hours).await.unwrap();
    assert_eq!(rows[0].key.version, "7".parse::<Version>().unwrap());
    assert_eq!(rows[0].counts.billed_mb_ms, 20_480);
}

#[tokio::test]
async fn a_queue_of_schema_1_is_kept() {
    let (_directory, file) = database_of(&[QUEUE_1]).await;

    let clock = StoreClock::manual(StoreTime::from_unix_ms(WRITTEN_MS + 10_000));
    let queue = SqliteQueue::open(&file, clock).await.unwrap();

    let claim = Claim {
        shards: Shards::All,
        epoch: queue.epoch(),
        items: 10,
        per_lane: 10,
        hold: Duration::from_secs(60),
    };
    let mut items = queue.claim(claim).await.unwrap().items;
    items.sort_by_key(|item| item.id);
    let told: Vec<_> = items
        .iter()
        .map(|item| (&item.body[..], item.attempt, &item.notes[..]))
        .collect();
    assert_eq!(
        told,
        [
            (&b"held"[..], 2, &b""[..]),
            (b"tried", 2, b"{\"errors\":1}")
        ]
    );
    assert_eq!(queue.depths().await.unwrap()[0].items, 3);
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    let newer = "INSERT INTO _sqlx_migrations VALUES (99, 'future', '', 1, X'00', 0);";
    let (_directory, file) = database_of(&[RECORDS_1, newer]).await;

    let error = SqliteStore::open(&file, StoreClock::system())
        .await
        .unwrap_err();

    assert!(matches!(error, OpenStoreError::Migrate { .. }), "{error}");
}
