//! The books: everything recorded is counted once, whatever happens meanwhile.

use firelight_model::{AccountId, Architecture, Version, WallTime};
use firelight_store::{Usage, UsageCounts, UsageHour, UsageKey, UsageStore};
use sqlx::{ConnectOptions, Connection};

const HOUR_MS: u64 = 60 * 60 * 1000;

fn hour(number: u64) -> UsageHour {
    UsageHour::of(WallTime::from_epoch_ms(number * HOUR_MS))
}

fn key(function: &str, at: UsageHour) -> UsageKey {
    UsageKey {
        account: AccountId::DEFAULT,
        function: function.parse().unwrap(),
        version: Version::Latest,
        architecture: Architecture::X86_64,
        memory_mb: 512,
        hour: at,
    }
}

fn one_request() -> UsageCounts {
    UsageCounts {
        requests: 1,
        errors: 2,
        throttles: 3,
        cold_starts: 4,
        billed_ms: 5,
        billed_mb_ms: 6,
        init_ms: 7,
        sent_bytes: 8,
        received_bytes: 9,
    }
}

fn requests(times: u64) -> UsageCounts {
    let mut sum = UsageCounts::default();
    (0..times).for_each(|_| sum += one_request());
    sum
}

struct Fixture {
    usage: UsageStore,
    directory: tempfile::TempDir,
}

impl Fixture {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("usage.sqlite3");
        let usage = UsageStore::open(&file).await.unwrap();
        Self { usage, directory }
    }

    async fn all(&self) -> Vec<Usage> {
        let account = AccountId::DEFAULT;
        self.usage
            .query(account, hour(0)..hour(1_000))
            .await
            .unwrap()
    }
}

#[test]
fn an_hour_begins_on_the_hour() {
    let late = WallTime::from_epoch_ms(8 * HOUR_MS - 1);

    assert_eq!(UsageHour::of(late), hour(7));
    assert_eq!(hour(7).start(), WallTime::from_epoch_ms(7 * HOUR_MS));
}

#[tokio::test]
async fn what_is_recorded_adds_up_over_writes() {
    let f = Fixture::new().await;

    for _ in 0..3 {
        f.usage.record(key("f", hour(1)), one_request());
        f.usage.record(key("f", hour(1)), one_request());
        f.usage.flush().await.unwrap();
    }

    let expected = Usage {
        key: key("f", hour(1)),
        counts: requests(6),
    };
    assert_eq!(f.all().await, [expected]);
}

#[tokio::test]
async fn books_are_kept_apart_and_read_by_hours() {
    let f = Fixture::new().await;
    let published = UsageKey {
        version: "7".parse().unwrap(),
        ..key("f", hour(2))
    };
    let other_account = UsageKey {
        account: "111111111111".parse().unwrap(),
        ..key("f", hour(2))
    };
    let keys = [
        key("f", hour(1)),
        key("f", hour(2)),
        published.clone(),
        key("g", hour(2)),
        key("f", hour(3)),
        other_account,
    ];
    for key in keys {
        f.usage.record(key, one_request());
    }
    f.usage.flush().await.unwrap();

    let account = AccountId::DEFAULT;
    let read = f.usage.query(account, hour(2)..hour(3)).await.unwrap();

    let read: Vec<_> = read.into_iter().map(|row| row.key).collect();
    assert_eq!(read, [key("f", hour(2)), published, key("g", hour(2))]);
}

#[tokio::test]
async fn usage_outlives_the_daemon() {
    let f = Fixture::new().await;
    f.usage.record(key("f", hour(1)), one_request());
    f.usage.close().await;

    let file = f.directory.path().join("usage.sqlite3");
    let usage = UsageStore::open(&file).await.unwrap();

    let rows = usage
        .query(AccountId::DEFAULT, hour(0)..hour(9))
        .await
        .unwrap();
    assert_eq!(rows[0].counts, requests(1));
}

#[tokio::test]
async fn usage_is_written_soon_without_being_asked_for() {
    let f = Fixture::new().await;

    f.usage.record(key("f", hour(1)), one_request());
    while f.all().await.is_empty() {
        tokio::task::yield_now().await;
    }

    assert_eq!(f.all().await[0].counts, requests(1));
}

#[tokio::test]
async fn usage_that_could_not_be_written_is_kept_and_counted_once() {
    let f = Fixture::new().await;
    let mut db = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(f.directory.path().join("usage.sqlite3"))
        .connect()
        .await
        .unwrap();
    let mut run = async |sql: &'static str| sqlx::raw_sql(sql).execute(&mut db).await.unwrap();

    run("ALTER TABLE usage RENAME TO hidden").await;
    f.usage.record(key("f", hour(1)), one_request());
    let failed = f.usage.flush().await;
    f.usage.record(key("f", hour(1)), one_request());
    run("ALTER TABLE hidden RENAME TO usage").await;
    f.usage.flush().await.unwrap();
    db.close().await.unwrap();

    assert!(failed.is_err());
    assert_eq!(f.all().await[0].counts, requests(2));
}
