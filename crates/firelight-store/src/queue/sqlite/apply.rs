//! The operations of a queue as SQL, inside the database transaction of a batch.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;
use std::time::Duration;

use bytes::Bytes;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

use crate::queue::ClaimError;
use crate::queue::item::{
    Claim, Claimed, Claims, Epoch, ItemId, Lane, NewItem, Receipt, Settled, Settlement, Shards,
    Verdict,
};
use crate::record::{StoreClock, StoreTime};
use crate::sqlite::database::{from_sql, to_sql};

/// A row of `item` as a claim returns it: id, attempt, first_at, notes, body.
type ClaimedRow = (i64, i64, i64, Vec<u8>, Vec<u8>);

/// One batch: the counters as they stand, and what it has touched so far.
pub(super) struct Session<'c> {
    db: &'c mut SqliteConnection,
    now: StoreTime,
    epoch: Epoch,
    last_id: u64,
    turn: u64,
    /// Lanes by name, so that a burst to one function looks it up once.
    lanes: HashMap<String, i64>,
    /// Lanes whose next due time or emptiness may have changed.
    touched: BTreeSet<i64>,
    /// Whether anything was written.
    changed: bool,
}

impl<'c> Session<'c> {
    pub(super) async fn begin(
        db: &'c mut SqliteConnection,
        clock: &StoreClock,
    ) -> sqlx::Result<Self> {
        let (epoch, last_id, turn, now): (i64, i64, i64, i64) =
            sqlx::query_as("SELECT epoch, last_id, turn, now_ms FROM meta")
                .fetch_one(&mut *db)
                .await?;
        Ok(Self {
            db,
            now: StoreTime::from_unix_ms(from_sql(now)).max(clock.now()),
            epoch: Epoch::new(from_sql(epoch)),
            last_id: from_sql(last_id),
            turn: from_sql(turn),
            lanes: HashMap::new(),
            touched: BTreeSet::new(),
            changed: false,
        })
    }

    /// Puts the lanes in order and writes the counters, unless nothing happened: then nothing has to be synced.
    pub(super) async fn end(mut self) -> sqlx::Result<()> {
        self.tidy_lanes().await?;
        if !self.changed {
            return Ok(());
        }
        sqlx::query("UPDATE meta SET epoch = ?1, last_id = ?2, turn = ?3, now_ms = ?4")
            .bind(to_sql(self.epoch.get()))
            .bind(to_sql(self.last_id))
            .bind(to_sql(self.turn))
            .bind(to_sql(self.now.unix_ms()))
            .execute(&mut *self.db)
            .await?;
        Ok(())
    }

    async fn tidy_lanes(&mut self) -> sqlx::Result<()> {
        for lane in std::mem::take(&mut self.touched) {
            self.changed = true;
            sqlx::query("DELETE FROM lane WHERE id = ?1 AND items = 0")
                .bind(lane)
                .execute(&mut *self.db)
                .await?;
            sqlx::query(
                "UPDATE lane SET next_due_ms =
                     (SELECT min(due_ms) FROM item INDEXED BY item_by_due WHERE item.lane = ?1)
                 WHERE id = ?1",
            )
            .bind(lane)
            .execute(&mut *self.db)
            .await?;
        }
        // An emptied lane is gone, and a new one of its name has another id.
        self.lanes.clear();
        Ok(())
    }
}

/// Begins the next epoch: what was held is due at once.
pub(super) async fn begin_epoch(
    db: &mut SqliteConnection,
    clock: &StoreClock,
) -> sqlx::Result<Epoch> {
    let mut db = db.begin_with("BEGIN IMMEDIATE").await?;
    let mut session = Session::begin(&mut db, clock).await?;
    session.epoch = session.epoch.next();
    session.changed = true;
    let epoch = session.epoch;
    let freed: Vec<i64> = sqlx::query_scalar(
        "UPDATE item SET held = 0, due_ms = min(due_ms, ?1) WHERE held = 1 RETURNING lane",
    )
    .bind(to_sql(session.now.unix_ms()))
    .fetch_all(&mut *session.db)
    .await?;
    session.touched.extend(freed);
    session.end().await?;
    db.commit().await?;
    Ok(epoch)
}

pub(super) async fn enqueue(session: &mut Session<'_>, items: Vec<NewItem>) -> sqlx::Result<()> {
    for item in items {
        add(session, item).await?;
    }
    Ok(())
}

async fn add(session: &mut Session<'_>, item: NewItem) -> sqlx::Result<()> {
    session.last_id += 1;
    session.changed = true;
    let id = to_sql(session.last_id);
    let due = to_sql(session.now.plus(item.delay).unix_ms());
    let lane = lane_with_one_more(session, item.lane, due).await?;
    sqlx::query(
        "INSERT INTO item (id, lane, due_ms, held, attempt, first_at_ms, notes)
         VALUES (?1, ?2, ?3, 0, 0, ?4, ?5)",
    )
    .bind(id)
    .bind(lane)
    .bind(due)
    .bind(to_sql(session.now.unix_ms()))
    .bind(&item.notes[..])
    .execute(&mut *session.db)
    .await?;
    sqlx::query("INSERT INTO body (item, content) VALUES (?1, ?2)")
        .bind(id)
        .bind(&item.body[..])
        .execute(&mut *session.db)
        .await?;
    Ok(())
}

/// Finds or makes the lane and counts the item that is about to join it.
async fn lane_with_one_more(session: &mut Session<'_>, lane: Lane, due: i64) -> sqlx::Result<i64> {
    if let Some(&id) = session.lanes.get(&lane.name) {
        sqlx::query(
            "UPDATE lane SET items = items + 1, next_due_ms = min(next_due_ms, ?2) WHERE id = ?1",
        )
        .bind(id)
        .bind(due)
        .execute(&mut *session.db)
        .await?;
        return Ok(id);
    }
    let id = sqlx::query_scalar(
        "INSERT INTO lane (name, shard, items, turn, next_due_ms) VALUES (?1, ?2, 1, ?3, ?4)
         ON CONFLICT (name) DO UPDATE SET
             items = items + 1, next_due_ms = min(next_due_ms, excluded.next_due_ms)
         RETURNING id",
    )
    .bind(&lane.name)
    .bind(i64::from(lane.shard.index()))
    .bind(to_sql(session.turn))
    .bind(due)
    .fetch_one(&mut *session.db)
    .await?;
    session.lanes.insert(lane.name, id);
    Ok(id)
}

pub(super) async fn claim(
    session: &mut Session<'_>,
    claim: &Claim,
) -> sqlx::Result<Result<Claims, ClaimError>> {
    if claim.epoch < session.epoch {
        return Ok(Err(ClaimError::Fenced {
            claimed: claim.epoch,
            current: session.epoch,
        }));
    }
    // A later claim of the batch must see what an earlier operation did to the lanes.
    session.tidy_lanes().await?;
    let mut claims = Claims::default();
    loop {
        let before = claims.items.len();
        take_round(session, claim, &mut claims.items).await?;
        if claims.items.len() == before || claims.items.len() >= claim.items as usize {
            break;
        }
    }
    session.tidy_lanes().await?;
    claims.next_due_in = next_due_in(session).await?;
    Ok(Ok(claims))
}

/// Gives each lane that has something due its share of what is still to be claimed.
async fn take_round(
    session: &mut Session<'_>,
    claim: &Claim,
    items: &mut Vec<Claimed>,
) -> sqlx::Result<()> {
    let missing = (claim.items as usize).saturating_sub(items.len()) as u64;
    let lanes = due_lanes(session, claim, missing).await?;
    let share = missing / (lanes.len() as u64).max(1);
    for (lane, name, held) in lanes {
        let room = u64::from(claim.per_lane).saturating_sub(from_sql(held));
        let taken = take(session, lane, &name, share.min(room), claim.hold).await?;
        items.extend(taken);
    }
    // The next round looks at the lanes as this one left them.
    session.tidy_lanes().await
}

/// Lanes with due items and room for more held ones, those first that wait longest for their turn.
async fn due_lanes(
    session: &mut Session<'_>,
    claim: &Claim,
    limit: u64,
) -> sqlx::Result<Vec<(i64, String, i64)>> {
    sqlx::query_as(
        "SELECT id, name, held FROM (
             SELECT id, name, turn,
                 (SELECT count(*) FROM item INDEXED BY item_held
                  WHERE item.lane = lane.id AND held = 1 AND due_ms > ?1) AS held
             FROM lane
             WHERE next_due_ms <= ?1
                 AND (?2 IS NULL OR shard IN (SELECT value FROM json_each(?2))))
         WHERE held < ?3 ORDER BY turn, id LIMIT ?4",
    )
    .bind(to_sql(session.now.unix_ms()))
    .bind(shard_list(&claim.shards))
    .bind(i64::from(claim.per_lane))
    .bind(to_sql(limit))
    .fetch_all(&mut *session.db)
    .await
}

/// The shards as a JSON array; `None` for all.
fn shard_list(shards: &Shards) -> Option<String> {
    let Shards::Only(shards) = shards else {
        return None;
    };
    let mut list = String::from("[");
    for (position, shard) in shards.iter().enumerate() {
        let comma = if position == 0 { "" } else { "," };
        write!(list, "{comma}{}", shard.index()).expect("a string takes any text");
    }
    list.push(']');
    Some(list)
}

async fn take(
    session: &mut Session<'_>,
    lane: i64,
    name: &str,
    items: u64,
    hold: Duration,
) -> sqlx::Result<Vec<Claimed>> {
    let rows: Vec<ClaimedRow> = sqlx::query_as(
        "UPDATE item SET held = 1, attempt = attempt + 1, due_ms = ?1
         WHERE id IN (
             SELECT id FROM item INDEXED BY item_by_due
             WHERE lane = ?2 AND due_ms <= ?3 ORDER BY due_ms, id LIMIT ?4)
         RETURNING id, attempt, first_at_ms, notes, (SELECT content FROM body WHERE body.item = id)",
    )
    .bind(to_sql(session.now.plus(hold).unix_ms()))
    .bind(lane)
    .bind(to_sql(session.now.unix_ms()))
    .bind(to_sql(items))
    .fetch_all(&mut *session.db)
    .await?;
    session.turn += 1;
    sqlx::query("UPDATE lane SET turn = ?2 WHERE id = ?1")
        .bind(lane)
        .bind(to_sql(session.turn))
        .execute(&mut *session.db)
        .await?;
    session.touched.insert(lane);
    let now = session.now;
    Ok(rows
        .into_iter()
        .map(|row| claimed(row, name, now))
        .collect())
}

fn claimed(
    (id, attempt, first_at, notes, body): ClaimedRow,
    lane: &str,
    now: StoreTime,
) -> Claimed {
    let id = ItemId(from_sql(id));
    let attempt = u32::try_from(attempt).unwrap_or(u32::MAX);
    Claimed {
        id,
        receipt: Receipt { id, attempt },
        lane: lane.to_owned(),
        attempt,
        first_at: StoreTime::from_unix_ms(from_sql(first_at)),
        now,
        notes: Bytes::from(notes),
        body: Bytes::from(body),
    }
}

async fn next_due_in(session: &mut Session<'_>) -> sqlx::Result<Option<Duration>> {
    let next: Option<i64> =
        sqlx::query_scalar("SELECT min(next_due_ms) FROM lane WHERE next_due_ms > ?1")
            .bind(to_sql(session.now.unix_ms()))
            .fetch_one(&mut *session.db)
            .await?;
    Ok(next.map(|due| StoreTime::from_unix_ms(from_sql(due)).since(session.now)))
}

pub(super) async fn settle(
    session: &mut Session<'_>,
    settlements: Vec<Settlement>,
) -> sqlx::Result<Vec<Settled>> {
    let mut settled = Vec::with_capacity(settlements.len());
    for Settlement { receipt, verdict } in settlements {
        settled.push(match verdict {
            Verdict::Finished { then } => finish(session, receipt, then).await?,
            Verdict::RetryAfter { delay, notes } => {
                let due = session.now.plus(delay);
                release(session, receipt, due, &notes).await?
            }
        });
    }
    Ok(settled)
}

async fn finish(
    session: &mut Session<'_>,
    receipt: Receipt,
    then: Vec<NewItem>,
) -> sqlx::Result<Settled> {
    let lane: Option<i64> = sqlx::query_scalar(
        "DELETE FROM item WHERE id = ?1 AND attempt = ?2 AND held = 1 RETURNING lane",
    )
    .bind(to_sql(receipt.id.0))
    .bind(i64::from(receipt.attempt))
    .fetch_optional(&mut *session.db)
    .await?;
    let Some(lane) = lane else {
        return Ok(Settled::Stale);
    };
    sqlx::query("DELETE FROM body WHERE item = ?1")
        .bind(to_sql(receipt.id.0))
        .execute(&mut *session.db)
        .await?;
    sqlx::query("UPDATE lane SET items = items - 1 WHERE id = ?1")
        .bind(lane)
        .execute(&mut *session.db)
        .await?;
    session.touched.insert(lane);
    enqueue(session, then).await?;
    Ok(Settled::Applied)
}

async fn release(
    session: &mut Session<'_>,
    receipt: Receipt,
    due: StoreTime,
    notes: &Bytes,
) -> sqlx::Result<Settled> {
    let lane: Option<i64> = sqlx::query_scalar(
        "UPDATE item SET held = 0, due_ms = ?3, notes = ?4
         WHERE id = ?1 AND attempt = ?2 AND held = 1 RETURNING lane",
    )
    .bind(to_sql(receipt.id.0))
    .bind(i64::from(receipt.attempt))
    .bind(to_sql(due.unix_ms()))
    .bind(&notes[..])
    .fetch_optional(&mut *session.db)
    .await?;
    Ok(touched(session, lane))
}

pub(super) async fn extend(
    session: &mut Session<'_>,
    receipts: &[Receipt],
    hold: Duration,
) -> sqlx::Result<Vec<Settled>> {
    let until = to_sql(session.now.plus(hold).unix_ms());
    let mut extended = Vec::with_capacity(receipts.len());
    for receipt in receipts {
        let lane: Option<i64> = sqlx::query_scalar(
            "UPDATE item SET due_ms = ?3 WHERE id = ?1 AND attempt = ?2 AND held = 1 RETURNING lane",
        )
        .bind(to_sql(receipt.id.0))
        .bind(i64::from(receipt.attempt))
        .bind(until)
        .fetch_optional(&mut *session.db)
        .await?;
        extended.push(touched(session, lane));
    }
    Ok(extended)
}

fn touched(session: &mut Session<'_>, lane: Option<i64>) -> Settled {
    let Some(lane) = lane else {
        return Settled::Stale;
    };
    session.touched.insert(lane);
    Settled::Applied
}
