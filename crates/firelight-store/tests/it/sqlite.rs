//! What only the embedded store promises: it outlives its process, and fails understandably.

use firelight_store::{CommitError, Expect, Key, Kind, Rev, SqliteStore, Store, Txn};
use sqlx::ConnectOptions;

use crate::every_store::{Fixture, a_follower_behind_the_feed_is_told_so, clock};

const FUNCTION: Kind<'_> = Kind::new("function");

pub(crate) async fn fixture() -> Fixture<SqliteStore> {
    let directory = tempfile::tempdir().unwrap();
    let clock = clock();
    let file = directory.path().join("store/records.sqlite3");
    Fixture {
        store: SqliteStore::open(&file, clock.clone()).await.unwrap(),
        clock,
        directory: Some(directory),
    }
}

fn key(id: &str) -> Key {
    Key::new("000000000000", FUNCTION, id)
}

#[tokio::test]
async fn a_follower_behind_the_trimmed_feed_is_told_so() {
    let fixture = fixture().await;
    a_follower_behind_the_feed_is_told_so(&fixture, async |store| store.trim().await.unwrap())
        .await;
}

#[tokio::test]
async fn a_reopened_store_goes_on_where_it_stopped() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("records.sqlite3");
    let store = SqliteStore::open(&file, clock()).await.unwrap();
    store
        .commit(Txn::new().create(key("a"), "kept"))
        .await
        .unwrap();
    store.close().await;

    let store = SqliteStore::open(&file, clock()).await.unwrap();

    assert_eq!(*store.hints().borrow(), Rev::new(1));
    let read = store.read(&key("a")).await.unwrap().unwrap();
    assert_eq!(read.body, "kept");
    let next = store.commit(Txn::new().create(key("b"), "")).await.unwrap();
    assert_eq!(next.rev, Rev::new(2));
}

#[tokio::test]
async fn store_time_does_not_run_backwards_with_the_clock_of_the_machine() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("records.sqlite3");
    let ahead = clock();
    ahead.advance(std::time::Duration::from_secs(3600));
    let store = SqliteStore::open(&file, ahead).await.unwrap();
    let before = store.commit(Txn::new().create(key("a"), "")).await.unwrap();
    store.close().await;

    let store = SqliteStore::open(&file, clock()).await.unwrap();
    let after = store.commit(Txn::new().create(key("b"), "")).await.unwrap();

    assert_eq!(after.now, before.now);
}

#[tokio::test]
async fn commits_that_wait_share_a_sync_and_each_gets_its_own_answer() {
    let f = fixture().await;

    let good = f.store.commit(Txn::new().create(key("a"), ""));
    let conflict = f.store.commit(Txn::new().put(key("b"), Expect::Exists, ""));
    let rival = f.store.commit(Txn::new().create(key("a"), ""));
    let (good, conflict, rival) = tokio::join!(good, conflict, rival);

    assert_eq!(good.unwrap().rev, Rev::new(1));
    assert!(matches!(conflict, Err(CommitError::Conflict { .. })));
    assert!(matches!(rival, Err(CommitError::Conflict { .. })));
}

#[tokio::test]
async fn a_commit_that_the_database_refuses_changed_nothing_and_may_be_repeated() {
    let f = fixture().await;
    let file = f.directory.as_ref().unwrap().path();
    let mut db = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(file.join("store/records.sqlite3"))
        .connect()
        .await
        .unwrap();
    let mut run = async |sql: &'static str| sqlx::raw_sql(sql).execute(&mut db).await.unwrap();
    let txn = Txn::new().create(key("a"), "");

    // The feed is written last, so the record was written before and must be taken back.
    run("ALTER TABLE feed RENAME TO hidden").await;
    let failed = f.store.commit(txn.clone()).await.unwrap_err();
    run("ALTER TABLE hidden RENAME TO feed").await;
    let found = f.store.read(&key("a")).await.unwrap();
    let repeated = f.store.commit(txn).await.unwrap();

    assert!(matches!(failed, CommitError::Failed(_)), "{failed}");
    assert_eq!(found, None);
    assert_eq!(repeated.rev, Rev::new(1));
}

#[tokio::test]
async fn a_closed_store_refuses_commits_and_says_why() {
    let f = fixture().await;
    f.store.close().await;

    let error = f
        .store
        .commit(Txn::new().create(key("a"), ""))
        .await
        .unwrap_err();

    let CommitError::Failed(cause) = error else {
        panic!("{error}");
    };
    assert_eq!(cause.to_string(), "the store is closed");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("records.sqlite3");
    std::fs::write(
        &file,
        "something else entirely, and long enough to be looked at",
    )
    .unwrap();

    let error = SqliteStore::open(&file, clock()).await.unwrap_err();

    assert!(error.to_string().contains("records.sqlite3"), "{error}");
}
