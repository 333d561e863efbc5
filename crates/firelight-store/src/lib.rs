//! What Firelight keeps: records, blobs, log events and usage.
//!
//! ```text
//!            commit(Txn)                    feed(after)
//!  caller ───────────────► record + feed ───────────────► follower ──► its own view in memory
//!            one revision for each commit, without gaps
//! ```
//!
//! A [`Store`] holds small records under keys and changes them only in checked transactions: each
//! write states what it expects to find. A commit that was acknowledged is on the disk. [`Blobs`]
//! holds large immutable content under its own SHA-256. [`LogStore`] and [`UsageStore`] keep what
//! functions said and cost, in a database of their own that never delays a record.
//!
//! Deliberately absent: the store does not know what a record means, what a lease or a retry is,
//! and has no caches. Whoever owns a kind of record owns its encoding.

mod blobs;
mod data_dir;
mod key;
mod logs;
mod memory;
mod queue;
mod record;
mod sqlite;
mod store;
mod txn;
mod usage;

pub use blobs::{
    BlobDigest, Blobs, DirectoryBlobs, OpenBlob, OpenBlobError, ParseDigestError, PutBlobError,
    StagedBlob, StoredBlob, SweepBlobsError, Swept,
};
pub use data_dir::{DataDir, OpenDataDirError};
pub use key::{Key, Kind, Prefix};
pub use logs::{
    ChangeLogsError, EventPage, EventPosition, EventQuery, FilterQuery, GroupPage, GroupQuery,
    LogEvent, LogGroup, LogLine, LogPlace, LogStore, LogStream, NewLogEvent, NewSubscription,
    ParsePositionError, ReadLogsError, Start, StreamCursor, StreamName, StreamOrder, StreamPage,
    StreamQuery, Streams, Subscription, SubscriptionId, TailPage, WallClock,
};
pub use memory::MemoryStore;
pub use queue::{
    Claim, ClaimError, Claimed, Claims, Depth, EnqueueError, Epoch, ItemId, Lane, MemoryQueue,
    NewItem, Queue, Receipt, SettleError, Settled, Settlement, Shards, SqliteQueue, Verdict,
};
pub use record::{Change, ChangeKind, Feed, Page, Record, Rev, StoreClock, StoreTime, Versioned};
pub use sqlite::{OpenStoreError, SqliteStore};
pub use store::{BackendError, CommitError, FeedError, ReadError, Store};
pub use txn::{Check, Committed, Expect, Found, IdempotencyKey, Txn, TxnTooLarge, Write};
pub use usage::{Usage, UsageCounts, UsageHour, UsageKey, UsageStore, WriteUsageError};
