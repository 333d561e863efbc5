//! What every queue promises, and what only the embedded one does.

use std::time::Duration;

use bytes::Bytes;
use firelight_model::shard;
use firelight_store::{
    Claim, ClaimError, Claimed, Claims, Epoch, Lane, MemoryQueue, NewItem, Queue, Receipt, Settled,
    Settlement, Shards, SqliteQueue, StoreClock, Verdict,
};

use crate::every_store::clock;

const HOLD: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

/// A fresh queue, whose clock the test moves.
struct Fixture<Q> {
    queue: Q,
    epoch: Epoch,
    clock: StoreClock,
    _directory: Option<tempfile::TempDir>,
}

async fn memory() -> Fixture<MemoryQueue> {
    let clock = clock();
    let queue = MemoryQueue::new(clock.clone());
    Fixture {
        epoch: queue.epoch(),
        queue,
        clock,
        _directory: None,
    }
}

async fn sqlite() -> Fixture<SqliteQueue> {
    let directory = tempfile::tempdir().unwrap();
    let clock = clock();
    let file = directory.path().join("queue.sqlite3");
    let queue = SqliteQueue::open(&file, clock.clone()).await.unwrap();
    Fixture {
        epoch: queue.epoch(),
        queue,
        clock,
        _directory: Some(directory),
    }
}

fn lane(function: &str) -> Lane {
    let account = "000000000000".parse().unwrap();
    Lane {
        shard: shard(account, &function.parse().unwrap()),
        name: format!("{account}/{function}"),
    }
}

fn item(function: &str, body: impl Into<Bytes>) -> NewItem {
    NewItem {
        lane: lane(function),
        delay: Duration::ZERO,
        notes: Bytes::new(),
        body: body.into(),
    }
}

fn later(function: &str, body: &'static str, delay: Duration) -> NewItem {
    NewItem {
        delay,
        ..item(function, body)
    }
}

impl<Q: Queue> Fixture<Q> {
    async fn add(&self, items: Vec<NewItem>) {
        self.queue.enqueue(items).await.unwrap();
    }

    async fn claim(&self, items: u32) -> Claims {
        let claim = Claim {
            shards: Shards::All,
            epoch: self.epoch,
            items,
            per_lane: u32::MAX,
            hold: HOLD,
        };
        self.queue.claim(claim).await.unwrap()
    }

    async fn settle(&self, receipt: Receipt, verdict: Verdict) -> Settled {
        let settlement = Settlement { receipt, verdict };
        self.queue.settle(vec![settlement]).await.unwrap()[0]
    }

    async fn finish(&self, receipt: Receipt) -> Settled {
        self.settle(receipt, Verdict::Finished { then: vec![] })
            .await
    }
}

fn bodies(claims: &Claims) -> Vec<&[u8]> {
    claims.items.iter().map(|item| &item.body[..]).collect()
}

fn of_lane<'a>(claims: &'a Claims, function: &str) -> Vec<&'a Claimed> {
    let name = lane(function).name;
    let items = claims.items.iter();
    items.filter(|item| item.lane == name).collect()
}

async fn an_item_is_claimed_as_it_was_enqueued(f: Fixture<impl Queue>) {
    let body = Bytes::from(vec![0xff; 1 << 20]);
    let new = NewItem {
        notes: Bytes::from_static(b"\x00notes"),
        ..item("a", body.clone())
    };

    f.add(vec![new]).await;
    f.clock.advance(SECOND);
    let claims = f.claim(10).await;

    let [claimed] = &claims.items[..] else {
        panic!("{} items", claims.items.len());
    };
    assert_eq!(claimed.body, body);
    assert_eq!(&claimed.notes[..], b"\x00notes");
    assert_eq!(claimed.attempt, 1);
    assert_eq!(claimed.age(), SECOND);
}

async fn a_held_item_is_hidden_until_its_hold_runs_out(f: Fixture<impl Queue>) {
    f.add(vec![item("a", "x")]).await;
    let first = f.claim(1).await;

    f.clock.advance(HOLD - SECOND);
    let hidden = f.claim(1).await;
    f.clock.advance(SECOND);
    let again = f.claim(1).await;

    assert!(hidden.items.is_empty());
    assert_eq!(hidden.next_due_in, Some(SECOND));
    assert_eq!(again.items[0].id, first.items[0].id);
    assert_eq!(again.items[0].attempt, 2);
    assert_eq!(
        f.finish(first.items[0].receipt).await,
        Settled::Stale,
        "the first claim is over"
    );
    assert_eq!(f.finish(again.items[0].receipt).await, Settled::Applied);
}

async fn a_hold_can_be_extended_while_it_is_good(f: Fixture<impl Queue>) {
    f.add(vec![item("a", "x")]).await;
    let receipt = f.claim(1).await.items[0].receipt;

    f.clock.advance(HOLD - SECOND);
    let extended = f.queue.extend(vec![receipt], HOLD).await.unwrap();
    f.clock.advance(HOLD - SECOND);
    let hidden = f.claim(1).await;
    f.finish(receipt).await;
    let gone = f.queue.extend(vec![receipt], HOLD).await.unwrap();

    assert_eq!(extended, [Settled::Applied]);
    assert!(hidden.items.is_empty());
    assert_eq!(gone, [Settled::Stale]);
}

async fn a_retry_is_due_after_its_delay_with_its_new_notes(f: Fixture<impl Queue>) {
    f.add(vec![item("a", "x")]).await;
    let receipt = f.claim(1).await.items[0].receipt;
    let verdict = Verdict::RetryAfter {
        delay: SECOND,
        notes: "tried once".into(),
    };

    let settled = f.settle(receipt, verdict.clone()).await;
    let early = f.claim(1).await;
    f.clock.advance(SECOND);
    let due = f.claim(1).await;

    assert_eq!(settled, Settled::Applied);
    assert!(early.items.is_empty());
    assert_eq!(early.next_due_in, Some(SECOND));
    assert_eq!(due.items[0].notes, "tried once");
    assert_eq!(bodies(&due), [b"x"]);
    assert_eq!(f.settle(receipt, verdict).await, Settled::Stale);
}

async fn what_follows_is_enqueued_if_and_only_if_the_item_is_finished(f: Fixture<impl Queue>) {
    f.add(vec![item("a", "event")]).await;
    let receipt = f.claim(1).await.items[0].receipt;
    let verdict = Verdict::Finished {
        then: vec![item("b", "record")],
    };

    let first = f.settle(receipt, verdict.clone()).await;
    let repeated = f.settle(receipt, verdict).await;

    assert_eq!((first, repeated), (Settled::Applied, Settled::Stale));
    assert_eq!(bodies(&f.claim(10).await), [b"record"]);
}

async fn a_flood_in_one_lane_does_not_delay_the_others(f: Fixture<impl Queue>) {
    let flood = (0..500).map(|_| item("flood", "x")).collect();
    f.add(flood).await;
    f.add(vec![item("a", "x"), item("b", "x"), item("b", "x")])
        .await;

    let claims = f.claim(10).await;

    assert_eq!(claims.items.len(), 10);
    assert_eq!(of_lane(&claims, "a").len(), 1);
    assert_eq!(of_lane(&claims, "b").len(), 2);
}

async fn small_claims_visit_the_lanes_in_turn(f: Fixture<impl Queue>) {
    for function in ["a", "b", "c"] {
        f.add((0..10).map(|_| item(function, "x")).collect()).await;
    }

    let mut lanes = Vec::new();
    for _ in 0..9 {
        lanes.push(f.claim(1).await.items.remove(0).lane);
    }

    for round in lanes.chunks(3) {
        let mut round = round.to_vec();
        round.sort();
        assert_eq!(round, ["a", "b", "c"].map(|function| lane(function).name));
    }
}

async fn a_lane_comes_in_the_order_of_its_due_times(f: Fixture<impl Queue>) {
    f.add(vec![
        later("a", "third", 3 * SECOND),
        later("a", "first", SECOND),
        later("a", "second", 2 * SECOND),
    ])
    .await;
    f.clock.advance(3 * SECOND);

    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.extend(f.claim(1).await.items);
    }

    let seen: Vec<_> = seen.iter().map(|item| &item.body[..]).collect();
    assert_eq!(seen, [&b"first"[..], b"second", b"third"]);
}

async fn no_lane_has_more_held_items_than_allowed(f: Fixture<impl Queue>) {
    f.add((0..10).map(|_| item("a", "x")).collect()).await;
    let claim = Claim {
        shards: Shards::All,
        epoch: f.epoch,
        items: 100,
        per_lane: 3,
        hold: HOLD,
    };

    let first = f.queue.claim(claim.clone()).await.unwrap();
    let full = f.queue.claim(claim.clone()).await.unwrap();
    f.finish(first.items[0].receipt).await;
    let one = f.queue.claim(claim.clone()).await.unwrap();
    f.clock.advance(HOLD);
    let after_holds = f.queue.claim(claim).await.unwrap();

    let taken = [&first, &full, &one, &after_holds].map(|claims| claims.items.len());
    assert_eq!(taken, [3, 0, 1, 3]);
}

async fn a_claim_of_some_shards_leaves_the_others(f: Fixture<impl Queue>) {
    f.add(vec![item("a", "mine"), item("b", "theirs")]).await;
    let claim = Claim {
        shards: Shards::Only([lane("a").shard].into()),
        epoch: f.epoch,
        items: 10,
        per_lane: 10,
        hold: HOLD,
    };

    let claims = f.queue.claim(claim).await.unwrap();

    assert_eq!(bodies(&claims), [b"mine"]);
}

async fn depths_tell_items_and_the_oldest_age_of_each_lane(f: Fixture<impl Queue>) {
    f.add(vec![item("a", "x")]).await;
    f.clock.advance(SECOND);
    f.add(vec![item("a", "y"), item("b", "z")]).await;
    f.clock.advance(SECOND);
    let claims = f.claim(10).await;

    let before = f.queue.depths().await.unwrap();
    f.finish(of_lane(&claims, "b")[0].receipt).await;
    f.finish(of_lane(&claims, "a")[0].receipt).await;
    let after = f.queue.depths().await.unwrap();

    let told: Vec<_> = before.iter().map(|d| (d.items, d.oldest)).collect();
    assert_eq!(told, [(2, 2 * SECOND), (1, SECOND)]);
    let told: Vec<_> = after.iter().map(|d| (&d.lane, d.items, d.oldest)).collect();
    assert_eq!(told, [(&lane("a").name, 1, SECOND)]);
}

async fn a_hint_follows_every_addition(f: Fixture<impl Queue>) {
    let mut hints = f.queue.hints();

    f.add(vec![item("a", "x")]).await;

    hints.changed().await.unwrap();
}

async fn rivals_never_hold_the_same_item(f: Fixture<impl Queue>) {
    f.add((0..100).map(|_| item("a", "x")).collect()).await;

    let claims = tokio::join!(f.claim(40), f.claim(40), f.claim(40));

    let claims = [claims.0, claims.1, claims.2];
    let mut ids: Vec<_> = claims.iter().flat_map(|c| &c.items).map(|i| i.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 100);
}

macro_rules! suite {
    ($engine:ident, $($promise:ident),+ $(,)?) => {
        mod $engine {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    super::$promise(super::$engine().await).await;
                }
            )+
        }
    };
}

macro_rules! suites {
    ($($promise:ident),+ $(,)?) => {
        suite!(memory, $($promise),+);
        suite!(sqlite, $($promise),+);
    };
}

suites!(
    an_item_is_claimed_as_it_was_enqueued,
    a_held_item_is_hidden_until_its_hold_runs_out,
    a_hold_can_be_extended_while_it_is_good,
    a_retry_is_due_after_its_delay_with_its_new_notes,
    what_follows_is_enqueued_if_and_only_if_the_item_is_finished,
    a_flood_in_one_lane_does_not_delay_the_others,
    small_claims_visit_the_lanes_in_turn,
    a_lane_comes_in_the_order_of_its_due_times,
    no_lane_has_more_held_items_than_allowed,
    a_claim_of_some_shards_leaves_the_others,
    depths_tell_items_and_the_oldest_age_of_each_lane,
    a_hint_follows_every_addition,
    rivals_never_hold_the_same_item,
);

#[tokio::test]
async fn a_new_epoch_in_memory_frees_what_was_held_and_shuts_out_the_old_one() {
    let f = memory().await;
    f.add(vec![item("a", "x")]).await;
    f.claim(1).await;

    let epoch = f.queue.begin_epoch();

    let claim = |epoch| Claim {
        shards: Shards::All,
        epoch,
        items: 1,
        per_lane: 1,
        hold: HOLD,
    };
    let old = f.queue.claim(claim(f.epoch)).await.unwrap_err();
    assert!(matches!(old, ClaimError::Fenced { current, .. } if current == epoch));
    let new = f.queue.claim(claim(epoch)).await.unwrap();
    assert_eq!(new.items[0].attempt, 2);
}

#[tokio::test]
async fn a_reopened_queue_frees_what_was_held_in_an_epoch_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("queue.sqlite3");
    let before = SqliteQueue::open(&file, clock()).await.unwrap();
    let mut f = Fixture {
        epoch: before.epoch(),
        queue: before,
        clock: clock(),
        _directory: None,
    };
    f.add(vec![item("a", "x"), later("a", "y", SECOND)]).await;
    let held = f.claim(1).await.items.remove(0);
    f.queue.close().await;

    f.queue = SqliteQueue::open(&file, clock()).await.unwrap();

    assert!(f.queue.epoch() > f.epoch);
    f.epoch = f.queue.epoch();
    assert_eq!(f.finish(held.receipt).await, Settled::Stale);
    let again = f.claim(10).await;
    assert_eq!(bodies(&again), [b"x"]);
    assert_eq!(again.items[0].attempt, 2);
}

#[tokio::test]
async fn operations_that_wait_share_a_sync_and_each_gets_its_own_answer() {
    let f = sqlite().await;
    f.add(vec![item("a", "x")]).await;
    let receipt = f.claim(1).await.items[0].receipt;

    let (first, second, claims) = tokio::join!(f.finish(receipt), f.finish(receipt), f.claim(1));

    assert_eq!((first, second), (Settled::Applied, Settled::Stale));
    assert!(claims.items.is_empty());
}

#[tokio::test]
async fn a_closed_queue_refuses_and_says_why() {
    let f = sqlite().await;
    f.queue.close().await;

    let error = f.queue.enqueue(vec![item("a", "x")]).await.unwrap_err();

    let cause = std::error::Error::source(&error).unwrap();
    assert_eq!(cause.to_string(), "the queue is closed");
}
