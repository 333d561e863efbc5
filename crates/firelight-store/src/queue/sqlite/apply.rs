//! The operations of a queue as SQL, inside the database transaction of a batch.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::time::Duration;

use bytes::Bytes;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};

use crate::queue::ClaimError;
use crate::queue::item::{
    Claim, Claimed, Claims, Epoch, ItemId, Lane, NewItem, Receipt, Settled, Settlement, Shards,
    Verdict,
};
use crate::record::{StoreClock, StoreTime};
use crate::sqlite::database::{from_sql, to_sql};
use crate::sqlite::writing::WritingConnection;

/// One batch: the counters as they stand, and what it has touched so far.
pub(super) struct Session<'c> {
    db: &'c Connection,
    now: StoreTime,
    epoch: Epoch,
    last_id: u64,
    turn: u64,
    /// Lanes by name, so that a burst to one function looks it up once.
    lanes: HashMap<String, i64>,
    /// Lanes whose next due time may have changed, and by how much the number of their items did.
    touched: BTreeMap<i64, i64>,
    /// Whether anything was written.
    changed: bool,
}

impl<'c> Session<'c> {
    pub(super) fn begin(db: &'c Connection, clock: &StoreClock) -> rusqlite::Result<Self> {
        let mut statement = db.prepare_cached("SELECT epoch, last_id, turn, now_ms FROM meta")?;
        statement.query_row([], |row| {
            Ok(Self {
                db,
                now: StoreTime::from_unix_ms(from_sql(row.get(3)?)).max(clock.now()),
                epoch: Epoch::new(from_sql(row.get(0)?)),
                last_id: from_sql(row.get(1)?),
                turn: from_sql(row.get(2)?),
                lanes: HashMap::new(),
                touched: BTreeMap::new(),
                changed: false,
            })
        })
    }

    /// Puts the lanes in order and writes the counters, unless nothing happened: then nothing has to be synced.
    pub(super) fn end(mut self) -> rusqlite::Result<()> {
        self.tidy_lanes()?;
        if !self.changed {
            return Ok(());
        }
        self.prepare("UPDATE meta SET epoch = ?1, last_id = ?2, turn = ?3, now_ms = ?4")?
            .execute([
                to_sql(self.epoch.get()),
                to_sql(self.last_id),
                to_sql(self.turn),
                to_sql(self.now.unix_ms()),
            ])?;
        Ok(())
    }

    fn prepare(&self, sql: &str) -> rusqlite::Result<CachedStatement<'c>> {
        self.db.prepare_cached(sql)
    }

    fn touch(&mut self, lane: i64, more_items: i64) {
        *self.touched.entry(lane).or_default() += more_items;
    }

    fn tidy_lanes(&mut self) -> rusqlite::Result<()> {
        for (lane, more_items) in std::mem::take(&mut self.touched) {
            self.changed = true;
            let items: i64 = self
                .prepare(
                    "UPDATE lane SET items = items + ?2, next_due_ms = coalesce(
                         (SELECT min(due_ms) FROM item INDEXED BY item_by_due WHERE item.lane = ?1),
                         next_due_ms)
                     WHERE id = ?1 RETURNING items",
                )?
                .query_row([lane, more_items], |row| row.get(0))?;
            if items == 0 {
                self.prepare("DELETE FROM lane WHERE id = ?1")?
                    .execute([lane])?;
            }
        }
        // An emptied lane is gone, and a new one of its name has another id.
        self.lanes.clear();
        Ok(())
    }
}

/// Begins the next epoch: what was held is due at once.
pub(super) fn begin_epoch(
    db: &mut WritingConnection,
    clock: &StoreClock,
) -> rusqlite::Result<Epoch> {
    let db = db.begin()?;
    let mut session = Session::begin(&db, clock)?;
    session.epoch = session.epoch.next();
    session.changed = true;
    let epoch = session.epoch;
    let freed: Vec<i64> = session
        .prepare(
            "UPDATE item SET held = 0, due_ms = min(due_ms, ?1) WHERE held = 1 RETURNING lane",
        )?
        .query_map([to_sql(session.now.unix_ms())], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for lane in freed {
        session.touch(lane, 0);
    }
    session.end()?;
    db.commit()?;
    Ok(epoch)
}

pub(super) fn enqueue(session: &mut Session<'_>, items: Vec<NewItem>) -> rusqlite::Result<()> {
    for item in items {
        add(session, item)?;
    }
    Ok(())
}

fn add(session: &mut Session<'_>, item: NewItem) -> rusqlite::Result<()> {
    session.last_id += 1;
    let id = to_sql(session.last_id);
    let now = to_sql(session.now.unix_ms());
    let due = to_sql(session.now.plus(item.delay).unix_ms());
    let lane = lane(session, item.lane, due)?;
    session.touch(lane, 1);
    session
        .prepare(
            "INSERT INTO item (id, lane, due_ms, held, attempt, first_at_ms, notes)
             VALUES (?1, ?2, ?3, 0, 0, ?4, ?5)",
        )?
        .execute(params![id, lane, due, now, &item.notes[..]])?;
    session
        .prepare("INSERT INTO body (item, content) VALUES (?1, ?2)")?
        .execute(params![id, &item.body[..]])?;
    Ok(())
}

/// Finds or makes the lane that an item is about to join.
fn lane(session: &mut Session<'_>, lane: Lane, due: i64) -> rusqlite::Result<i64> {
    if let Some(&id) = session.lanes.get(&lane.name) {
        return Ok(id);
    }
    let shard = i64::from(lane.shard.index());
    let id = session
        .prepare(
            "INSERT INTO lane (name, shard, items, turn, next_due_ms) VALUES (?1, ?2, 0, ?3, ?4)
             ON CONFLICT (name) DO UPDATE SET shard = excluded.shard RETURNING id",
        )?
        .query_row(
            params![lane.name, shard, to_sql(session.turn), due],
            |row| row.get(0),
        )?;
    session.lanes.insert(lane.name, id);
    Ok(id)
}

pub(super) fn claim(
    session: &mut Session<'_>,
    claim: &Claim,
) -> rusqlite::Result<Result<Claims, ClaimError>> {
    if claim.epoch < session.epoch {
        return Ok(Err(ClaimError::Fenced {
            claimed: claim.epoch,
            current: session.epoch,
        }));
    }
    // A later claim of the batch must see what an earlier operation did to the lanes.
    session.tidy_lanes()?;
    let mut claims = Claims::default();
    loop {
        let before = claims.items.len();
        take_round(session, claim, &mut claims.items)?;
        if claims.items.len() == before || claims.items.len() >= claim.items as usize {
            break;
        }
    }
    claims.next_due_in = next_due_in(session)?;
    Ok(Ok(claims))
}

/// Gives each lane that has something due its share of what is still to be claimed.
fn take_round(
    session: &mut Session<'_>,
    claim: &Claim,
    items: &mut Vec<Claimed>,
) -> rusqlite::Result<()> {
    let missing = (claim.items as usize).saturating_sub(items.len()) as u64;
    let lanes = due_lanes(session, claim, missing)?;
    let share = missing / (lanes.len() as u64).max(1);
    for lane in lanes {
        let room = u64::from(claim.per_lane).saturating_sub(lane.held);
        items.extend(take(session, &lane, share.min(room), claim.hold)?);
    }
    // The next round looks at the lanes as this one left them.
    session.tidy_lanes()
}

/// A lane with something due.
struct DueLane {
    id: i64,
    name: String,
    held: u64,
}

/// Lanes with due items and room for more held ones, those first that wait longest for their turn.
fn due_lanes(session: &Session<'_>, claim: &Claim, limit: u64) -> rusqlite::Result<Vec<DueLane>> {
    let mut statement = session.prepare(
        "SELECT id, name, held FROM (
             SELECT id, name, turn,
                 (SELECT count(*) FROM item INDEXED BY item_held
                  WHERE item.lane = lane.id AND held = 1 AND due_ms > ?1) AS held
             FROM lane
             WHERE next_due_ms <= ?1
                 AND (?2 IS NULL OR shard IN (SELECT value FROM json_each(?2))))
         WHERE held < ?3 ORDER BY turn, id LIMIT ?4",
    )?;
    let now = to_sql(session.now.unix_ms());
    let shards = shard_list(&claim.shards);
    let lanes =
        statement.query_map(params![now, shards, claim.per_lane, to_sql(limit)], |row| {
            Ok(DueLane {
                id: row.get(0)?,
                name: row.get(1)?,
                held: from_sql(row.get(2)?),
            })
        })?;
    lanes.collect()
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

fn take(
    session: &mut Session<'_>,
    lane: &DueLane,
    items: u64,
    hold: Duration,
) -> rusqlite::Result<Vec<Claimed>> {
    let mut statement = session.prepare(
        "UPDATE item SET held = 1, attempt = attempt + 1, due_ms = ?1
         WHERE id IN (
             SELECT id FROM item INDEXED BY item_by_due
             WHERE lane = ?2 AND due_ms <= ?3 ORDER BY due_ms, id LIMIT ?4)
         RETURNING id, attempt, first_at_ms, notes, (SELECT content FROM body WHERE body.item = id)",
    )?;
    let now = session.now;
    let until = to_sql(now.plus(hold).unix_ms());
    let taken = statement
        .query_map(
            [until, lane.id, to_sql(now.unix_ms()), to_sql(items)],
            |row| claimed(row, &lane.name, now),
        )?
        .collect();
    session.turn += 1;
    session
        .prepare("UPDATE lane SET turn = ?2 WHERE id = ?1")?
        .execute([lane.id, to_sql(session.turn)])?;
    session.touch(lane.id, 0);
    taken
}

fn claimed(row: &Row<'_>, lane: &str, now: StoreTime) -> rusqlite::Result<Claimed> {
    let id = ItemId(from_sql(row.get(0)?));
    let attempt = row.get(1)?;
    let (notes, body): (Vec<u8>, Vec<u8>) = (row.get(3)?, row.get(4)?);
    Ok(Claimed {
        id,
        receipt: Receipt { id, attempt },
        lane: lane.to_owned(),
        attempt,
        first_at: StoreTime::from_unix_ms(from_sql(row.get(2)?)),
        now,
        notes: Bytes::from(notes),
        body: Bytes::from(body),
    })
}

fn next_due_in(session: &Session<'_>) -> rusqlite::Result<Option<Duration>> {
    let next: Option<i64> = session
        .prepare("SELECT min(next_due_ms) FROM lane WHERE next_due_ms > ?1")?
        .query_row([to_sql(session.now.unix_ms())], |row| row.get(0))?;
    Ok(next.map(|due| StoreTime::from_unix_ms(from_sql(due)).since(session.now)))
}

pub(super) fn settle(
    session: &mut Session<'_>,
    settlements: Vec<Settlement>,
) -> rusqlite::Result<Vec<Settled>> {
    let settle = |Settlement { receipt, verdict }| match verdict {
        Verdict::Finished { then } => finish(session, receipt, then),
        Verdict::RetryAfter { delay, notes } => {
            let due = session.now.plus(delay);
            release(session, receipt, due, &notes)
        }
    };
    settlements.into_iter().map(settle).collect()
}

fn finish(
    session: &mut Session<'_>,
    receipt: Receipt,
    then: Vec<NewItem>,
) -> rusqlite::Result<Settled> {
    let (id, attempt) = key(receipt);
    let lane: Option<i64> = session
        .prepare("DELETE FROM item WHERE id = ?1 AND attempt = ?2 AND held = 1 RETURNING lane")?
        .query_row([id, attempt], |row| row.get(0))
        .optional()?;
    let Some(lane) = lane else {
        return Ok(Settled::Stale);
    };
    session
        .prepare("DELETE FROM body WHERE item = ?1")?
        .execute([id])?;
    session.touch(lane, -1);
    enqueue(session, then)?;
    Ok(Settled::Applied)
}

fn release(
    session: &mut Session<'_>,
    receipt: Receipt,
    due: StoreTime,
    notes: &Bytes,
) -> rusqlite::Result<Settled> {
    let (id, attempt) = key(receipt);
    let lane = session
        .prepare(
            "UPDATE item SET held = 0, due_ms = ?3, notes = ?4
             WHERE id = ?1 AND attempt = ?2 AND held = 1 RETURNING lane",
        )?
        .query_row(
            params![id, attempt, to_sql(due.unix_ms()), &notes[..]],
            |row| row.get(0),
        )
        .optional()?;
    Ok(touched(session, lane))
}

pub(super) fn extend(
    session: &mut Session<'_>,
    receipts: &[Receipt],
    hold: Duration,
) -> rusqlite::Result<Vec<Settled>> {
    let until = to_sql(session.now.plus(hold).unix_ms());
    let extend = |receipt: &Receipt| {
        let (id, attempt) = key(*receipt);
        let lane = session
            .prepare(
                "UPDATE item SET due_ms = ?3
                 WHERE id = ?1 AND attempt = ?2 AND held = 1 RETURNING lane",
            )?
            .query_row([id, attempt, until], |row| row.get(0))
            .optional()?;
        Ok(touched(session, lane))
    };
    receipts.iter().map(extend).collect()
}

fn key(receipt: Receipt) -> (i64, i64) {
    (to_sql(receipt.id.0), i64::from(receipt.attempt))
}

fn touched(session: &mut Session<'_>, lane: Option<i64>) -> Settled {
    let Some(lane) = lane else {
        return Settled::Stale;
    };
    session.touch(lane, 0);
    Settled::Applied
}
