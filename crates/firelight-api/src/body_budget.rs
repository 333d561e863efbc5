//! How much memory the bodies of all requests may take together.
//!
//! ```text
//!  piece comes ──► room left? ──► it is kept, and counted until the last holder of the body lets go
//!                     └── no ───► the request is refused, and the client told to come again
//! ```
//!
//! Each body has a limit of its own, but many clients may send the longest one at once. A body that comes in one small
//! piece is not counted: connections are limited in number, and that bounds them.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What all bodies may have together unless said otherwise. Handlers hold a few copies of what they work on.
const DEFAULT_BYTES: usize = 512 * 1024 * 1024;

/// The smallest amount that is counted.
const UNIT_BYTES: usize = 1024;

/// The memory that is left for bodies. Cheap to clone; all clones share it.
#[derive(Clone, Debug)]
pub struct BodyBudget {
    left: Arc<Semaphore>,
}

impl Default for BodyBudget {
    fn default() -> Self {
        Self::of_bytes(DEFAULT_BYTES)
    }
}

impl BodyBudget {
    pub fn of_bytes(bytes: usize) -> Self {
        let units = (bytes / UNIT_BYTES).min(Semaphore::MAX_PERMITS);
        Self {
            left: Arc::new(Semaphore::new(units)),
        }
    }

    /// Begins to count a body.
    pub(crate) fn reserve(&self) -> Reservation {
        Reservation {
            budget: self.clone(),
            bytes: 0,
            held: None,
        }
    }
}

/// What one body has taken of the budget. It is given back when dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    budget: BodyBudget,
    bytes: usize,
    held: Option<OwnedSemaphorePermit>,
}

/// There is no room for a body now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoRoom;

impl Reservation {
    /// Counts a piece that came.
    pub(crate) fn add(&mut self, bytes: usize) -> Result<(), NoRoom> {
        self.bytes += bytes;
        let held = self
            .held
            .as_ref()
            .map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = self.bytes.div_ceil(UNIT_BYTES).saturating_sub(held);
        let missing = u32::try_from(missing).map_err(|_| NoRoom)?;
        let left = Arc::clone(&self.budget.left);
        let more = left.try_acquire_many_owned(missing).map_err(|_| NoRoom)?;
        match &mut self.held {
            Some(held) => held.merge(more),
            none => *none = Some(more),
        }
        Ok(())
    }

    /// Returns the body, which holds what it has taken until its last clone is dropped.
    pub(crate) fn hold(self, body: Bytes) -> Bytes {
        Bytes::from_owner(Held {
            body,
            _reservation: self,
        })
    }
}

struct Held {
    body: Bytes,
    _reservation: Reservation,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_body_takes_is_free_again_when_its_last_clone_is_gone() {
        let budget = BodyBudget::of_bytes(4 * UNIT_BYTES);
        let mut first = budget.reserve();
        first.add(UNIT_BYTES * 2).unwrap();
        first.add(1).unwrap();
        let body = first.hold(Bytes::from_static(b"body"));
        let clone = body.slice(1..);

        let mut second = budget.reserve();
        assert_eq!(second.add(UNIT_BYTES), Ok(()));
        assert_eq!(second.add(1), Err(NoRoom));
        drop(body);
        assert_eq!(budget.reserve().add(1), Err(NoRoom));
        drop(clone);
        assert_eq!(budget.reserve().add(UNIT_BYTES * 3), Ok(()));
    }
}
