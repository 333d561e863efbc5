//! Which claimed items this process works on, and with which receipt each will be settled.
//!
//! When the queue is out of reach for longer than a hold, an item may be claimed a second time while the first attempt
//! still waits to be settled. It is not run again then: the first attempt goes on under the new receipt. For the same
//! reason the bound of a lane is kept here once more: the queue does not count items whose hold ran out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use firelight_store::{Claimed, ItemId, Receipt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Cheap to clone: all clones are one set.
#[derive(Clone, Debug)]
pub(crate) struct InFlight {
    per_lane: usize,
    set: Arc<Mutex<Set>>,
}

#[derive(Debug, Default)]
struct Set {
    receipts: HashMap<ItemId, Receipt>,
    /// The places of each lane that has an item on the set.
    lanes: HashMap<String, Arc<Semaphore>>,
}

/// One item that is worked on. Dropping it takes it off the set.
#[derive(Debug)]
pub(crate) struct Working {
    set: InFlight,
    id: ItemId,
    lane: String,
    places: Arc<Semaphore>,
}

impl InFlight {
    pub(crate) fn new(per_lane: u32) -> Self {
        Self {
            per_lane: per_lane as usize,
            set: Arc::default(),
        }
    }

    /// Puts an item on the set; `None` if it is on it already and only its receipt was renewed.
    pub(crate) fn enter(&self, claimed: &Claimed) -> Option<Working> {
        let mut set = self.lock();
        if set.receipts.insert(claimed.id, claimed.receipt).is_some() {
            return None;
        }
        let fresh = || Arc::new(Semaphore::new(self.per_lane));
        let lane = claimed.lane.clone();
        let places = Arc::clone(set.lanes.entry(lane.clone()).or_insert_with(fresh));
        Some(Working {
            set: self.clone(),
            id: claimed.id,
            lane,
            places,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Set> {
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Working {
    /// The newest receipt of the item.
    pub(crate) fn receipt(&self) -> Receipt {
        self.set.lock().receipts[&self.id]
    }

    /// Waits for a place in the lane. There is one nearly always: the queue counts too.
    pub(crate) async fn place(&self) -> OwnedSemaphorePermit {
        let place = Arc::clone(&self.places).acquire_owned().await;
        place.expect("the semaphore is never closed")
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        let mut set = self.set.lock();
        set.receipts.remove(&self.id);
        let others = set
            .lanes
            .get(&self.lane)
            .is_some_and(|places| Arc::strong_count(places) > 2);
        if !others {
            set.lanes.remove(&self.lane);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use firelight_model::shard;
    use firelight_store::{Claim, Lane, MemoryQueue, NewItem, Queue, Shards, StoreClock};

    use super::*;

    async fn claims(items: usize) -> Vec<Claimed> {
        let queue = MemoryQueue::new(StoreClock::system());
        let account = "000000000000".parse().unwrap();
        let item = NewItem {
            lane: Lane {
                shard: shard(account, &"f".parse().unwrap()),
                name: "f".to_owned(),
            },
            delay: Duration::ZERO,
            notes: Bytes::new(),
            body: Bytes::new(),
        };
        queue.enqueue(vec![item; items]).await.unwrap();
        let claim = Claim {
            shards: Shards::All,
            epoch: queue.epoch(),
            items: u32::MAX,
            per_lane: u32::MAX,
            hold: Duration::from_secs(60),
        };
        queue.claim(claim).await.unwrap().items
    }

    #[tokio::test]
    async fn an_item_beyond_the_bound_of_its_lane_waits_until_another_leaves_its_place() {
        let claims = claims(2).await;
        let in_flight = InFlight::new(1);
        let first = in_flight.enter(&claims[0]).unwrap();
        let second = in_flight.enter(&claims[1]).unwrap();
        let place = first.place().await;

        let mut waiting = Box::pin(second.place());
        tokio::select! {
            biased;
            _ = &mut waiting => panic!("the lane is full"),
            () = tokio::task::yield_now() => {}
        }
        drop(place);

        drop(waiting.await);
    }

    #[tokio::test]
    async fn an_item_is_worked_on_once_at_a_time_and_under_its_newest_receipt() {
        let claims = claims(2).await;
        let in_flight = InFlight::new(1);
        let again = Claimed {
            receipt: claims[1].receipt,
            ..claims[0].clone()
        };

        let working = in_flight.enter(&claims[0]).unwrap();
        assert!(in_flight.enter(&again).is_none());
        assert_eq!(working.receipt(), again.receipt);
        drop(working);

        assert!(in_flight.enter(&claims[0]).is_some());
    }

    #[tokio::test]
    async fn nothing_is_kept_of_a_lane_that_has_nothing_in_flight() {
        let claims = claims(2).await;
        let in_flight = InFlight::new(1);

        let working: Vec<_> = claims
            .iter()
            .map(|claimed| in_flight.enter(claimed))
            .collect();
        assert_eq!(in_flight.lock().lanes.len(), 1);
        drop(working);

        assert!(in_flight.lock().lanes.is_empty());
        assert!(in_flight.lock().receipts.is_empty());
    }
}
