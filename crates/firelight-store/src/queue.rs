//! A durable queue: what must still be done, when, and who holds it meanwhile.
//!
//! ```text
//!             claim (hold)                        settle
//!  enqueue ─► due ────────► held ──────────────────────────► Finished: gone, what follows is enqueued
//!              ▲             ├── RetryAfter: due again later ─┐
//!              └─────────────┴── hold ran out, or takeover ───┘
//! ```
//!
//! Items lie in lanes. A claim takes from the lanes in turn, so a lane with a million items delays no other, and
//! within a lane in the order of their due times. A [`Receipt`] is good for one claim: when the item was claimed
//! again meanwhile, settling it does nothing and says so.
//!
//! Whoever claims has an [`Epoch`]. A newer epoch frees what older ones hold and shuts them out.
//!
//! Deliberately absent: what an item means, how often it is tried, and when it is given up.

mod item;
mod memory;
mod sqlite;

use std::future::Future;
use std::time::Duration;

use tokio::sync::watch;

pub use self::item::{
    Claim, Claimed, Claims, Depth, Epoch, ItemId, Lane, NewItem, Receipt, Settled, Settlement,
    Shards, Verdict,
};
pub use self::memory::MemoryQueue;
pub use self::sqlite::SqliteQueue;
use crate::store::{BackendError, ReadError};

/// Keeps items until they are settled.
///
/// Handles are cheap to clone. Every operation takes effect as a whole or not at all.
pub trait Queue: Clone + Send + Sync + 'static {
    /// Adds items; answers once they are durable.
    ///
    /// Not cancel-safe: the items may be added although the future was dropped.
    fn enqueue(&self, items: Vec<NewItem>)
    -> impl Future<Output = Result<(), EnqueueError>> + Send;

    /// Takes due items and hides them from other claims while the hold lasts.
    ///
    /// Not cancel-safe: items may be held by nobody until their hold runs out.
    fn claim(&self, claim: Claim) -> impl Future<Output = Result<Claims, ClaimError>> + Send;

    /// Says what became of claimed items; answers in their order, once it is durable.
    fn settle(
        &self,
        settlements: Vec<Settlement>,
    ) -> impl Future<Output = Result<Vec<Settled>, SettleError>> + Send;

    /// Holds claimed items on, `hold` long from now; answers in their order.
    fn extend(
        &self,
        receipts: Vec<Receipt>,
        hold: Duration,
    ) -> impl Future<Output = Result<Vec<Settled>, SettleError>> + Send;

    /// How much lies in each lane that is not empty.
    fn depths(&self) -> impl Future<Output = Result<Vec<Depth>, ReadError>> + Send;

    /// Tells of what may be claimed from this call on, to wake whoever claims. Hints may be lost or late.
    fn hints(&self) -> watch::Receiver<u64>;
}

/// Why items were not acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum EnqueueError {
    /// The queue could not do it. Nothing was added.
    #[error("could not enqueue")]
    Failed(#[source] BackendError),
    /// The answer was lost: the items were added or not.
    #[error("it is unknown whether the items were enqueued")]
    Unknown(#[source] BackendError),
}

/// Why nothing could be claimed.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// Somebody with a newer epoch claims now.
    #[error("epoch {claimed} ended when epoch {current} began")]
    Fenced {
        /// The epoch of the claim.
        claimed: Epoch,
        /// The newest epoch.
        current: Epoch,
    },
    /// The queue could not do it. What was claimed in vain is due again after its hold.
    #[error("could not claim")]
    Failed(#[source] BackendError),
}

/// Why claimed items could not be settled or held on.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// The queue could not do it. Nothing was changed.
    #[error("could not settle")]
    Failed(#[source] BackendError),
    /// The answer was lost. Repeat it: what had taken effect is then [`Settled::Stale`].
    #[error("it is unknown whether the items were settled")]
    Unknown(#[source] BackendError),
}
