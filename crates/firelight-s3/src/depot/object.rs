//! Finding objects and their versions.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use firelight_store::{Blobs, Store};

use super::{Bucket, Depot, PAGE};
use crate::record::decode;
use crate::record::{Found, ObjectRecord, VersionRecord, object_key, version_key, versions_of};
use crate::refusal::Refusal;

/// The name of the version that a bucket without versioning holds.
const NULL: &str = "null";

/// An object, or one version of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) key: &'a str,
    pub(crate) version: Option<&'a str>,
}

impl<S: Store, B: Blobs> Depot<S, B> {
    /// Reads an object; a delete marker is no object.
    pub(crate) async fn object(
        &self,
        bucket: &Bucket,
        target: Target<'_>,
    ) -> Result<(VersionRecord, ObjectRecord), Refusal> {
        let Target { key, version } = target;
        let found = match version {
            Some(version) => {
                let found = self.version(bucket, key, version).await?;
                Some(found.ok_or_else(|| Refusal::no_such_version(key, version))?)
            }
            None => self.newest(bucket, key).await?,
        };
        let mut record = found.ok_or_else(|| Refusal::no_such_key(key))?.record;
        match record.object.take() {
            Some(object) => Ok((record, object)),
            None if version.is_some() => Err(Refusal::is_delete_marker(record.name())),
            None => Err(Refusal::deleted(key, record.name())),
        }
    }

    /// Reads the newest version of an object, which may be a delete marker.
    pub(super) async fn newest(
        &self,
        bucket: &Bucket,
        key: &str,
    ) -> Result<Option<Found<VersionRecord>>, Refusal> {
        let current = self.current(bucket, key).await?;
        if current.is_some() || !bucket.is_versioned() {
            return Ok(current);
        }
        Ok(self.first_versions(bucket, key, 1).await?.pop())
    }

    /// Reads the newest version of an object if it is not a delete marker.
    pub(super) async fn current(
        &self,
        bucket: &Bucket,
        key: &str,
    ) -> Result<Option<Found<VersionRecord>>, Refusal> {
        self.read(&object_key(bucket.owner, &bucket.name, key))
            .await
    }

    pub(super) async fn first_versions(
        &self,
        bucket: &Bucket,
        key: &str,
        limit: u32,
    ) -> Result<Vec<Found<VersionRecord>>, Refusal> {
        let range = versions_of(bucket.owner, &bucket.name, key);
        let page = self.list(&range, None, limit).await?;
        page.records.iter().map(found).collect()
    }

    /// Reads a version by its id.
    pub(super) async fn version(
        &self,
        bucket: &Bucket,
        key: &str,
        version: &str,
    ) -> Result<Option<Found<VersionRecord>>, Refusal> {
        if version == NULL {
            return self.null_version(bucket, key).await;
        }
        let sequence = sequence_of(version).ok_or_else(|| {
            Refusal::invalid_argument("versionId", version, "Invalid version id specified")
        })?;
        let key = version_key(bucket.owner, &bucket.name, key, sequence);
        let found: Option<Found<VersionRecord>> = self.read(&key).await?;
        Ok(found.filter(|found| found.record.id.as_deref() == Some(version)))
    }

    /// Reads the one version that has no id of its own.
    pub(super) async fn null_version(
        &self,
        bucket: &Bucket,
        key: &str,
    ) -> Result<Option<Found<VersionRecord>>, Refusal> {
        let range = versions_of(bucket.owner, &bucket.name, key);
        let mut after = None;
        loop {
            let page = self.list(&range, after.as_ref(), PAGE).await?;
            for record in &page.records {
                let found = found(record)?;
                if found.record.id.is_none() {
                    return Ok(Some(found));
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(None);
            }
        }
    }

    /// Makes the id of a version, which tells where its record lies.
    pub(super) fn new_version_id(&self, sequence: u64) -> String {
        let mut bytes = [0; 24];
        bytes[..16].copy_from_slice(&self.random());
        bytes[16..].copy_from_slice(&sequence.to_be_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

fn found(record: &firelight_store::Record) -> Result<Found<VersionRecord>, Refusal> {
    Ok(Found {
        rev: record.value.rev,
        record: decode(&record.value.body)?,
    })
}

fn sequence_of(version: &str) -> Option<u64> {
    let bytes = URL_SAFE_NO_PAD.decode(version).ok()?;
    let sequence: [u8; 8] = bytes.get(16..)?.try_into().ok()?;
    Some(u64::from_be_bytes(sequence)).filter(|sequence| *sequence > 0)
}
