//! A queue in memory, for tests and the simulator. It keeps every promise but durability.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

use super::item::{
    Claim, Claimed, Claims, Depth, Epoch, ItemId, Lane, NewItem, Receipt, Settled, Settlement,
    Shards, Verdict,
};
use super::{ClaimError, EnqueueError, Queue, SettleError};
use crate::record::{StoreClock, StoreTime};
use crate::store::ReadError;

/// A queue in memory; cheap to clone, all clones share one content.
#[derive(Clone, Debug)]
pub struct MemoryQueue {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    hints: watch::Sender<u64>,
    clock: StoreClock,
}

#[derive(Debug, Default)]
struct State {
    now: StoreTime,
    epoch: Epoch,
    last_id: u64,
    turn: u64,
    items: HashMap<ItemId, Item>,
    lanes: BTreeMap<String, LaneState>,
}

#[derive(Debug)]
struct LaneState {
    lane: Lane,
    turn: u64,
    by_due: BTreeSet<(StoreTime, ItemId)>,
    held: BTreeSet<ItemId>,
}

#[derive(Debug)]
struct Item {
    lane: String,
    due: StoreTime,
    attempt: u32,
    first_at: StoreTime,
    notes: Bytes,
    body: Bytes,
}

impl MemoryQueue {
    /// An empty queue in its first epoch.
    #[must_use]
    pub fn new(clock: StoreClock) -> Self {
        let state = State {
            epoch: Epoch::new(1),
            ..State::default()
        };
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(state),
                hints: watch::Sender::new(0),
                clock,
            }),
        }
    }

    /// The newest epoch.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.lock().epoch
    }

    /// Begins the next epoch, as opening an embedded queue again does.
    pub fn begin_epoch(&self) -> Epoch {
        let mut state = self.lock();
        state.epoch = state.epoch.next();
        state.release_all();
        state.epoch
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No operation panics between two changes, so the state is whole after any panic.
        let mut state = self
            .shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        state.now = state.now.max(self.shared.clock.now());
        state
    }

    fn hint(&self) {
        self.shared
            .hints
            .send_modify(|count| *count = count.wrapping_add(1));
    }
}

impl Queue for MemoryQueue {
    async fn enqueue(&self, items: Vec<NewItem>) -> Result<(), EnqueueError> {
        self.lock().add_all(items);
        self.hint();
        Ok(())
    }

    async fn claim(&self, claim: Claim) -> Result<Claims, ClaimError> {
        self.lock().claim(&claim)
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Settled>, SettleError> {
        let mut state = self.lock();
        let settled = settlements
            .into_iter()
            .map(|settlement| state.settle(settlement))
            .collect();
        drop(state);
        self.hint();
        Ok(settled)
    }

    async fn extend(
        &self,
        receipts: Vec<Receipt>,
        hold: Duration,
    ) -> Result<Vec<Settled>, SettleError> {
        let mut state = self.lock();
        let until = state.now.plus(hold);
        let mut extend = |receipt| {
            if !state.is_good(receipt) {
                return Settled::Stale;
            }
            state.move_to(receipt.id, until);
            Settled::Applied
        };
        Ok(receipts.into_iter().map(&mut extend).collect())
    }

    async fn depths(&self) -> Result<Vec<Depth>, ReadError> {
        Ok(self.lock().depths())
    }

    fn hints(&self) -> watch::Receiver<u64> {
        self.shared.hints.subscribe()
    }
}

impl State {
    fn add_all(&mut self, items: Vec<NewItem>) {
        for item in items {
            self.add(item);
        }
    }

    fn add(&mut self, new: NewItem) {
        self.last_id += 1;
        let id = ItemId(self.last_id);
        let due = self.now.plus(new.delay);
        let turn = self.turn;
        let lane = self
            .lanes
            .entry(new.lane.name.clone())
            .or_insert_with(|| LaneState {
                lane: new.lane.clone(),
                turn,
                by_due: BTreeSet::new(),
                held: BTreeSet::new(),
            });
        lane.by_due.insert((due, id));
        let item = Item {
            lane: new.lane.name,
            due,
            attempt: 0,
            first_at: self.now,
            notes: new.notes,
            body: new.body,
        };
        self.items.insert(id, item);
    }

    fn claim(&mut self, claim: &Claim) -> Result<Claims, ClaimError> {
        if claim.epoch < self.epoch {
            return Err(ClaimError::Fenced {
                claimed: claim.epoch,
                current: self.epoch,
            });
        }
        let mut items = Vec::new();
        while items.len() < claim.items as usize {
            let Some((lane, id)) = self.next(claim) else {
                break;
            };
            items.push(self.hold(&lane, id, claim.hold));
        }
        let next_due_in = self.next_due().map(|due| due.since(self.now));
        Ok(Claims { items, next_due_in })
    }

    /// The first due item of the lane that waited longest for its turn.
    fn next(&self, claim: &Claim) -> Option<(String, ItemId)> {
        let open = self
            .lanes
            .iter()
            .filter(|(_, lane)| covers(&claim.shards, &lane.lane))
            .filter(|(_, lane)| self.held_now(lane) < claim.per_lane as usize);
        let due = open.filter_map(|(name, lane)| {
            let (due, id) = lane.by_due.first()?;
            (*due <= self.now).then_some((lane.turn, name, *id))
        });
        due.min_by_key(|(turn, ..)| *turn)
            .map(|(_, name, id)| (name.clone(), id))
    }

    /// Those whose hold ran out are held by nobody.
    fn held_now(&self, lane: &LaneState) -> usize {
        let held = lane.held.iter().filter(|id| self.items[id].due > self.now);
        held.count()
    }

    fn hold(&mut self, lane: &str, id: ItemId, hold: Duration) -> Claimed {
        self.turn += 1;
        let until = self.now.plus(hold);
        self.move_to(id, until);
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.turn = self.turn;
            lane.held.insert(id);
        }
        let now = self.now;
        let item = self
            .items
            .get_mut(&id)
            .expect("an item is where its lane says");
        item.attempt += 1;
        Claimed {
            id,
            receipt: Receipt {
                id,
                attempt: item.attempt,
            },
            lane: item.lane.clone(),
            attempt: item.attempt,
            first_at: item.first_at,
            now,
            notes: item.notes.clone(),
            body: item.body.clone(),
        }
    }

    fn next_due(&self) -> Option<StoreTime> {
        let later = |lane: &LaneState| {
            let mut due = lane.by_due.iter().map(|(due, _)| *due);
            due.find(|due| *due > self.now)
        };
        self.lanes.values().filter_map(later).min()
    }

    fn settle(&mut self, settlement: Settlement) -> Settled {
        let Settlement { receipt, verdict } = settlement;
        if !self.is_good(receipt) {
            return Settled::Stale;
        }
        match verdict {
            Verdict::Finished { then } => {
                self.remove(receipt.id);
                self.add_all(then);
            }
            Verdict::RetryAfter { delay, notes } => self.retry(receipt.id, delay, notes),
        }
        Settled::Applied
    }

    fn is_good(&self, receipt: Receipt) -> bool {
        let item = self.items.get(&receipt.id);
        item.is_some_and(|item| {
            item.attempt == receipt.attempt && self.lanes[&item.lane].held.contains(&receipt.id)
        })
    }

    fn retry(&mut self, id: ItemId, delay: Duration, notes: Bytes) {
        self.move_to(id, self.now.plus(delay));
        let Some(item) = self.items.get_mut(&id) else {
            return;
        };
        item.notes = notes;
        if let Some(lane) = self.lanes.get_mut(&item.lane) {
            lane.held.remove(&id);
        }
    }

    fn remove(&mut self, id: ItemId) {
        let Some(item) = self.items.remove(&id) else {
            return;
        };
        let Some(lane) = self.lanes.get_mut(&item.lane) else {
            return;
        };
        lane.by_due.remove(&(item.due, id));
        lane.held.remove(&id);
        if lane.by_due.is_empty() {
            self.lanes.remove(&item.lane);
        }
    }

    fn move_to(&mut self, id: ItemId, due: StoreTime) {
        let Some(item) = self.items.get_mut(&id) else {
            return;
        };
        if let Some(lane) = self.lanes.get_mut(&item.lane) {
            lane.by_due.remove(&(item.due, id));
            lane.by_due.insert((due, id));
        }
        item.due = due;
    }

    fn release_all(&mut self) {
        let held: Vec<ItemId> = self
            .lanes
            .values_mut()
            .flat_map(|lane| std::mem::take(&mut lane.held))
            .collect();
        for id in held {
            self.move_to(id, self.now);
        }
    }

    fn depths(&self) -> Vec<Depth> {
        let depth = |(name, lane): (&String, &LaneState)| Depth {
            lane: name.clone(),
            items: lane.by_due.len() as u64,
            oldest: self.oldest(lane),
        };
        self.lanes.iter().map(depth).collect()
    }

    fn oldest(&self, lane: &LaneState) -> Duration {
        let first = lane.by_due.iter().map(|(_, id)| self.items[id].first_at);
        first
            .min()
            .map_or(Duration::ZERO, |first| self.now.since(first))
    }
}

fn covers(shards: &Shards, lane: &Lane) -> bool {
    match shards {
        Shards::All => true,
        Shards::Only(shards) => shards.contains(&lane.shard),
    }
}
