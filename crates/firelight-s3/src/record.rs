//! What is stored of buckets and objects, and under which keys.
//!
//! ```text
//!  system/s3-bucket-name/<bucket>                 whose bucket it is: names are taken for everybody
//!  <account>/s3-bucket/<bucket>                   the bucket with its settings
//!  <account>/s3-object/<bucket>/<key>             the newest version, unless that is a delete marker
//!  <account>/s3-version/<bucket>/<key>\0<newest>  every version, newest first
//!  <account>/s3-upload/<bucket>/<key>\0<upload>   a multipart upload in progress
//!  <account>/s3-part/<bucket>/<upload>/<number>   a part of it
//! ```
//!
//! A version is written under both `s3-object` and `s3-version` in one transaction, so that listing objects and reading
//! the newest needs one range and one key, and its blobs stay named by `s3-version` until it is deleted.
//!
//! The format rules are those of every record: unknown fields are ignored, a field that joins is optional, a field
//! never changes its meaning.

use std::collections::BTreeMap;

use bytes::Bytes;
use firelight_model::AccountId;
use firelight_store::{BlobDigest, Key, Kind, Prefix, Rev};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(crate) const NAME: Kind<'_> = Kind::new("s3-bucket-name");
const BUCKET: Kind<'_> = Kind::new("s3-bucket");
const OBJECT: Kind<'_> = Kind::new("s3-object");
pub(crate) const VERSION: Kind<'_> = Kind::new("s3-version");
const UPLOAD: Kind<'_> = Kind::new("s3-upload");
pub(crate) const PART: Kind<'_> = Kind::new("s3-part");

/// Ends the key of an object within an id. No key contains it, and it sorts before every other character.
pub(crate) const END_OF_KEY: char = '\0';

/// Whose a bucket name is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NameRecord {
    pub(crate) account: String,
}

/// A bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BucketRecord {
    pub(crate) region: String,
    pub(crate) created_ms: u64,
    #[serde(default)]
    pub(crate) versioning: Option<Versioning>,
    /// Somebody found the bucket empty and is about to delete it; whoever writes an object takes this back.
    #[serde(default)]
    pub(crate) closing: bool,
    /// Configurations as the documents they were put as, by the name of their query parameter.
    #[serde(default)]
    pub(crate) settings: BTreeMap<String, String>,
}

/// Whether overwritten and deleted objects are kept. Once it was enabled it can only be suspended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Versioning {
    Enabled,
    Suspended,
}

/// One version of an object, or the mark that it was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VersionRecord {
    /// Counts the versions of a key.
    pub(crate) sequence: u64,
    /// `None` for the version of a bucket that keeps none, which clients call `null`.
    #[serde(default)]
    pub(crate) id: Option<String>,
    pub(crate) modified_ms: u64,
    /// `None` for a delete marker.
    pub(crate) object: Option<ObjectRecord>,
}

impl VersionRecord {
    /// Returns the version id as clients write it.
    pub(crate) fn name(&self) -> &str {
        self.id.as_deref().unwrap_or("null")
    }
}

/// The content of an object and all that is told about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ObjectRecord {
    pub(crate) size: u64,
    /// Without quotes.
    pub(crate) etag: String,
    pub(crate) content: Vec<Segment>,
    /// Empty unless the object was uploaded in parts.
    #[serde(default)]
    pub(crate) parts: Vec<PartSize>,
    #[serde(default)]
    pub(crate) checksum: Option<ChecksumRecord>,
    #[serde(flatten)]
    pub(crate) attributes: Attributes,
    /// The upload that made the object, so that completing it again after a lost answer succeeds.
    #[serde(default)]
    pub(crate) upload: Option<String>,
}

/// What the writer of an object says about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attributes {
    /// Headers that are given back as they came, by their names in lower case.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) metadata: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) tags: Vec<(String, String)>,
    #[serde(default)]
    pub(crate) storage_class: Option<String>,
    #[serde(default)]
    pub(crate) acl: Option<String>,
}

/// A stretch of content, which is one blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) digest: BlobDigest,
    pub(crate) size: u64,
}

impl Serialize for Segment {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        (self.digest.to_string(), self.size).serialize(to)
    }
}

impl<'de> Deserialize<'de> for Segment {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (digest, size) = <(String, u64)>::deserialize(from)?;
        let digest = digest.parse().map_err(D::Error::custom)?;
        Ok(Self { digest, size })
    }
}

/// A part of an object that was uploaded in parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PartSize {
    pub(crate) number: u32,
    pub(crate) size: u64,
    #[serde(default)]
    pub(crate) checksum: Option<String>,
}

/// A checksum in base64.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChecksumRecord {
    /// As in `x-amz-checksum-algorithm`.
    pub(crate) algorithm: String,
    pub(crate) value: String,
    /// Over the checksums of the parts instead of the content.
    #[serde(default)]
    pub(crate) composite: bool,
}

/// A multipart upload in progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UploadRecord {
    pub(crate) initiated_ms: u64,
    #[serde(default)]
    pub(crate) checksum_algorithm: Option<String>,
    #[serde(default)]
    pub(crate) composite: bool,
    #[serde(flatten)]
    pub(crate) attributes: Attributes,
}

/// A part of an upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PartRecord {
    pub(crate) size: u64,
    pub(crate) etag: String,
    pub(crate) modified_ms: u64,
    pub(crate) content: Vec<Segment>,
    #[serde(default)]
    pub(crate) checksum: Option<ChecksumRecord>,
}

pub(crate) fn name_key(bucket: &str) -> Key {
    Key::system(NAME, bucket)
}

pub(crate) fn bucket_key(account: AccountId, bucket: &str) -> Key {
    Key::new(account, BUCKET, bucket)
}

pub(crate) fn buckets(account: AccountId) -> Prefix {
    Prefix::kind(account, BUCKET)
}

pub(crate) fn object_key(account: AccountId, bucket: &str, key: &str) -> Key {
    Key::new(account, OBJECT, format_args!("{bucket}/{key}"))
}

/// The objects of a bucket whose keys begin with `prefix`.
pub(crate) fn objects(account: AccountId, bucket: &str, prefix: &str) -> Prefix {
    Prefix::ids(account, OBJECT, format_args!("{bucket}/{prefix}"))
}

pub(crate) fn version_key(account: AccountId, bucket: &str, key: &str, sequence: u64) -> Key {
    let newest_first = u64::MAX - sequence;
    let id = format_args!("{bucket}/{key}{END_OF_KEY}{newest_first:016x}");
    Key::new(account, VERSION, id)
}

/// A key behind all versions of an object and before those of the next.
pub(crate) fn behind_versions(account: AccountId, bucket: &str, key: &str) -> Key {
    Key::new(
        account,
        VERSION,
        format_args!("{bucket}/{key}{END_OF_KEY}~"),
    )
}

/// The versions of the objects whose keys begin with `prefix`.
pub(crate) fn versions(account: AccountId, bucket: &str, prefix: &str) -> Prefix {
    Prefix::ids(account, VERSION, format_args!("{bucket}/{prefix}"))
}

/// The versions of one object.
pub(crate) fn versions_of(account: AccountId, bucket: &str, key: &str) -> Prefix {
    Prefix::ids(account, VERSION, format_args!("{bucket}/{key}{END_OF_KEY}"))
}

pub(crate) fn upload_key(account: AccountId, bucket: &str, key: &str, upload: &str) -> Key {
    let id = format_args!("{bucket}/{key}{END_OF_KEY}{upload}");
    Key::new(account, UPLOAD, id)
}

/// The uploads of objects whose keys begin with `prefix`.
pub(crate) fn uploads(account: AccountId, bucket: &str, prefix: &str) -> Prefix {
    Prefix::ids(account, UPLOAD, format_args!("{bucket}/{prefix}"))
}

pub(crate) fn part_key(account: AccountId, bucket: &str, upload: &str, number: u32) -> Key {
    let id = format_args!("{bucket}/{upload}/{number:05}");
    Key::new(account, PART, id)
}

/// The parts of an upload.
pub(crate) fn parts(account: AccountId, bucket: &str, upload: &str) -> Prefix {
    Prefix::ids(account, PART, format_args!("{bucket}/{upload}/"))
}

/// The parts of every upload to a bucket.
pub(crate) fn parts_of_bucket(account: AccountId, bucket: &str) -> Prefix {
    Prefix::ids(account, PART, format_args!("{bucket}/"))
}

/// Splits the id of a version or an upload into the key of the object and what comes behind it.
pub(crate) fn split_id<'a>(bucket: &str, id: &'a str) -> Option<(&'a str, &'a str)> {
    object_of(bucket, id)?.rsplit_once(END_OF_KEY)
}

/// Returns the key of the object in an id that begins with its bucket.
pub(crate) fn object_of<'a>(bucket: &str, id: &'a str) -> Option<&'a str> {
    id.strip_prefix(bucket)?.strip_prefix('/')
}

/// A record with the revision its next write must state.
#[derive(Clone, Debug)]
pub(crate) struct Found<T> {
    pub(crate) rev: Rev,
    pub(crate) record: T,
}

pub(crate) fn encode(record: &impl Serialize) -> Bytes {
    serde_json::to_vec(record)
        .expect("records have text keys and no custom failures")
        .into()
}

pub(crate) fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_the_first_release_can_be_read() {
        let body = r#"{"sequence":7,"id":"v7","modified_ms":5,"object":{"size":3,
            "etag":"900150983cd24fb0d6963f7d28e17f72",
            "content":[["ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",3]],
            "parts":[{"number":1,"size":3}],
            "checksum":{"algorithm":"CRC32","value":"NSRBwg=="},
            "headers":{"content-type":"text/plain"},"metadata":{"a":"b"},"tags":[["k","v"]],
            "joined-later":true}}"#;

        let record: VersionRecord = decode(body.as_bytes()).unwrap();

        let object = record.object.clone().unwrap();
        assert_eq!(object.content[0].digest, BlobDigest::of(b"abc"));
        assert_eq!(object.attributes.headers["content-type"], "text/plain");
        assert_eq!(decode::<VersionRecord>(&encode(&record)).unwrap(), record);
    }

    #[test]
    fn newer_versions_sort_before_older_ones_and_keys_stay_in_their_order() {
        let account = "000000000000".parse().unwrap();
        let key = |key: &str, sequence| version_key(account, "b", key, sequence);

        assert!(key("a", 2) < key("a", 1));
        assert!(key("a", 1) < behind_versions(account, "b", "a"));
        assert!(behind_versions(account, "b", "a") < key("a\u{1}", 9));
        assert_eq!(
            split_id("b", key("x/y", 1).id()).map(|(key, _)| key),
            Some("x/y")
        );
    }
}
