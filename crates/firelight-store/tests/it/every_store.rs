//! What every engine promises. A new engine joins by one line at the end.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use firelight_store::{
    Change, ChangeKind, CommitError, Committed, Expect, FeedError, IdempotencyKey, Key, Kind,
    Prefix, Rev, Store, StoreClock, StoreTime, Txn,
};

const FUNCTION: Kind<'_> = Kind::new("function");
const LEASE: Kind<'_> = Kind::new("lease");
const ACCOUNT: &str = "000000000000";

/// A fresh store, whose clock the test moves.
pub(crate) struct Fixture<S> {
    pub(crate) store: S,
    pub(crate) clock: StoreClock,
    pub(crate) directory: Option<tempfile::TempDir>,
}

pub(crate) fn clock() -> StoreClock {
    StoreClock::manual(StoreTime::from_unix_ms(1_000_000_000_000))
}

fn function(id: &str) -> Key {
    Key::new(ACCOUNT, FUNCTION, id)
}

async fn create(store: &impl Store, id: &str) -> Committed {
    let txn = Txn::new().create(function(id), format!("body of {id}"));
    store.commit(txn).await.unwrap()
}

async fn a_record_is_read_as_it_was_written(f: Fixture<impl Store>) {
    let body = Bytes::from_static(b"\x00\xff bytes, not text");

    let committed = f
        .store
        .commit(Txn::new().create(function("a"), body.clone()))
        .await
        .unwrap();

    let read = f.store.read(&function("a")).await.unwrap().unwrap();
    assert_eq!((read.rev, read.body), (committed.rev, body));
    assert_eq!(f.store.read(&function("b")).await.unwrap(), None);
}

async fn revisions_count_commits_without_gaps(f: Fixture<impl Store>) {
    let first = create(&f.store, "a").await;
    f.store
        .commit(Txn::new().create(function("a"), ""))
        .await
        .unwrap_err();
    let only_checked = f
        .store
        .commit(Txn::new().check(function("a"), Expect::Exists))
        .await
        .unwrap();
    let second = create(&f.store, "b").await;

    assert_eq!(first.rev, Rev::new(1));
    assert_eq!(only_checked.rev, Rev::new(1));
    assert_eq!(second.rev, Rev::new(2));
    assert_eq!(f.store.head().await.unwrap(), Rev::new(2));
}

async fn a_write_at_a_stale_revision_changes_nothing(f: Fixture<impl Store>) {
    let first = create(&f.store, "a").await;
    let second = f
        .store
        .commit(Txn::new().replace(function("a"), first.rev, "second"))
        .await
        .unwrap();

    let stale =
        Txn::new()
            .create(function("b"), "never")
            .replace(function("a"), first.rev, "third");
    let error = f.store.commit(stale).await.unwrap_err();

    let CommitError::Conflict { key, found, .. } = error else {
        panic!("not a conflict: {error}");
    };
    assert_eq!(key, function("a"));
    assert_eq!(found.map(|found| found.rev), Some(second.rev));
    assert_eq!(f.store.read(&function("b")).await.unwrap(), None);
    let read = f.store.read(&function("a")).await.unwrap().unwrap();
    assert_eq!(read.body, "second");
}

async fn a_deleted_record_is_gone_and_may_be_created_again(f: Fixture<impl Store>) {
    let created = create(&f.store, "a").await;
    let delete = |rev| Txn::new().delete(function("a"), Expect::Rev(rev));

    f.store.commit(delete(created.rev)).await.unwrap();

    assert_eq!(f.store.read(&function("a")).await.unwrap(), None);
    assert!(f.store.commit(delete(created.rev)).await.is_err());
    create(&f.store, "a").await;
}

async fn several_records_are_read_in_the_order_asked_for(f: Fixture<impl Store>) {
    create(&f.store, "a").await;
    create(&f.store, "b").await;

    let keys = [function("b"), function("missing"), function("a")];
    let read = f.store.read_many(&keys).await.unwrap();

    let bodies: Vec<_> = read.into_iter().map(|v| v.map(|v| v.body)).collect();
    assert_eq!(
        bodies,
        [Some("body of b".into()), None, Some("body of a".into())]
    );
}

async fn a_listing_is_paged_in_key_order_and_stays_in_its_range(f: Fixture<impl Store>) {
    for id in ["c", "a", "b", "a/versions/1"] {
        create(&f.store, id).await;
    }
    let others = Txn::new()
        .create(Key::new(ACCOUNT, Kind::new("function-url"), "a"), "")
        .create(Key::new("111111111111", FUNCTION, "a"), "")
        .create(Key::system(FUNCTION, "a"), "");
    f.store.commit(others).await.unwrap();

    let range = Prefix::kind(ACCOUNT, FUNCTION);
    let first = f.store.list(&range, None, 3).await.unwrap();
    let rest = f.store.list(&range, first.next.as_ref(), 3).await.unwrap();

    let ids = |page: &firelight_store::Page| -> Vec<String> {
        page.records.iter().map(|r| r.key.id().to_owned()).collect()
    };
    assert_eq!(ids(&first), ["a", "a/versions/1", "b"]);
    assert_eq!(ids(&rest), ["c"]);
    assert_eq!(rest.next, None);
    let all = f.store.list(&Prefix::all(), None, 100).await.unwrap();
    assert_eq!(all.records.len(), 7);
}

async fn a_full_last_page_says_that_it_is_the_last(f: Fixture<impl Store>) {
    create(&f.store, "a").await;
    create(&f.store, "b").await;

    let page = f.store.list(&Prefix::all(), None, 2).await.unwrap();

    assert_eq!(page.records.len(), 2);
    assert_eq!(page.next, None);
}

async fn the_feed_tells_whole_commits_in_order(f: Fixture<impl Store>) {
    let both = Txn::new()
        .create(function("a"), "")
        .create(function("b"), "");
    f.store.commit(both).await.unwrap();
    f.store
        .commit(Txn::new().delete(function("a"), Expect::Exists))
        .await
        .unwrap();

    let first = f.store.feed(Rev::ZERO, 1).await.unwrap();
    let second = f.store.feed(first.upto, 10).await.unwrap();
    let nothing = f.store.feed(second.upto, 10).await.unwrap();

    let change = |rev, id, kind| Change {
        rev: Rev::new(rev),
        key: function(id),
        kind,
    };
    let put = ChangeKind::Put;
    assert_eq!(first.changes, [change(1, "a", put), change(1, "b", put)]);
    assert_eq!((first.upto, first.head), (Rev::new(1), Rev::new(2)));
    assert_eq!(second.changes, [change(2, "a", ChangeKind::Deleted)]);
    assert_eq!((nothing.changes, nothing.upto), (vec![], Rev::new(2)));
}

async fn a_repeated_commit_takes_effect_once(f: Fixture<impl Store>) {
    let txn = Txn::new()
        .create(function("a"), "first")
        .once(IdempotencyKey::new("request 1"));

    let done = f.store.commit(txn.clone()).await.unwrap();
    create(&f.store, "b").await;
    let again = f.store.commit(txn).await.unwrap();

    assert_eq!((done.repeated, again.repeated), (false, true));
    assert_eq!(again.rev, done.rev);
    assert_eq!(f.store.head().await.unwrap(), Rev::new(2));
}

async fn a_refused_commit_may_be_tried_again_under_its_idempotency_key(f: Fixture<impl Store>) {
    let key = IdempotencyKey::new("request 1");
    let too_early = Txn::new()
        .put(function("a"), Expect::Exists, "")
        .once(key.clone());
    f.store.commit(too_early.clone()).await.unwrap_err();
    create(&f.store, "a").await;

    let committed = f.store.commit(too_early).await.unwrap();

    assert!(!committed.repeated);
}

async fn an_expiring_record_is_taken_over_only_after_its_time(f: Fixture<impl Store>) {
    let lease = Key::new(ACCOUNT, LEASE, "shard 7");
    let ttl = Duration::from_secs(6);
    let take =
        |owner: &'static str| Txn::new().put_expiring(lease.clone(), Expect::Expired, owner, ttl);
    let taken = f.store.commit(take("first")).await.unwrap();
    let live = Txn::new().check(lease.clone(), Expect::Live(taken.rev));

    f.clock.advance(ttl - Duration::from_millis(1));
    f.store.commit(live.clone()).await.unwrap();
    f.store.commit(take("second")).await.unwrap_err();
    f.clock.advance(Duration::from_millis(1));
    f.store.commit(live).await.unwrap_err();
    f.store.commit(take("second")).await.unwrap();

    let held = f.store.read(&lease).await.unwrap().unwrap();
    assert_eq!(held.body, "second");
}

async fn a_hint_follows_every_commit(f: Fixture<impl Store>) {
    let mut hints = f.store.hints();

    let committed = create(&f.store, "a").await;

    let hint = *hints.wait_for(|rev| *rev >= committed.rev).await.unwrap();
    assert_eq!(hint, committed.rev);
}

async fn an_oversized_transaction_is_refused(f: Fixture<impl Store>) {
    let body = Bytes::from(vec![0; 16 * 1024 * 1024 + 1]);

    let error = f
        .store
        .commit(Txn::new().create(function("a"), body))
        .await
        .unwrap_err();

    assert!(matches!(error, CommitError::TooLarge(_)), "{error}");
}

/// Follows the feed by hints and counts what it saw under each revision.
async fn tail(store: impl Store, until: Rev) -> BTreeMap<Rev, Vec<Key>> {
    let mut hints = store.hints();
    let mut seen: BTreeMap<Rev, Vec<Key>> = BTreeMap::new();
    let mut at = Rev::ZERO;
    while at < until {
        hints.wait_for(|head| *head > at).await.unwrap();
        let feed = store.feed(at, 7).await.unwrap();
        for change in feed.changes {
            seen.entry(change.rev).or_default().push(change.key);
        }
        at = feed.upto;
    }
    seen
}

async fn a_tailing_reader_misses_nothing_under_32_writers(f: Fixture<impl Store>) {
    const WRITERS: u64 = 32;
    const EACH: u64 = 25;
    let tailing = tokio::spawn(tail(f.store.clone(), Rev::new(WRITERS * EACH)));

    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let store = f.store.clone();
        writers.spawn(async move {
            let mut acknowledged = Vec::new();
            for n in 0..EACH {
                let id = format!("{writer}/{n}");
                acknowledged.push((create(&store, &id).await.rev, function(&id)));
            }
            acknowledged
        });
    }
    let acknowledged: BTreeMap<Rev, Vec<Key>> = writers
        .join_all()
        .await
        .into_iter()
        .flatten()
        .map(|(rev, key)| (rev, vec![key]))
        .collect();

    assert_eq!(tailing.await.unwrap(), acknowledged);
    assert_eq!(acknowledged.len() as u64, WRITERS * EACH);
}

async fn one_of_many_rivals_wins_a_revision(f: Fixture<impl Store>) {
    let created = create(&f.store, "a").await;

    let mut rivals = tokio::task::JoinSet::new();
    for rival in 0..16 {
        let store = f.store.clone();
        let txn = Txn::new().replace(function("a"), created.rev, format!("{rival}"));
        rivals.spawn(async move { store.commit(txn).await });
    }
    let outcomes = rivals.join_all().await;

    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
}

/// Only a store that trims can lose a follower, so the engines bring the trimming.
pub(crate) async fn a_follower_behind_the_feed_is_told_so<S: Store>(
    f: &Fixture<S>,
    trim: impl AsyncFn(&S),
) {
    create(&f.store, "a").await;
    create(&f.store, "b").await;
    f.clock.advance(Duration::from_secs(25 * 60 * 60));
    trim(&f.store).await;
    create(&f.store, "c").await;

    let gone = f.store.feed(Rev::new(1), 10).await.unwrap_err();
    let from_floor = f.store.feed(Rev::new(2), 10).await.unwrap();

    assert!(
        matches!(gone, FeedError::Gone { floor, .. } if floor == Rev::new(2)),
        "{gone}"
    );
    assert_eq!(from_floor.changes.len(), 1);
}

/// Writes one test for each promise, each on a fresh store.
macro_rules! suite {
    ($engine:ident, $fixture:path, $($promise:ident),+ $(,)?) => {
        mod $engine {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    super::$promise($fixture().await).await;
                }
            )+
        }
    };
}

macro_rules! suites {
    ($($promise:ident),+ $(,)?) => {
        suite!(memory, super::memory_fixture, $($promise),+);
        suite!(sqlite, crate::sqlite::fixture, $($promise),+);
    };
}

async fn memory_fixture() -> Fixture<firelight_store::MemoryStore> {
    let clock = clock();
    Fixture {
        store: firelight_store::MemoryStore::new(clock.clone()),
        clock,
        directory: None,
    }
}

#[tokio::test]
async fn memory_tells_a_follower_behind_the_feed() {
    let fixture = memory_fixture().await;
    a_follower_behind_the_feed_is_told_so(&fixture, async |store| store.trim_feed(Rev::new(2)))
        .await;
}

suites!(
    a_record_is_read_as_it_was_written,
    revisions_count_commits_without_gaps,
    a_write_at_a_stale_revision_changes_nothing,
    a_deleted_record_is_gone_and_may_be_created_again,
    several_records_are_read_in_the_order_asked_for,
    a_listing_is_paged_in_key_order_and_stays_in_its_range,
    a_full_last_page_says_that_it_is_the_last,
    the_feed_tells_whole_commits_in_order,
    a_repeated_commit_takes_effect_once,
    a_refused_commit_may_be_tried_again_under_its_idempotency_key,
    an_expiring_record_is_taken_over_only_after_its_time,
    a_hint_follows_every_commit,
    an_oversized_transaction_is_refused,
    a_tailing_reader_misses_nothing_under_32_writers,
    one_of_many_rivals_wins_a_revision,
);
