//! The operations of the S3 API, one function each, between the shapes of `s3s` and the depot.
//!
//! Deliberately absent: authentication, routing, and the encoding of bodies.

mod acl;
mod attributes;
mod buckets;
mod choices;
mod conditions;
mod configurations;
mod copy;
mod deletion;
mod encryption;
mod lifecycle;
mod listing;
mod multipart;
mod notifications;
mod objects;
mod policies;
mod tagging;

pub use attributes::CONTENT_HEADERS;
pub use tagging::tags_as_query;

use firelight_store::{Blobs, Store};
use http::HeaderMap;
use s3s::dto::{self, ETag, Owner, Timestamp};
use s3s::{S3, S3Request, S3Response, S3Result};
use sha2::{Digest, Sha256};

use crate::body::Trailers;
use crate::body::seal::hex;
use crate::creation::CreationTags;
use crate::depot::{Caller, Depot};
use crate::refusal::Refusal;

type Answer<T> = Result<S3Response<T>, Refusal>;

/// The S3 API over a depot.
pub(crate) struct Api<S, B> {
    pub(crate) depot: Depot<S, B>,
}

/// One request as its operation sees it.
struct Call<'a, S, B, I> {
    depot: &'a Depot<S, B>,
    caller: Caller,
    input: I,
    headers: HeaderMap,
    trailers: Trailers,
    creation_tags: CreationTags,
}

impl<'a, S, B, I> Call<'a, S, B, I> {
    fn new(depot: &'a Depot<S, B>, mut request: S3Request<I>) -> Result<Self, Refusal> {
        let caller = request.extensions.remove();
        Ok(Self {
            depot,
            caller: caller.ok_or_else(Refusal::access_denied)?,
            input: request.input,
            headers: request.headers,
            trailers: request.extensions.remove().unwrap_or_default(),
            creation_tags: request.extensions.remove().unwrap_or_default(),
        })
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Answers with an output.
fn answer<T>(output: T) -> Answer<T> {
    Ok(S3Response::new(output))
}

/// Returns an ETag as the protocol writes it.
fn etag(text: &str) -> ETag {
    ETag::Strong(text.to_owned())
}

fn timestamp(epoch_ms: u64) -> Timestamp {
    let since = std::time::Duration::from_millis(epoch_ms);
    Timestamp::from(std::time::UNIX_EPOCH + since)
}

/// Returns a length as the protocol writes it.
fn length(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// Returns a count as the protocol writes it.
fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// Returns the canonical user that an account is known as.
fn owner(account: firelight_model::AccountId) -> Owner {
    Owner {
        display_name: None,
        id: Some(hex(&Sha256::digest(account.to_string()))),
    }
}

/// Declares which function answers which operation.
macro_rules! operations {
    ($($module:ident { $($name:ident: $input:ident => $output:ident),* $(,)? })*) => {
        #[async_trait::async_trait]
        impl<S: Store, B: Blobs> S3 for Api<S, B> {
            $($(
                async fn $name(
                    &self,
                    request: S3Request<dto::$input>,
                ) -> S3Result<S3Response<dto::$output>> {
                    Ok($module::$name(Call::new(&self.depot, request)?).await?)
                }
            )*)*
        }
    };
}

operations! {
    buckets {
        create_bucket: CreateBucketInput => CreateBucketOutput,
        delete_bucket: DeleteBucketInput => DeleteBucketOutput,
        get_bucket_location: GetBucketLocationInput => GetBucketLocationOutput,
        get_bucket_versioning: GetBucketVersioningInput => GetBucketVersioningOutput,
        head_bucket: HeadBucketInput => HeadBucketOutput,
        list_buckets: ListBucketsInput => ListBucketsOutput,
        put_bucket_versioning: PutBucketVersioningInput => PutBucketVersioningOutput,
    }
    configurations {
        delete_bucket_cors: DeleteBucketCorsInput => DeleteBucketCorsOutput,
        delete_bucket_encryption: DeleteBucketEncryptionInput => DeleteBucketEncryptionOutput,
        delete_bucket_ownership_controls: DeleteBucketOwnershipControlsInput => DeleteBucketOwnershipControlsOutput,
        delete_bucket_policy: DeleteBucketPolicyInput => DeleteBucketPolicyOutput,
        delete_bucket_replication: DeleteBucketReplicationInput => DeleteBucketReplicationOutput,
        delete_bucket_tagging: DeleteBucketTaggingInput => DeleteBucketTaggingOutput,
        delete_bucket_website: DeleteBucketWebsiteInput => DeleteBucketWebsiteOutput,
        delete_public_access_block: DeletePublicAccessBlockInput => DeletePublicAccessBlockOutput,
        get_bucket_accelerate_configuration: GetBucketAccelerateConfigurationInput => GetBucketAccelerateConfigurationOutput,
        get_bucket_cors: GetBucketCorsInput => GetBucketCorsOutput,
        get_bucket_logging: GetBucketLoggingInput => GetBucketLoggingOutput,
        get_bucket_notification_configuration: GetBucketNotificationConfigurationInput => GetBucketNotificationConfigurationOutput,
        get_bucket_ownership_controls: GetBucketOwnershipControlsInput => GetBucketOwnershipControlsOutput,
        get_bucket_replication: GetBucketReplicationInput => GetBucketReplicationOutput,
        get_bucket_request_payment: GetBucketRequestPaymentInput => GetBucketRequestPaymentOutput,
        get_bucket_website: GetBucketWebsiteInput => GetBucketWebsiteOutput,
        get_object_lock_configuration: GetObjectLockConfigurationInput => GetObjectLockConfigurationOutput,
        get_public_access_block: GetPublicAccessBlockInput => GetPublicAccessBlockOutput,
        put_bucket_accelerate_configuration: PutBucketAccelerateConfigurationInput => PutBucketAccelerateConfigurationOutput,
        put_bucket_cors: PutBucketCorsInput => PutBucketCorsOutput,
        put_bucket_logging: PutBucketLoggingInput => PutBucketLoggingOutput,
        put_bucket_ownership_controls: PutBucketOwnershipControlsInput => PutBucketOwnershipControlsOutput,
        put_bucket_request_payment: PutBucketRequestPaymentInput => PutBucketRequestPaymentOutput,
        put_bucket_website: PutBucketWebsiteInput => PutBucketWebsiteOutput,
        put_public_access_block: PutPublicAccessBlockInput => PutPublicAccessBlockOutput,
    }
    acl {
        get_bucket_acl: GetBucketAclInput => GetBucketAclOutput,
        get_object_acl: GetObjectAclInput => GetObjectAclOutput,
        put_bucket_acl: PutBucketAclInput => PutBucketAclOutput,
        put_object_acl: PutObjectAclInput => PutObjectAclOutput,
    }
    deletion {
        delete_object: DeleteObjectInput => DeleteObjectOutput,
        delete_objects: DeleteObjectsInput => DeleteObjectsOutput,
    }
    encryption {
        get_bucket_encryption: GetBucketEncryptionInput => GetBucketEncryptionOutput,
        put_bucket_encryption: PutBucketEncryptionInput => PutBucketEncryptionOutput,
    }
    lifecycle {
        delete_bucket_lifecycle: DeleteBucketLifecycleInput => DeleteBucketLifecycleOutput,
        get_bucket_lifecycle_configuration: GetBucketLifecycleConfigurationInput => GetBucketLifecycleConfigurationOutput,
        put_bucket_lifecycle_configuration: PutBucketLifecycleConfigurationInput => PutBucketLifecycleConfigurationOutput,
    }
    notifications {
        put_bucket_notification_configuration: PutBucketNotificationConfigurationInput => PutBucketNotificationConfigurationOutput,
    }
    policies {
        get_bucket_policy_status: GetBucketPolicyStatusInput => GetBucketPolicyStatusOutput,
        get_bucket_policy: GetBucketPolicyInput => GetBucketPolicyOutput,
        put_bucket_policy: PutBucketPolicyInput => PutBucketPolicyOutput,
    }
    tagging {
        delete_object_tagging: DeleteObjectTaggingInput => DeleteObjectTaggingOutput,
        get_bucket_tagging: GetBucketTaggingInput => GetBucketTaggingOutput,
        get_object_tagging: GetObjectTaggingInput => GetObjectTaggingOutput,
        put_bucket_tagging: PutBucketTaggingInput => PutBucketTaggingOutput,
        put_object_tagging: PutObjectTaggingInput => PutObjectTaggingOutput,
    }
    objects {
        get_object: GetObjectInput => GetObjectOutput,
        get_object_attributes: GetObjectAttributesInput => GetObjectAttributesOutput,
        head_object: HeadObjectInput => HeadObjectOutput,
        put_object: PutObjectInput => PutObjectOutput,
    }
    copy {
        copy_object: CopyObjectInput => CopyObjectOutput,
        upload_part_copy: UploadPartCopyInput => UploadPartCopyOutput,
    }
    listing {
        list_object_versions: ListObjectVersionsInput => ListObjectVersionsOutput,
        list_objects: ListObjectsInput => ListObjectsOutput,
        list_objects_v2: ListObjectsV2Input => ListObjectsV2Output,
    }
    multipart {
        abort_multipart_upload: AbortMultipartUploadInput => AbortMultipartUploadOutput,
        complete_multipart_upload: CompleteMultipartUploadInput => CompleteMultipartUploadOutput,
        create_multipart_upload: CreateMultipartUploadInput => CreateMultipartUploadOutput,
        list_multipart_uploads: ListMultipartUploadsInput => ListMultipartUploadsOutput,
        list_parts: ListPartsInput => ListPartsOutput,
        upload_part: UploadPartInput => UploadPartOutput,
    }
}
