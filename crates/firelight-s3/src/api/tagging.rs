//! Tags of buckets and of objects.

use firelight_store::{Blobs, Store};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::{
    DeleteObjectTaggingInput, DeleteObjectTaggingOutput, GetBucketTaggingInput,
    GetBucketTaggingOutput, GetObjectTaggingInput, GetObjectTaggingOutput, PutBucketTaggingInput,
    PutBucketTaggingOutput, PutObjectTaggingInput, PutObjectTaggingOutput, Tag, Tagging,
};

use super::attributes::{BUCKET_TAGS, OBJECT_TAGS, TagRules, check_tags};
use super::{Answer, Call, answer};
use crate::depot::{Setting, Target};
use crate::document;
use crate::refusal::Refusal;

fn pairs(tags: &[Tag], rules: &TagRules) -> Result<Vec<(String, String)>, Refusal> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let pairs: Vec<_> = tags
        .iter()
        .map(|tag| (text(&tag.key), text(&tag.value)))
        .collect();
    check_tags(&pairs, rules)?;
    Ok(pairs)
}

fn tag((key, value): (String, String)) -> Tag {
    Tag {
        key: Some(key),
        value: Some(value),
    }
}

/// Checks the tags of a bucket and returns the document that they are kept as.
pub(super) fn of_bucket(tags: &[Tag]) -> Result<String, Refusal> {
    pairs(tags, &BUCKET_TAGS)?;
    let tag_set = tags.to_vec();
    document::write(&Tagging { tag_set })
}

pub(super) async fn put_bucket_tagging<S: Store, B: Blobs>(
    call: Call<'_, S, B, PutBucketTaggingInput>,
) -> Answer<PutBucketTaggingOutput> {
    let text = of_bucket(&call.input.tagging.tag_set)?;
    let (caller, bucket) = (&call.caller, &call.input.bucket);
    call.depot
        .set(caller, bucket, Setting::TAGGING, Some(text))
        .await?;
    answer(PutBucketTaggingOutput {})
}

pub(super) async fn get_bucket_tagging<S: Store, B: Blobs>(
    call: Call<'_, S, B, GetBucketTaggingInput>,
) -> Answer<GetBucketTaggingOutput> {
    let bucket = call.depot.bucket(&call.caller, &call.input.bucket).await?;
    answer(document::read(Setting::TAGGING.required(&bucket)?)?)
}

pub(super) async fn put_object_tagging<S: Store, B: Blobs>(
    call: Call<'_, S, B, PutObjectTaggingInput>,
) -> Answer<PutObjectTaggingOutput> {
    let input = &call.input;
    let tags = pairs(&input.tagging.tag_set, &OBJECT_TAGS)?;
    let target = Target {
        key: &input.key,
        version: input.version_id.as_deref(),
    };
    let version_id = retag(&call, &input.bucket, target, &tags).await?;
    answer(PutObjectTaggingOutput { version_id })
}

pub(super) async fn delete_object_tagging<S: Store, B: Blobs>(
    call: Call<'_, S, B, DeleteObjectTaggingInput>,
) -> Answer<DeleteObjectTaggingOutput> {
    let input = &call.input;
    let target = Target {
        key: &input.key,
        version: input.version_id.as_deref(),
    };
    let version_id = retag(&call, &input.bucket, target, &[]).await?;
    answer(DeleteObjectTaggingOutput { version_id })
}

async fn retag<S: Store, B: Blobs, I>(
    call: &Call<'_, S, B, I>,
    bucket: &str,
    target: Target<'_>,
    tags: &[(String, String)],
) -> Result<Option<String>, Refusal> {
    let change = |object: &mut crate::record::ObjectRecord| object.attributes.tags = tags.to_vec();
    let version = call
        .depot
        .update_object(&call.caller, bucket, target, change)
        .await?;
    Ok(version.id)
}

pub(super) async fn get_object_tagging<S: Store, B: Blobs>(
    call: Call<'_, S, B, GetObjectTaggingInput>,
) -> Answer<GetObjectTaggingOutput> {
    let input = &call.input;
    let bucket = call.depot.bucket(&call.caller, &input.bucket).await?;
    let target = Target {
        key: &input.key,
        version: input.version_id.as_deref(),
    };
    let (version, object) = call.depot.object(&bucket, target).await?;
    answer(GetObjectTaggingOutput {
        tag_set: object.attributes.tags.into_iter().map(tag).collect(),
        version_id: version.id,
    })
}

/// Returns the tags of a document as the header of an upload has them.
///
/// # Errors
/// It is no such document.
pub fn tags_as_query(text: &str) -> Result<String, Refusal> {
    let tagging: Tagging = document::read(text).map_err(|_| Refusal::malformed_xml())?;
    let escape = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let text = |part: Option<String>| escape(&part.unwrap_or_default());
    let pairs = tagging
        .tag_set
        .into_iter()
        .map(|tag| format!("{}={}", text(tag.key), text(tag.value)));
    Ok(pairs.collect::<Vec<_>>().join("&"))
}
