//! Which claimed items this process works on, and with which receipt each will be settled.
//!
//! When the queue is out of reach for longer than a hold, an item may be claimed a second time while the first attempt
//! still waits to be settled. It is not run again then: the first attempt goes on under the new receipt. For the same
//! reason the bound of a lane is kept here once more: the queue does not count items whose hold ran out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use firelight_store::{Claimed, ItemId, Receipt};

/// Cheap to clone: all clones are one set.
#[derive(Clone, Debug, Default)]
pub(crate) struct InFlight(Arc<Mutex<Set>>);

#[derive(Debug, Default)]
struct Set {
    receipts: HashMap<ItemId, Receipt>,
    lanes: HashMap<String, u32>,
}

/// One item that is worked on. Dropping it takes it off the set.
#[derive(Debug)]
pub(crate) struct Working {
    set: InFlight,
    id: ItemId,
    lane: String,
}

impl InFlight {
    /// Puts an item on the set; `None` if it is not to be worked on.
    ///
    /// Either it is on the set already, and its receipt was renewed, or its lane is full, and it is due again when its
    /// hold runs out.
    pub(crate) fn enter(&self, claimed: &Claimed, per_lane: u32) -> Option<Working> {
        let mut set = self.lock();
        if let Some(receipt) = set.receipts.get_mut(&claimed.id) {
            *receipt = claimed.receipt;
            return None;
        }
        let in_lane = set.lanes.entry(claimed.lane.clone()).or_default();
        if *in_lane >= per_lane {
            return None;
        }
        *in_lane += 1;
        set.receipts.insert(claimed.id, claimed.receipt);
        Some(Working {
            set: self.clone(),
            id: claimed.id,
            lane: claimed.lane.clone(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Set> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Working {
    /// The newest receipt of the item.
    pub(crate) fn receipt(&self) -> Receipt {
        self.set.lock().receipts[&self.id]
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        let mut set = self.set.lock();
        set.receipts.remove(&self.id);
        let Some(in_lane) = set.lanes.get_mut(&self.lane) else {
            return;
        };
        *in_lane -= 1;
        if *in_lane == 0 {
            set.lanes.remove(&self.lane);
        }
    }
}
