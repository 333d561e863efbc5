//! Buckets: created, found, changed, deleted.
//!
//! ```text
//!  open ──delete──► closing ──empty──► gone
//!    ▲                 │
//!    └──object written─┘
//! ```

use std::collections::BTreeMap;

use firelight_model::AccountId;
use firelight_store::{Blobs, Expect, Store, Txn};
use s3s::dto::PublicAccessBlockConfiguration;

use super::settings::Setting;
use super::{ATTEMPTS, Bucket, Caller, Depot};
use crate::document;
use crate::endpoint::{BucketAccess, FindBucketError};
use crate::record::{
    BucketRecord, Found, NameRecord, bucket_key, buckets, decode, encode, name_key, objects,
    parts_of_bucket, uploads, versions,
};
use crate::refusal::Refusal;

/// A bucket that is to be created.
pub(crate) struct NewBucket {
    pub(crate) name: String,
    pub(crate) settings: BTreeMap<String, String>,
}

impl<S: Store, B: Blobs> Depot<S, B> {
    /// Finds a bucket that the caller may use.
    pub(crate) async fn bucket(&self, caller: &Caller, name: &str) -> Result<Bucket, Refusal> {
        let keys = [bucket_key(caller.account, name), name_key(name)];
        let found = self.store.read_many(&keys).await?;
        let [own, taken] = found.as_slice() else {
            return Err(Refusal::no_such_bucket(name));
        };
        let Some(own) = own else {
            let refusal = match taken {
                Some(_) => Refusal::access_denied(),
                None => Refusal::no_such_bucket(name),
            };
            return Err(refusal);
        };
        let owner = caller.account;
        let is_expected = |expected: &String| *expected == owner.to_string();
        if !caller.expected_owner.as_ref().is_none_or(is_expected) {
            return Err(Refusal::access_denied());
        }
        let record = decode(&own.body)?;
        Ok(Bucket {
            owner,
            name: name.to_owned(),
            found: Found {
                rev: own.rev,
                record,
            },
        })
    }

    /// Finds who owns a bucket, and the policy it has.
    pub(crate) async fn bucket_access(
        &self,
        name: &str,
    ) -> Result<Option<BucketAccess>, FindBucketError> {
        let Some(taken) = self.store.read(&name_key(name)).await? else {
            return Ok(None);
        };
        let taken: NameRecord = serde_json::from_slice(&taken.body)?;
        let owner: AccountId = taken.account.parse()?;
        let Some(bucket) = self.store.read(&bucket_key(owner, name)).await? else {
            return Ok(None);
        };
        let bucket: BucketRecord = serde_json::from_slice(&bucket.body)?;
        let setting = |setting: Setting| bucket.settings.get(setting.name).cloned();
        Ok(Some(BucketAccess {
            owner,
            policy: setting(Setting::POLICY),
            restricts_public: setting(Setting::PUBLIC_ACCESS_BLOCK)
                .is_some_and(|block| restricts_public(&block)),
            cors: setting(Setting::CORS),
        }))
    }

    /// Creates a bucket. In `us-east-1` its owner may create it again, if it would be the same.
    pub(crate) async fn create_bucket(
        &self,
        caller: &Caller,
        new: NewBucket,
    ) -> Result<(), Refusal> {
        let record = BucketRecord {
            region: caller.region.clone(),
            created_ms: self.now_ms(),
            versioning: None,
            closing: false,
            settings: new.settings,
        };
        let account = caller.account.to_string();
        let txn = Txn::new()
            .create(name_key(&new.name), encode(&NameRecord { account }))
            .create(bucket_key(caller.account, &new.name), encode(&record));
        if self.try_commit(txn).await? {
            return Ok(());
        }
        let key = bucket_key(caller.account, &new.name);
        match self.read::<BucketRecord>(&key).await? {
            None => Err(Refusal::bucket_is_taken(&new.name)),
            Some(own) if is_created_again(&own.record, &record) => Ok(()),
            Some(_) => Err(Refusal::bucket_is_yours(&new.name)),
        }
    }

    /// Lists the caller's buckets by name.
    pub(crate) async fn buckets(
        &self,
        account: AccountId,
    ) -> Result<Vec<(String, BucketRecord)>, Refusal> {
        let records = self.list_all(&buckets(account)).await?;
        let named = |record: &firelight_store::Record| -> Result<_, Refusal> {
            Ok((record.key.id().to_owned(), decode(&record.value.body)?))
        };
        records.iter().map(named).collect()
    }

    /// Changes a bucket by `change`, which may be run several times.
    pub(crate) async fn update_bucket(
        &self,
        caller: &Caller,
        name: &str,
        change: impl Fn(&mut BucketRecord),
    ) -> Result<(), Refusal> {
        for _ in 0..ATTEMPTS {
            let mut bucket = self.bucket(caller, name).await?;
            change(&mut bucket.found.record);
            if self.try_commit(write(&bucket)).await? {
                return Ok(());
            }
        }
        Err(Refusal::contended())
    }

    /// Deletes a bucket that has no objects; uploads that are in progress go with it.
    pub(crate) async fn delete_bucket(&self, caller: &Caller, name: &str) -> Result<(), Refusal> {
        for _ in 0..ATTEMPTS {
            let mut bucket = self.bucket(caller, name).await?;
            self.check_empty(&bucket).await?;
            if !bucket.record().closing {
                bucket.found.record.closing = true;
                self.try_commit(write(&bucket)).await?;
                // Now no object can come without taking the mark back: look once more.
                continue;
            }
            let mut txn = Txn::new()
                .delete(
                    bucket_key(bucket.owner, name),
                    Expect::Rev(bucket.found.rev),
                )
                .delete(name_key(name), Expect::Exists);
            for range in [
                uploads(bucket.owner, name, ""),
                parts_of_bucket(bucket.owner, name),
            ] {
                for left in self.list_all(&range).await? {
                    txn = txn.delete(left.key, Expect::Rev(left.value.rev));
                }
            }
            if self.try_commit(txn).await? {
                return Ok(());
            }
        }
        Err(Refusal::contended())
    }

    async fn check_empty(&self, bucket: &Bucket) -> Result<(), Refusal> {
        let ranges = [
            objects(bucket.owner, &bucket.name, ""),
            versions(bucket.owner, &bucket.name, ""),
        ];
        for range in ranges {
            if !self.list(&range, None, 1).await?.records.is_empty() {
                return Err(Refusal::bucket_not_empty(
                    &bucket.name,
                    bucket.is_versioned(),
                ));
            }
        }
        Ok(())
    }

    /// Begins a transaction that writes into a bucket: it must stand as it was found and stays open.
    pub(super) fn write_into(&self, bucket: &Bucket) -> Txn {
        if bucket.record().closing {
            let mut opened = bucket.clone();
            opened.found.record.closing = false;
            return write(&opened);
        }
        let key = bucket_key(bucket.owner, &bucket.name);
        Txn::new().check(key, Expect::Rev(bucket.found.rev))
    }
}

fn is_created_again(old: &BucketRecord, new: &BucketRecord) -> bool {
    let tags = |record: &BucketRecord| record.settings.get(Setting::TAGGING.name).cloned();
    let is_tagged_alike = tags(new).is_none_or(|given| Some(given) == tags(old));
    new.region == "us-east-1" && old.region == new.region && is_tagged_alike
}

fn write(bucket: &Bucket) -> Txn {
    let key = bucket_key(bucket.owner, &bucket.name);
    Txn::new().replace(key, bucket.found.rev, encode(bucket.record()))
}

/// A block that cannot be read blocks.
fn restricts_public(block: &str) -> bool {
    let block: Result<PublicAccessBlockConfiguration, _> = document::read(block);
    block.map_or(true, |block| block.restrict_public_buckets == Some(true))
}
