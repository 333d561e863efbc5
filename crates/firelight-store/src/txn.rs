//! Transactions: what is expected, and what is written if all of it holds.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::key::Key;
use crate::record::{Rev, StoreTime, Versioned};

/// Most bytes the bodies of one transaction may have together. Larger content is a blob.
const MAX_BODIES: usize = 16 * 1024 * 1024;

/// What a transaction expects to find under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Expect {
    /// No record.
    Absent,
    /// Any record.
    Exists,
    /// The record as that commit left it.
    Rev(Rev),
    /// The record as that commit left it, and not expired by the store's clock.
    Live(Rev),
    /// No record, or an expired one.
    Expired,
}

impl Expect {
    pub(crate) fn holds(self, found: Option<Found>, now: StoreTime) -> bool {
        match (self, found) {
            (Self::Absent | Self::Expired, None) => true,
            (Self::Exists, Some(_)) => true,
            (Self::Rev(rev), Some(found)) => found.rev == rev,
            (Self::Live(rev), Some(found)) => found.rev == rev && !found.expired(now),
            (Self::Expired, Some(found)) => found.expired(now),
            (Self::Absent, Some(_)) | (Self::Exists | Self::Rev(_) | Self::Live(_), None) => false,
        }
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("no record"),
            Self::Exists => f.write_str("a record"),
            Self::Rev(rev) => write!(f, "revision {rev}"),
            Self::Live(rev) => write!(f, "revision {rev}, not expired"),
            Self::Expired => f.write_str("none or an expired record"),
        }
    }
}

/// What stands under a key: enough to decide what to do about a conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Found {
    /// The commit that wrote the record.
    pub rev: Rev,
    /// When it expires, if ever.
    pub expires: Option<StoreTime>,
}

impl Found {
    fn expired(self, now: StoreTime) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }
}

impl From<&Versioned> for Found {
    fn from(value: &Versioned) -> Self {
        Self {
            rev: value.rev,
            expires: value.expires,
        }
    }
}

/// A condition on a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The record.
    pub key: Key,
    /// What must stand there.
    pub expect: Expect,
}

/// A change to a record. Its condition is among the checks of the transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Writes the whole body.
    Put {
        /// The record.
        key: Key,
        /// Its new content.
        body: Bytes,
        /// Counts as expired this long after the commit, by the store's clock.
        ttl: Option<Duration>,
    },
    /// Removes the record.
    Delete {
        /// The record.
        key: Key,
    },
}

impl Write {
    pub(crate) fn key(&self) -> &Key {
        match self {
            Self::Put { key, .. } | Self::Delete { key } => key,
        }
    }
}

/// Names an intention, so that repeating a transaction after a lost answer changes nothing.
///
/// Usually the request id. The store remembers it for a day.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Takes any text that is unique to the intention.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Checks and writes that happen together or not at all.
///
/// All checks see the state before the first write. A write without an expectation cannot be
/// built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Txn {
    checks: Vec<Check>,
    writes: Vec<Write>,
    idempotency: Option<IdempotencyKey>,
}

impl Txn {
    /// A transaction that does nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a condition on a record that is not written.
    #[must_use]
    pub fn check(mut self, key: Key, expect: Expect) -> Self {
        self.checks.push(Check { key, expect });
        self
    }

    /// Writes a record that must not exist.
    #[must_use]
    pub fn create(self, key: Key, body: impl Into<Bytes>) -> Self {
        self.put(key, Expect::Absent, body)
    }

    /// Writes a record that must stand at `rev`.
    #[must_use]
    pub fn replace(self, key: Key, rev: Rev, body: impl Into<Bytes>) -> Self {
        self.put(key, Expect::Rev(rev), body)
    }

    /// Writes a record under any expectation.
    #[must_use]
    pub fn put(mut self, key: Key, expect: Expect, body: impl Into<Bytes>) -> Self {
        self.writes.push(Write::Put {
            key: key.clone(),
            body: body.into(),
            ttl: None,
        });
        self.check(key, expect)
    }

    /// Writes a record that counts as expired after `ttl`.
    #[must_use]
    pub fn put_expiring(
        mut self,
        key: Key,
        expect: Expect,
        body: impl Into<Bytes>,
        ttl: Duration,
    ) -> Self {
        self.writes.push(Write::Put {
            key: key.clone(),
            body: body.into(),
            ttl: Some(ttl),
        });
        self.check(key, expect)
    }

    /// Removes a record under an expectation.
    #[must_use]
    pub fn delete(mut self, key: Key, expect: Expect) -> Self {
        self.writes.push(Write::Delete { key: key.clone() });
        self.check(key, expect)
    }

    /// Makes the transaction take effect once, however often it is committed.
    #[must_use]
    pub fn once(mut self, key: IdempotencyKey) -> Self {
        self.idempotency = Some(key);
        self
    }

    /// The conditions.
    #[must_use]
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// The changes, in order.
    #[must_use]
    pub fn writes(&self) -> &[Write] {
        &self.writes
    }

    /// What makes it take effect only once.
    #[must_use]
    pub fn idempotency(&self) -> Option<&IdempotencyKey> {
        self.idempotency.as_ref()
    }

    /// Refuses what no engine should be asked to hold in one transaction.
    pub(crate) fn check_size(&self) -> Result<(), TxnTooLarge> {
        let bytes = self.writes.iter().map(body_len).sum();
        if bytes > MAX_BODIES {
            return Err(TxnTooLarge { bytes });
        }
        Ok(())
    }
}

fn body_len(write: &Write) -> usize {
    match write {
        Write::Put { body, .. } => body.len(),
        Write::Delete { .. } => 0,
    }
}

/// A transaction carries more than the store takes at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the transaction has {bytes} bytes, more than the {MAX_BODIES} the store takes at once")]
pub struct TxnTooLarge {
    bytes: usize,
}

/// A transaction that took effect and is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The revision of everything it wrote.
    pub rev: Rev,
    /// The store's time of the commit, or of the repetition.
    pub now: StoreTime,
    /// Whether an earlier commit with the same idempotency key had done it already.
    pub repeated: bool,
}
