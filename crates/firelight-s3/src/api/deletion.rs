//! Deleting objects, one by one or by the list.

use firelight_store::{Blobs, Store};
use s3s::dto::{
    DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject,
    ETagCondition, Error as DeleteError, ObjectIdentifier,
};

use super::conditions::of_write;
use super::{Answer, Call, answer};
use crate::depot::{Deleted, MAX_ENTRIES, Target};
use crate::refusal::Refusal;

/// Conditions that only directory buckets know.
const OF_DIRECTORIES: [&str; 2] = ["x-amz-if-match-last-modified-time", "x-amz-if-match-size"];

pub(super) async fn delete_object<S: Store, B: Blobs>(
    call: Call<'_, S, B, DeleteObjectInput>,
) -> Answer<DeleteObjectOutput> {
    if let Some(header) = OF_DIRECTORIES
        .iter()
        .find(|name| call.header(name).is_some())
    {
        return Err(Refusal::not_implemented(header));
    }
    let input = &call.input;
    let target = Target {
        key: &input.key,
        version: input.version_id.as_deref(),
    };
    let conditions = of_write(input.if_match.as_ref(), None)?;
    let deleted = call
        .depot
        .delete_object(&call.caller, &input.bucket, target, &conditions)
        .await?;
    answer(DeleteObjectOutput {
        delete_marker: deleted.is_marker.then_some(true),
        version_id: deleted.version,
        ..DeleteObjectOutput::default()
    })
}

pub(super) async fn delete_objects<S: Store, B: Blobs>(
    call: Call<'_, S, B, DeleteObjectsInput>,
) -> Answer<DeleteObjectsOutput> {
    let input = &call.input;
    let delete = &input.delete;
    if delete.objects.is_empty() || delete.objects.len() > MAX_ENTRIES {
        return Err(Refusal::malformed_xml());
    }
    call.depot.bucket(&call.caller, &input.bucket).await?;
    let is_quiet = delete.quiet.unwrap_or(false);
    let (mut done, mut errors) = (Vec::new(), Vec::new());
    for object in &delete.objects {
        match delete_one(&call, object).await {
            Ok(_) if is_quiet => {}
            Ok(deleted) => done.push(entry(object, deleted)),
            Err(refusal) => errors.push(DeleteError {
                code: Some(refusal.code.to_string()),
                key: Some(object.key.clone()),
                message: Some(refusal.message),
                version_id: object.version_id.clone(),
            }),
        }
    }
    answer(DeleteObjectsOutput {
        deleted: Some(done),
        errors: Some(errors),
        ..DeleteObjectsOutput::default()
    })
}

async fn delete_one<S: Store, B: Blobs>(
    call: &Call<'_, S, B, DeleteObjectsInput>,
    object: &ObjectIdentifier,
) -> Result<Deleted, Refusal> {
    let target = Target {
        key: &object.key,
        version: object.version_id.as_deref(),
    };
    call.caller.check_deletion(target)?;
    let condition = object.e_tag.clone().map(ETagCondition::ETag);
    let conditions = of_write(condition.as_ref(), None)?;
    let (caller, bucket) = (&call.caller, &call.input.bucket);
    call.depot
        .delete_object(caller, bucket, target, &conditions)
        .await
}

fn entry(object: &ObjectIdentifier, deleted: Deleted) -> DeletedObject {
    DeletedObject {
        delete_marker: deleted.is_marker.then_some(true),
        delete_marker_version_id: deleted.version.filter(|_| deleted.is_marker),
        key: Some(object.key.clone()),
        version_id: object.version_id.clone(),
    }
}
