//! Putting objects: a new version becomes the newest one.

use firelight_store::{Blobs, Expect, Store, Txn};

use super::{ATTEMPTS, Bucket, Caller, Depot};
use crate::record::{Found, ObjectRecord, VersionRecord, encode, object_key, version_key};
use crate::refusal::Refusal;

/// The longest key of an object.
const MAX_KEY_BYTES: usize = 1024;

/// What must hold of the object that is there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conditions {
    pub(crate) if_match: Option<Condition>,
    pub(crate) if_none_match: bool,
}

/// An ETag that has to be there.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    Any,
    Etag(String),
}

impl Conditions {
    pub(super) fn check(&self, key: &str, current: Option<&ObjectRecord>) -> Result<(), Refusal> {
        if self.if_none_match && current.is_some() {
            return Err(Refusal::precondition_failed("If-None-Match"));
        }
        match (&self.if_match, current) {
            (Some(_), None) => Err(Refusal::no_such_key(key)),
            (Some(Condition::Etag(etag)), Some(object)) if *etag != object.etag => {
                Err(Refusal::precondition_failed("If-Match"))
            }
            _ => Ok(()),
        }
    }
}

impl<S: Store, B: Blobs> Depot<S, B> {
    /// Makes an object the newest version under its key.
    pub(crate) async fn put_object(
        &self,
        caller: &Caller,
        bucket: &str,
        key: &str,
        object: ObjectRecord,
        conditions: &Conditions,
    ) -> Result<VersionRecord, Refusal> {
        check_key(key)?;
        let also = |txn| txn;
        self.put_version(caller, bucket, key, Some(object), conditions, also)
            .await
    }

    /// Adds a version, or with no object a delete marker; `also` adds to the transaction.
    pub(super) async fn put_version(
        &self,
        caller: &Caller,
        bucket: &str,
        key: &str,
        object: Option<ObjectRecord>,
        conditions: &Conditions,
        also: impl Fn(Txn) -> Txn,
    ) -> Result<VersionRecord, Refusal> {
        for _ in 0..ATTEMPTS {
            let bucket = self.bucket(caller, bucket).await?;
            let newest = self.newest(&bucket, key).await?;
            let current = newest
                .as_ref()
                .and_then(|found| found.record.object.as_ref());
            conditions.check(key, current)?;
            let (version, txn) = self.decide(&bucket, key, newest, object.clone()).await?;
            if self.try_commit(also(txn)).await? {
                return Ok(version);
            }
        }
        Err(Refusal::contended())
    }

    async fn decide(
        &self,
        bucket: &Bucket,
        key: &str,
        newest: Option<Found<VersionRecord>>,
        object: Option<ObjectRecord>,
    ) -> Result<(VersionRecord, Txn), Refusal> {
        let replaced = self.replaced(bucket, key, newest.as_ref()).await?;
        let newest_sequence = newest.as_ref().map_or(0, |newest| newest.record.sequence);
        // A version that replaces the newest one takes its place, any other comes before it.
        let in_place = replaced
            .as_ref()
            .is_some_and(|replaced| replaced.record.sequence == newest_sequence);
        let sequence = if in_place {
            newest_sequence
        } else {
            newest_sequence + 1
        };
        let version = VersionRecord {
            sequence,
            id: bucket
                .keeps_versions()
                .then(|| self.new_version_id(sequence)),
            modified_ms: self.now_ms(),
            object,
        };
        let place = |sequence| version_key(bucket.owner, &bucket.name, key, sequence);
        let mut txn = self.write_into(bucket);
        txn = match replaced {
            Some(replaced) if in_place => {
                txn.replace(place(sequence), replaced.rev, encode(&version))
            }
            Some(replaced) => txn
                .delete(place(replaced.record.sequence), Expect::Rev(replaced.rev))
                .create(place(sequence), encode(&version)),
            None => txn.create(place(sequence), encode(&version)),
        };
        let current = newest.filter(|newest| newest.record.object.is_some());
        Ok((
            version.clone(),
            set_current(txn, bucket, key, current.as_ref(), &version),
        ))
    }

    /// Finds the version that a new one replaces: where none are kept, the one without an id.
    async fn replaced(
        &self,
        bucket: &Bucket,
        key: &str,
        newest: Option<&Found<VersionRecord>>,
    ) -> Result<Option<Found<VersionRecord>>, Refusal> {
        if bucket.keeps_versions() || newest.is_none() {
            return Ok(None);
        }
        self.null_version(bucket, key).await
    }
}

/// Lets the record of the newest version follow.
pub(super) fn set_current(
    txn: Txn,
    bucket: &Bucket,
    key: &str,
    current: Option<&Found<VersionRecord>>,
    version: &VersionRecord,
) -> Txn {
    let place = object_key(bucket.owner, &bucket.name, key);
    match (current, &version.object) {
        (Some(current), Some(_)) => txn.replace(place, current.rev, encode(version)),
        (Some(current), None) => txn.delete(place, Expect::Rev(current.rev)),
        (None, Some(_)) => txn.create(place, encode(version)),
        (None, None) => txn.check(place, Expect::Absent),
    }
}

pub(super) fn check_key(key: &str) -> Result<(), Refusal> {
    if key.len() > MAX_KEY_BYTES {
        return Err(Refusal::key_too_long(key.len(), MAX_KEY_BYTES));
    }
    if key.contains(crate::record::END_OF_KEY) {
        return Err(Refusal::invalid_argument(
            "Key",
            "",
            "A key cannot contain a null character",
        ));
    }
    Ok(())
}
