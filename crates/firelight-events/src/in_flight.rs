//! Which claimed items this process works on, and with which receipt each will be settled.
//!
//! When the queue is out of reach for longer than a hold, an item may be claimed a second time while the first attempt
//! still waits to be settled. It is not run again then: the first attempt goes on under the new receipt.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use firelight_store::{Claimed, ItemId, Receipt};

/// Cheap to clone: all clones are one set.
#[derive(Clone, Debug, Default)]
pub(crate) struct InFlight(Arc<Mutex<HashMap<ItemId, Receipt>>>);

/// One item that is worked on. Dropping it takes it off the set.
#[derive(Debug)]
pub(crate) struct Working {
    set: InFlight,
    id: ItemId,
}

impl InFlight {
    /// Puts an item on the set; `None` if it is on it already and only its receipt was renewed.
    pub(crate) fn enter(&self, claimed: &Claimed) -> Option<Working> {
        let before = self.lock().insert(claimed.id, claimed.receipt);
        before.is_none().then(|| Working {
            set: self.clone(),
            id: claimed.id,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ItemId, Receipt>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Working {
    /// The newest receipt of the item.
    pub(crate) fn receipt(&self) -> Receipt {
        self.set.lock()[&self.id]
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.set.lock().remove(&self.id);
    }
}
