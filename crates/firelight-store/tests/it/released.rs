//! Databases as released versions wrote them still open and keep their content.
//!
//! A released schema stands in `tests/it/released/` as the text of a small database. It is never
//! edited; a release that changes the schema adds one.

use firelight_store::{Key, Kind, Rev, SqliteStore, Store, StoreClock, Txn};
use sqlx::{ConnectOptions, Connection};

async fn database_of(version: &'static str) -> (tempfile::TempDir, std::path::PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("records.sqlite3");
    let mut db = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(&file)
        .create_if_missing(true)
        .connect()
        .await
        .unwrap();
    sqlx::raw_sql(version).execute(&mut db).await.unwrap();
    db.close().await.unwrap();
    (directory, file)
}

#[tokio::test]
async fn records_of_schema_1_are_kept() {
    let (_directory, file) = database_of(include_str!("released/records-1.sql")).await;

    let store = SqliteStore::open(&file, StoreClock::system())
        .await
        .unwrap();

    let key = Key::new("000000000000", Kind::new("function"), "resize");
    let read = store.read(&key).await.unwrap().unwrap();
    assert_eq!(
        (read.rev, &read.body[..]),
        (Rev::new(2), &b"{\"memory\":256}"[..])
    );
    let feed = store.feed(Rev::ZERO, 10).await.unwrap();
    assert_eq!(feed.changes.len(), 2);
    let next = store
        .commit(Txn::new().replace(key, read.rev, "{}"))
        .await
        .unwrap();
    assert_eq!(next.rev, Rev::new(3));
}
