//! What goes into a queue and what comes out.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use firelight_model::Shard;

use crate::record::StoreTime;

/// The lane an item lies in: the unit of fairness. A function, usually.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lane {
    /// The shard of ownership; all items of a lane belong to one.
    pub shard: Shard,
    /// The name, unique in the queue.
    pub name: String,
}

/// An item to add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewItem {
    /// Where it lies.
    pub lane: Lane,
    /// How long from now it becomes due.
    pub delay: Duration,
    /// What its owner notes down about it; small, replaced with each retry.
    pub notes: Bytes,
    /// The content, up to a few MiB; never changes.
    pub body: Bytes,
}

/// The number of an item. Never given to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemId(pub(super) u64);

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A period in which one claimer owns its shards; a later one has a greater number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Epoch(u64);

impl Epoch {
    /// Reads an epoch that was written down by [`Epoch::get`].
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    pub(super) const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which shards a claim covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shards {
    /// All of them: this process is alone.
    All,
    /// Those that this process owns.
    Only(BTreeSet<Shard>),
}

/// What to claim.
#[derive(Clone, Debug)]
pub struct Claim {
    /// From which shards.
    pub shards: Shards,
    /// By whom.
    pub epoch: Epoch,
    /// At most so many items.
    pub items: u32,
    /// At most so many items of one lane may be held at the same time.
    pub per_lane: u32,
    /// How long they are hidden from other claims.
    pub hold: Duration,
}

/// What was claimed.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    /// The items.
    pub items: Vec<Claimed>,
    /// When the next item becomes due that is not due yet, counted from now.
    pub next_due_in: Option<Duration>,
}

/// A claimed item.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// Its number.
    pub id: ItemId,
    /// What to settle it with.
    pub receipt: Receipt,
    /// The name of its lane.
    pub lane: String,
    /// Counts its claims, from 1.
    pub attempt: u32,
    /// When it was enqueued.
    pub first_at: StoreTime,
    /// When it was claimed.
    pub now: StoreTime,
    /// What its owner noted down last.
    pub notes: Bytes,
    /// The content.
    pub body: Bytes,
}

impl Claimed {
    /// How long ago it was enqueued, when it was claimed.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.now.since(self.first_at)
    }
}

/// Proof of one claim of one item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Receipt {
    pub(super) id: ItemId,
    pub(super) attempt: u32,
}

/// What became of a claimed item.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// Which claim it was.
    pub receipt: Receipt,
    /// What became of it.
    pub verdict: Verdict,
}

/// What to do with a claimed item.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// It is done or given up: forget it, and add what follows from it in the same step.
    Finished {
        /// What follows.
        then: Vec<NewItem>,
    },
    /// Try it again later.
    RetryAfter {
        /// How much later.
        delay: Duration,
        /// What to note down about it.
        notes: Bytes,
    },
}

/// Whether a receipt was still good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Settled {
    /// It was, and the verdict took effect.
    Applied,
    /// The item is gone or was claimed again; nothing was changed.
    Stale,
}

/// How much lies in a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Depth {
    /// The name of the lane.
    pub lane: String,
    /// Its items, held ones too.
    pub items: u64,
    /// The age of the oldest.
    pub oldest: Duration,
}
