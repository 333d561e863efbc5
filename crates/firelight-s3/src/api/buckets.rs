//! Buckets: created, told about, deleted; their versioning.

use std::collections::BTreeMap;

use firelight_store::{Blobs, Store};
use http::{HeaderMap, HeaderValue};
use s3s::S3Response;
use s3s::dto::{
    Bucket as BucketEntry, BucketLocationConstraint, BucketVersioningStatus, CreateBucketInput,
    CreateBucketOutput, DeleteBucketInput, DeleteBucketOutput, GetBucketLocationInput,
    GetBucketLocationOutput, GetBucketVersioningInput, GetBucketVersioningOutput, HeadBucketInput,
    HeadBucketOutput, ListBucketsInput, ListBucketsOutput, ObjectOwnership, OwnershipControls,
    OwnershipControlsRule, PublicAccessBlockConfiguration, PutBucketVersioningInput,
    PutBucketVersioningOutput,
};

use super::{Answer, Call, answer, owner, tagging, timestamp};
use crate::creation::CreationTags;
use crate::depot::{NewBucket, Setting};
use crate::document;
use crate::record::Versioning;
use crate::refusal::Refusal;

/// The region that is never named as a location.
const FIRST_REGION: &str = "us-east-1";

pub(super) async fn create_bucket<S: Store, B: Blobs>(
    call: Call<'_, S, B, CreateBucketInput>,
) -> Answer<CreateBucketOutput> {
    let Call {
        depot,
        caller,
        input,
        ..
    } = &call;
    let location = input
        .create_bucket_configuration
        .as_ref()
        .and_then(|configuration| configuration.location_constraint.as_ref())
        .map(BucketLocationConstraint::as_str)
        .filter(|location| !location.is_empty());
    // Whoever calls the first region may place a bucket anywhere; any other takes only its own.
    let region = location.unwrap_or(&caller.region);
    if caller.region != FIRST_REGION && region != caller.region {
        return Err(Refusal::illegal_location(region));
    }
    let mut placed = caller.clone();
    region.clone_into(&mut placed.region);
    let new = NewBucket {
        name: input.bucket.clone(),
        settings: first_settings(input, &call.creation_tags)?,
    };
    depot.create_bucket(&placed, new).await?;
    let mut headers = HeaderMap::new();
    if let Ok(arn) = HeaderValue::try_from(format!("arn:aws:s3:::{}", input.bucket)) {
        headers.insert("x-amz-bucket-arn", arn);
    }
    let location = Some(format!("/{}", input.bucket));
    Ok(S3Response::with_headers(
        CreateBucketOutput { location },
        headers,
    ))
}

/// What a bucket is created with: nothing is public, and access control lists are off unless asked for.
fn first_settings(
    input: &CreateBucketInput,
    CreationTags(tags): &CreationTags,
) -> Result<BTreeMap<String, String>, Refusal> {
    let mut settings = BTreeMap::new();
    let mut set = |setting: Setting, document| settings.insert(setting.name.to_owned(), document);
    let enforced = ObjectOwnership::from_static(ObjectOwnership::BUCKET_OWNER_ENFORCED);
    let object_ownership = input.object_ownership.clone().unwrap_or(enforced);
    let rules = vec![OwnershipControlsRule { object_ownership }];
    set(
        Setting::OWNERSHIP,
        document::write(&OwnershipControls { rules })?,
    );
    let blocked = PublicAccessBlockConfiguration {
        block_public_acls: Some(true),
        block_public_policy: Some(true),
        ignore_public_acls: Some(true),
        restrict_public_buckets: Some(true),
    };
    set(Setting::PUBLIC_ACCESS_BLOCK, document::write(&blocked)?);
    if !tags.is_empty() {
        set(Setting::TAGGING, tagging::of_bucket(tags)?);
    }
    if let Some(acl) = &input.acl {
        set(Setting::ACL, acl.as_str().to_owned());
    }
    Ok(settings)
}

pub(super) async fn delete_bucket<S: Store, B: Blobs>(
    call: Call<'_, S, B, DeleteBucketInput>,
) -> Answer<DeleteBucketOutput> {
    call.depot
        .delete_bucket(&call.caller, &call.input.bucket)
        .await?;
    answer(DeleteBucketOutput {})
}

pub(super) async fn head_bucket<S: Store, B: Blobs>(
    call: Call<'_, S, B, HeadBucketInput>,
) -> Answer<HeadBucketOutput> {
    let bucket = call.depot.bucket(&call.caller, &call.input.bucket).await?;
    answer(HeadBucketOutput {
        bucket_region: Some(bucket.record().region.clone()),
        access_point_alias: Some(false),
        ..HeadBucketOutput::default()
    })
}

pub(super) async fn get_bucket_location<S: Store, B: Blobs>(
    call: Call<'_, S, B, GetBucketLocationInput>,
) -> Answer<GetBucketLocationOutput> {
    let bucket = call.depot.bucket(&call.caller, &call.input.bucket).await?;
    let region = bucket.record().region.clone();
    let named = (region != FIRST_REGION).then(|| BucketLocationConstraint::from(region));
    answer(GetBucketLocationOutput {
        location_constraint: named,
    })
}

pub(super) async fn list_buckets<S: Store, B: Blobs>(
    call: Call<'_, S, B, ListBucketsInput>,
) -> Answer<ListBucketsOutput> {
    let Call {
        depot,
        caller,
        input,
        ..
    } = call;
    let mut buckets = depot.buckets(caller.account).await?;
    let prefix = input.prefix.clone().unwrap_or_default();
    let after = input.continuation_token.unwrap_or_default();
    buckets.retain(|(name, record)| {
        let in_region = input
            .bucket_region
            .as_ref()
            .is_none_or(|region| *region == record.region);
        name.starts_with(&prefix) && *name > after && in_region
    });
    let limit = input
        .max_buckets
        .and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.unwrap_or(usize::MAX);
    let more = buckets.len() > limit;
    buckets.truncate(limit);
    let last = buckets.last().map(|(name, _)| name.clone());
    let entry = |(name, record): (String, crate::record::BucketRecord)| BucketEntry {
        bucket_region: Some(record.region),
        creation_date: Some(timestamp(record.created_ms)),
        name: Some(name),
    };
    answer(ListBucketsOutput {
        buckets: Some(buckets.into_iter().map(entry).collect()),
        continuation_token: last.filter(|_| more),
        owner: Some(owner(caller.account)),
        prefix: input.prefix,
    })
}

pub(super) async fn get_bucket_versioning<S: Store, B: Blobs>(
    call: Call<'_, S, B, GetBucketVersioningInput>,
) -> Answer<GetBucketVersioningOutput> {
    let bucket = call.depot.bucket(&call.caller, &call.input.bucket).await?;
    let status = bucket
        .record()
        .versioning
        .map(|versioning| match versioning {
            Versioning::Enabled => BucketVersioningStatus::ENABLED,
            Versioning::Suspended => BucketVersioningStatus::SUSPENDED,
        });
    answer(GetBucketVersioningOutput {
        status: status.map(BucketVersioningStatus::from_static),
        ..GetBucketVersioningOutput::default()
    })
}

pub(super) async fn put_bucket_versioning<S: Store, B: Blobs>(
    call: Call<'_, S, B, PutBucketVersioningInput>,
) -> Answer<PutBucketVersioningOutput> {
    let configuration = &call.input.versioning_configuration;
    let status = configuration
        .status
        .as_ref()
        .map(BucketVersioningStatus::as_str);
    let versioning = match status {
        Some(BucketVersioningStatus::ENABLED) => Versioning::Enabled,
        Some(BucketVersioningStatus::SUSPENDED) => Versioning::Suspended,
        Some(_) => return Err(Refusal::malformed_xml()),
        None => return Err(Refusal::illegal_versioning()),
    };
    let change = |record: &mut crate::record::BucketRecord| record.versioning = Some(versioning);
    call.depot
        .update_bucket(&call.caller, &call.input.bucket, change)
        .await?;
    answer(PutBucketVersioningOutput {})
}
