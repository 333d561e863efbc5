//! The contract of a record store, and how its operations fail.

use std::future::Future;

use tokio::sync::watch;

use crate::key::{Key, Prefix};
use crate::record::{Feed, Page, Rev, Versioned};
use crate::txn::{Committed, Expect, Found, Txn, TxnTooLarge};

/// Keeps records and changes them in checked transactions.
///
/// Handles are cheap to clone. Nothing here assumes to be the only writer: other processes may
/// share the store behind another implementation.
pub trait Store: Clone + Send + Sync + 'static {
    /// Applies a transaction if all its expectations hold; answers once it is durable.
    ///
    /// Not cancel-safe: a commit whose future was dropped may still take effect. Repeat it with
    /// [`Txn::once`].
    fn commit(&self, txn: Txn) -> impl Future<Output = Result<Committed, CommitError>> + Send;

    /// Reads one record.
    fn read(&self, key: &Key) -> impl Future<Output = Result<Option<Versioned>, ReadError>> + Send;

    /// Reads several records as they stand at one moment; answers in the order of the keys.
    fn read_many(
        &self,
        keys: &[Key],
    ) -> impl Future<Output = Result<Vec<Option<Versioned>>, ReadError>> + Send;

    /// Lists records in key order, behind `after`, at most `limit` of them.
    fn list(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: u32,
    ) -> impl Future<Output = Result<Page, ReadError>> + Send;

    /// The newest commit.
    fn head(&self) -> impl Future<Output = Result<Rev, ReadError>> + Send;

    /// Reads what at most `commits` commits behind `after` changed. Nothing is ever skipped.
    fn feed(
        &self,
        after: Rev,
        commits: u32,
    ) -> impl Future<Output = Result<Feed, FeedError>> + Send;

    /// Tells of new commits, to wake a follower. Hints may be lost or late; the feed is the truth.
    fn hints(&self) -> watch::Receiver<Rev>;
}

/// What the engine below reported, kept as the cause.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct BackendError(Box<dyn std::error::Error + Send + Sync>);

impl BackendError {
    /// Wraps whatever the engine said.
    pub fn new(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

/// Why a transaction was not acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// An expectation did not hold. Nothing was changed.
    #[error("{key} was expected to be {expected}, found {}", describe(*found))]
    Conflict {
        /// The record.
        key: Key,
        /// What the transaction expected.
        expected: Expect,
        /// What stands there.
        found: Option<Found>,
    },
    /// The transaction carries too much. Nothing was changed.
    #[error(transparent)]
    TooLarge(#[from] TxnTooLarge),
    /// The store could not do it. Nothing was changed.
    #[error("could not commit")]
    Failed(#[source] BackendError),
    /// The answer was lost: it took effect or not. Repeat it with the same idempotency key.
    #[error("the outcome of the commit is unknown")]
    Unknown(#[source] BackendError),
}

fn describe(found: Option<Found>) -> String {
    match found {
        None => "nothing".to_owned(),
        Some(Found { rev, expires: None }) => format!("revision {rev}"),
        Some(Found {
            rev,
            expires: Some(at),
        }) => format!("revision {rev} that expires at {} ms", at.unix_ms()),
    }
}

/// The store could not be read.
#[derive(Debug, thiserror::Error)]
#[error("could not read the store")]
pub struct ReadError(#[from] BackendError);

impl ReadError {
    /// Wraps whatever the engine said.
    pub fn new(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(BackendError::new(cause))
    }
}

/// Why the feed could not be read on.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The feed no longer reaches back that far: list everything and follow from the head.
    #[error("the feed behind revision {after} is gone, it begins behind {floor}")]
    Gone {
        /// Where the follower stood.
        after: Rev,
        /// The oldest place to read on from.
        floor: Rev,
    },
    /// The store could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}
