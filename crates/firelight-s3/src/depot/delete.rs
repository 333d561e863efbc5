//! Deleting objects: with a mark where versions are kept, for good where they are not or one is named.

use firelight_store::{Blobs, Expect, Store};

use super::put::set_current;
use super::{ATTEMPTS, Bucket, Caller, Conditions, Depot, Target};
use crate::record::{Found, VersionRecord, version_key};
use crate::refusal::Refusal;

/// What a deletion did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Deleted {
    /// The version that was deleted, or the mark that was set.
    pub(crate) version: Option<String>,
    /// What was deleted, or set, is a delete marker.
    pub(crate) is_marker: bool,
}

impl<S: Store, B: Blobs> Depot<S, B> {
    /// Deletes an object or one version of it; what is not there counts as deleted.
    pub(crate) async fn delete_object(
        &self,
        caller: &Caller,
        bucket: &str,
        target: Target<'_>,
        conditions: &Conditions,
    ) -> Result<Deleted, Refusal> {
        let found = self.bucket(caller, bucket).await?;
        match target.version {
            None if found.is_versioned() => {
                self.mark_deleted(caller, bucket, target.key, conditions)
                    .await
            }
            Some(_) => {
                self.delete_version(caller, bucket, target, conditions)
                    .await
            }
            None => {
                self.delete_version(caller, bucket, target, conditions)
                    .await?;
                Ok(Deleted::default())
            }
        }
    }

    async fn mark_deleted(
        &self,
        caller: &Caller,
        bucket: &str,
        key: &str,
        conditions: &Conditions,
    ) -> Result<Deleted, Refusal> {
        super::put::check_key(key)?;
        let marker = self
            .put_version(caller, bucket, key, None, conditions, |txn| txn)
            .await?;
        Ok(Deleted {
            version: Some(marker.name().to_owned()),
            is_marker: true,
        })
    }

    async fn delete_version(
        &self,
        caller: &Caller,
        bucket: &str,
        target: Target<'_>,
        conditions: &Conditions,
    ) -> Result<Deleted, Refusal> {
        let Target { key, version } = target;
        let version = version.unwrap_or("null");
        for _ in 0..ATTEMPTS {
            let bucket = self.bucket(caller, bucket).await?;
            let found = self.version(&bucket, key, version).await?;
            let object = found.as_ref().and_then(|it| it.record.object.as_ref());
            conditions.check(key, object)?;
            let Some(found) = found else {
                let version = Some(version.to_owned());
                return Ok(Deleted {
                    version,
                    is_marker: false,
                });
            };
            if self.try_delete(&bucket, key, &found).await? {
                return Ok(Deleted {
                    version: Some(version.to_owned()),
                    is_marker: found.record.object.is_none(),
                });
            }
        }
        Err(Refusal::contended())
    }

    async fn try_delete(
        &self,
        bucket: &Bucket,
        key: &str,
        found: &Found<VersionRecord>,
    ) -> Result<bool, Refusal> {
        let place = |sequence| version_key(bucket.owner, &bucket.name, key, sequence);
        let deleted = found.record.sequence;
        let mut txn = self
            .write_into(bucket)
            .delete(place(deleted), Expect::Rev(found.rev));
        let mut newest = self.first_versions(bucket, key, 2).await?.into_iter();
        if newest
            .next()
            .is_none_or(|newest| newest.record.sequence != deleted)
        {
            return self.try_commit(txn).await;
        }
        let current = self.current(bucket, key).await?;
        let next = newest.next();
        if let Some(next) = &next {
            txn = txn.check(place(next.record.sequence), Expect::Rev(next.rev));
        }
        let next = next.map_or_else(|| gone(deleted), |next| next.record);
        let txn = set_current(txn, bucket, key, current.as_ref(), &next);
        self.try_commit(txn).await
    }
}

/// What stands for the newest version of an object that has none.
fn gone(sequence: u64) -> VersionRecord {
    VersionRecord {
        sequence,
        id: None,
        modified_ms: 0,
        object: None,
    }
}
