//! Configurations of a bucket that are kept as the documents they came as, and tags of objects.

use firelight_store::{Blobs, Expect, Store};

use super::object::Target;
use super::{ATTEMPTS, Bucket, Caller, Depot};
use crate::record::{ObjectRecord, VersionRecord, encode, object_key, version_key};
use crate::refusal::Refusal;

/// A configuration, and S3's words for its absence.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// As in the query of the request.
    pub(crate) name: &'static str,
    absent: (&'static str, &'static str),
}

impl Setting {
    const fn new(name: &'static str, code: &'static str, text: &'static str) -> Self {
        Self {
            name,
            absent: (code, text),
        }
    }

    /// A configuration that is never absent: its reader knows a default.
    const fn with_default(name: &'static str) -> Self {
        Self::new(name, "", "")
    }

    pub(crate) const ACCELERATE: Self = Self::with_default("accelerate");
    pub(crate) const ACL: Self = Self::with_default("acl");
    pub(crate) const ENCRYPTION: Self = Self::with_default("encryption");
    pub(crate) const LOGGING: Self = Self::with_default("logging");
    pub(crate) const NOTIFICATION: Self = Self::with_default("notification");
    pub(crate) const REQUEST_PAYMENT: Self = Self::with_default("requestPayment");
    pub(crate) const SMALLEST_TRANSITION: Self = Self::with_default("lifecycle-smallest");
    pub(crate) const CORS: Self = Self::new(
        "cors",
        "NoSuchCORSConfiguration",
        "The CORS configuration does not exist",
    );
    pub(crate) const LIFECYCLE: Self = Self::new(
        "lifecycle",
        "NoSuchLifecycleConfiguration",
        "The lifecycle configuration does not exist",
    );
    pub(crate) const OBJECT_LOCK: Self = Self::new(
        "object-lock",
        "ObjectLockConfigurationNotFoundError",
        "Object Lock configuration does not exist for this bucket",
    );
    pub(crate) const OWNERSHIP: Self = Self::new(
        "ownershipControls",
        "OwnershipControlsNotFoundError",
        "The bucket ownership controls were not found",
    );
    pub(crate) const POLICY: Self = Self::new(
        "policy",
        "NoSuchBucketPolicy",
        "The bucket policy does not exist",
    );
    pub(crate) const PUBLIC_ACCESS_BLOCK: Self = Self::new(
        "publicAccessBlock",
        "NoSuchPublicAccessBlockConfiguration",
        "The public access block configuration was not found",
    );
    pub(crate) const REPLICATION: Self = Self::new(
        "replication",
        "ReplicationConfigurationNotFoundError",
        "The replication configuration was not found",
    );
    pub(crate) const TAGGING: Self =
        Self::new("tagging", "NoSuchTagSet", "The TagSet does not exist");
    pub(crate) const WEBSITE: Self = Self::new(
        "website",
        "NoSuchWebsiteConfiguration",
        "The specified bucket does not have a website configuration",
    );

    /// Returns the document of a bucket, if it was ever put.
    pub(crate) fn of(self, bucket: &Bucket) -> Option<&str> {
        bucket.record().settings.get(self.name).map(String::as_str)
    }

    /// Returns the document of a bucket, or S3's error for a bucket without one.
    pub(crate) fn required(self, bucket: &Bucket) -> Result<&str, Refusal> {
        let (code, text) = self.absent;
        self.of(bucket)
            .ok_or_else(|| Refusal::no_configuration(code, text, &bucket.name))
    }
}

impl<S: Store, B: Blobs> Depot<S, B> {
    /// Keeps a document, or with `None` forgets it.
    pub(crate) async fn set(
        &self,
        caller: &Caller,
        bucket: &str,
        setting: Setting,
        document: Option<String>,
    ) -> Result<(), Refusal> {
        let change = |record: &mut crate::record::BucketRecord| {
            let settings = &mut record.settings;
            match &document {
                Some(document) => settings.insert(setting.name.to_owned(), document.clone()),
                None => settings.remove(setting.name),
            };
        };
        self.update_bucket(caller, bucket, change).await
    }

    /// Changes what is told about a version, which keeps its content and its age; returns its id.
    pub(crate) async fn update_object(
        &self,
        caller: &Caller,
        bucket: &str,
        target: Target<'_>,
        change: impl Fn(&mut ObjectRecord),
    ) -> Result<VersionRecord, Refusal> {
        for _ in 0..ATTEMPTS {
            let bucket = self.bucket(caller, bucket).await?;
            let (mut version, mut object) = self.object(&bucket, target).await?;
            change(&mut object);
            version.object = Some(object);
            let place = version_key(bucket.owner, &bucket.name, target.key, version.sequence);
            let mut txn =
                self.write_into(&bucket)
                    .put(place.clone(), Expect::Exists, encode(&version));
            let current = self.current(&bucket, target.key).await?;
            if let Some(current) = current.filter(|it| it.record.sequence == version.sequence) {
                let newest = object_key(bucket.owner, &bucket.name, target.key);
                txn = txn.replace(newest, current.rev, encode(&version));
            }
            if self.try_commit(txn).await? {
                return Ok(version);
            }
        }
        Err(Refusal::contended())
    }
}
