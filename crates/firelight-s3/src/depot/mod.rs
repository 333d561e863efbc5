//! Buckets and objects over records and blobs.
//!
//! ```text
//!  put:     content ──► blobs ──► one transaction: bucket unchanged? ──► version + newest version
//!  delete:  bucket marked as closing ──► seen empty ──► removed, unless somebody wrote meanwhile
//! ```
//!
//! A transaction names what it expects to find; if others were faster, the operation is decided anew. Blobs are written
//! before the record that names them. Nothing is kept in memory.
//!
//! Deliberately absent: HTTP, XML, and the shapes of the S3 API.

mod bucket;
pub(crate) mod content;
mod delete;
mod listing;
mod object;
mod put;
mod references;
mod settings;
mod upload;

use std::sync::Arc;

use firelight_model::{AccountId, WallTime};
use firelight_store::{Blobs, CommitError, Key, Page, Prefix, Store, Txn};
use serde::de::DeserializeOwned;

use crate::record::{BucketRecord, Found, Versioning, decode};
use crate::refusal::Refusal;

pub(crate) use self::bucket::NewBucket;
pub(crate) use self::delete::Deleted;
pub(crate) use self::listing::{Listed, ListedVersion, ListingQuery, MAX_ENTRIES, VersionsQuery};
pub(crate) use self::object::Target;
pub(crate) use self::put::{Condition, Conditions};
pub use self::references::ListBlobsError;
pub(crate) use self::settings::Setting;
pub(crate) use self::upload::{CompletedPart, MAX_PART_NUMBER, NewUpload, UploadName};

/// How often an operation is decided anew because others changed the same records.
const ATTEMPTS: u32 = 64;
/// How many records are read at once.
const PAGE: u32 = 1000;

/// Where time and chance come from.
pub struct Outside {
    pub now: Box<dyn Fn() -> WallTime + Send + Sync>,
    pub random: Box<dyn Fn() -> [u8; 16] + Send + Sync>,
}

/// Who asks, and where.
#[derive(Clone, Debug)]
pub struct Caller {
    pub account: AccountId,
    /// The account that owns what a request copies from, where the caller may read it.
    pub source_account: AccountId,
    pub region: String,
    /// The account that a request wants the bucket to belong to.
    pub expected_owner: Option<String>,
    /// Asked about each key that a request names in its body.
    pub(crate) guard: Option<Guard>,
}

/// Decides whether a key, or one version of it, may be deleted. Cheap to clone.
#[derive(Clone)]
pub struct Guard(Arc<Decide>);

type Decide = dyn Fn(&str, Option<&str>) -> Result<(), Refusal> + Send + Sync;

impl Guard {
    pub fn new(
        decide: impl Fn(&str, Option<&str>) -> Result<(), Refusal> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(decide))
    }
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Guard")
    }
}

impl Caller {
    #[must_use]
    pub fn new(account: AccountId, region: impl Into<String>) -> Self {
        Self {
            account,
            source_account: account,
            region: region.into(),
            expected_owner: None,
            guard: None,
        }
    }

    /// Says whose the bucket is that a request copies from.
    #[must_use]
    pub fn copying_from(self, source_account: AccountId) -> Self {
        Self {
            source_account,
            ..self
        }
    }

    /// Has each deletion that a body names decided on its own.
    #[must_use]
    pub fn guarded_by(self, guard: Guard) -> Self {
        Self {
            guard: Some(guard),
            ..self
        }
    }

    /// Asks whether a key that a body names may be deleted.
    pub(crate) fn check_deletion(&self, target: Target<'_>) -> Result<(), Refusal> {
        self.guard
            .as_ref()
            .map_or(Ok(()), |Guard(decide)| decide(target.key, target.version))
    }
}

/// All buckets with their objects. Cheap to clone.
pub struct Depot<S, B> {
    store: S,
    pub(crate) blobs: B,
    outside: Arc<Outside>,
}

impl<S: Clone, B: Clone> Clone for Depot<S, B> {
    fn clone(&self) -> Self {
        Self {
            store: self.store.clone(),
            blobs: self.blobs.clone(),
            outside: Arc::clone(&self.outside),
        }
    }
}

/// A bucket as it was found.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    pub(crate) owner: AccountId,
    pub(crate) name: String,
    pub(crate) found: Found<BucketRecord>,
}

impl Bucket {
    pub(crate) fn record(&self) -> &BucketRecord {
        &self.found.record
    }

    /// Tells whether the bucket keeps, or once kept, overwritten versions.
    pub(crate) fn is_versioned(&self) -> bool {
        self.record().versioning.is_some()
    }

    fn keeps_versions(&self) -> bool {
        self.record().versioning == Some(Versioning::Enabled)
    }
}

impl<S: Store, B: Blobs> Depot<S, B> {
    pub fn new(store: S, blobs: B, outside: Outside) -> Self {
        Self {
            store,
            blobs,
            outside: Arc::new(outside),
        }
    }

    fn now_ms(&self) -> u64 {
        (self.outside.now)().epoch_ms()
    }

    fn random(&self) -> [u8; 16] {
        (self.outside.random)()
    }

    /// Returns a number that nobody can guess.
    pub(crate) fn number(&self) -> u64 {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.random()[..8]);
        u64::from_le_bytes(bytes)
    }

    async fn read<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<Found<T>>, Refusal> {
        let Some(found) = self.store.read(key).await? else {
            return Ok(None);
        };
        let record = decode(&found.body)?;
        Ok(Some(Found {
            rev: found.rev,
            record,
        }))
    }

    async fn list(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: u32,
    ) -> Result<Page, Refusal> {
        Ok(self.store.list(prefix, after, limit).await?)
    }

    /// Reads everything of a range that is known to be short.
    async fn list_all(&self, prefix: &Prefix) -> Result<Vec<firelight_store::Record>, Refusal> {
        let mut records = Vec::new();
        let mut after = None;
        loop {
            let page = self.list(prefix, after.as_ref(), PAGE).await?;
            records.extend(page.records);
            after = page.next;
            if after.is_none() {
                return Ok(records);
            }
        }
    }

    /// Commits; `false` if a record is not as expected any more.
    async fn try_commit(&self, txn: Txn) -> Result<bool, Refusal> {
        match self.store.commit(txn).await {
            Ok(_) => Ok(true),
            Err(CommitError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
