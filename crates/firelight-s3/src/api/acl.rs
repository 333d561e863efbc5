//! Access control lists: given back as they were set, without any effect. Accounts are kept apart whatever they say.

use firelight_store::{Blobs, Store};
use http::HeaderMap;
use s3s::dto::{
    AccessControlPolicy, BucketCannedACL, GetBucketAclInput, GetBucketAclOutput, GetObjectAclInput,
    GetObjectAclOutput, Grant, Grantee, ObjectOwnership, OwnershipControls, Permission,
    PutBucketAclInput, PutBucketAclOutput, PutObjectAclInput, PutObjectAclOutput, Type,
};

use super::{Answer, Call, answer, choices, owner, policies};
use crate::depot::{Bucket, Setting, Target};
use crate::document;
use crate::refusal::Refusal;

const EVERYBODY: &str = "http://acs.amazonaws.com/groups/global/AllUsers";
const AUTHENTICATED: &str = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";
/// What gives something to everybody, or to everybody with an account.
const PUBLIC: [&str; 3] = ["public-read", "public-read-write", "authenticated-read"];
/// What may be set where lists are off, as it changes nothing.
const HARMLESS: [&str; 2] = ["private", "bucket-owner-full-control"];

/// Tells what a canned list stands for.
fn canned(bucket: &Bucket, name: &str) -> Vec<Grant> {
    let own = Grantee {
        display_name: None,
        email_address: None,
        id: owner(bucket.owner).id,
        type_: Type::from_static(Type::CANONICAL_USER),
        uri: None,
    };
    let group = |uri: &str| Grantee {
        display_name: None,
        email_address: None,
        id: None,
        type_: Type::from_static(Type::GROUP),
        uri: Some(uri.to_owned()),
    };
    let grant = |grantee, permission| Grant {
        grantee: Some(grantee),
        permission: Some(Permission::from_static(permission)),
    };
    let mut grants = vec![grant(own, Permission::FULL_CONTROL)];
    match name {
        "public-read" => grants.push(grant(group(EVERYBODY), Permission::READ)),
        "public-read-write" => {
            grants.push(grant(group(EVERYBODY), Permission::READ));
            grants.push(grant(group(EVERYBODY), Permission::WRITE));
        }
        "authenticated-read" => grants.push(grant(group(AUTHENTICATED), Permission::READ)),
        _ => {}
    }
    grants
}

/// Refuses lists in a bucket that has them off, and such as open anything where that is blocked.
fn check_allowed(bucket: &Bucket, name: Option<&str>) -> Result<(), Refusal> {
    check_ownership(bucket, name)?;
    let is_public = name.is_some_and(|name| PUBLIC.contains(&name));
    if is_public && policies::block(bucket)?.block_public_acls == Some(true) {
        let text = "Public ACLs are prevented by the BlockPublicAcls setting in S3 Block Public \
                    Access.";
        return Err(Refusal::denied(text));
    }
    Ok(())
}

/// Checks the list that the writer of an object chooses, if any.
pub(super) fn check_chosen(bucket: &Bucket, headers: &HeaderMap) -> Result<(), Refusal> {
    let mut names = headers.keys().map(http::HeaderName::as_str);
    if let Some(grant) = names.find(|name| name.starts_with("x-amz-grant-")) {
        check_ownership(bucket, None)?;
        return Err(Refusal::not_implemented(grant));
    }
    match headers.get("x-amz-acl").and_then(|name| name.to_str().ok()) {
        Some(name) => check_allowed(bucket, Some(name)),
        None => Ok(()),
    }
}

fn check_ownership(bucket: &Bucket, name: Option<&str>) -> Result<(), Refusal> {
    let Some(controls) = Setting::OWNERSHIP.of(bucket) else {
        return Ok(());
    };
    let controls: OwnershipControls = document::read(controls)?;
    let enforced = ObjectOwnership::BUCKET_OWNER_ENFORCED;
    let is_off = controls
        .rules
        .iter()
        .any(|rule| rule.object_ownership.as_str() == enforced);
    let is_harmless = name.is_some_and(|name| HARMLESS.contains(&name));
    if is_off && !is_harmless {
        return Err(Refusal::acl_not_supported());
    }
    Ok(())
}

pub(super) async fn get_bucket_acl<S: Store, B: Blobs>(
    call: Call<'_, S, B, GetBucketAclInput>,
) -> Answer<GetBucketAclOutput> {
    let bucket = call.depot.bucket(&call.caller, &call.input.bucket).await?;
    let set = Setting::ACL.of(&bucket).unwrap_or(BucketCannedACL::PRIVATE);
    let grants = if set.starts_with('<') {
        let policy: AccessControlPolicy = document::read(set)?;
        policy.grants.unwrap_or_default()
    } else {
        canned(&bucket, set)
    };
    answer(GetBucketAclOutput {
        grants: Some(grants),
        owner: Some(owner(bucket.owner)),
    })
}

pub(super) async fn put_bucket_acl<S: Store, B: Blobs>(
    call: Call<'_, S, B, PutBucketAclInput>,
) -> Answer<PutBucketAclOutput> {
    let input = &call.input;
    let bucket = call.depot.bucket(&call.caller, &input.bucket).await?;
    let name = input.acl.as_ref().map(BucketCannedACL::as_str);
    check_allowed(&bucket, name)?;
    let set = match (name, &input.access_control_policy) {
        (Some(name), _) => name.to_owned(),
        (None, Some(policy)) => document::write(policy)?,
        (None, None) => return Err(Refusal::not_implemented("x-amz-grant")),
    };
    call.depot
        .set(&call.caller, &input.bucket, Setting::ACL, Some(set))
        .await?;
    answer(PutBucketAclOutput {})
}

pub(super) async fn get_object_acl<S: Store, B: Blobs>(
    call: Call<'_, S, B, GetObjectAclInput>,
) -> Answer<GetObjectAclOutput> {
    let input = &call.input;
    let bucket = call.depot.bucket(&call.caller, &input.bucket).await?;
    let target = Target {
        key: &input.key,
        version: input.version_id.as_deref(),
    };
    let (_, object) = call.depot.object(&bucket, target).await?;
    let name = object.attributes.acl.unwrap_or_default();
    answer(GetObjectAclOutput {
        grants: Some(canned(&bucket, &name)),
        owner: Some(owner(bucket.owner)),
        ..GetObjectAclOutput::default()
    })
}

pub(super) async fn put_object_acl<S: Store, B: Blobs>(
    call: Call<'_, S, B, PutObjectAclInput>,
) -> Answer<PutObjectAclOutput> {
    choices::check(&call.headers)?;
    let input = &call.input;
    let bucket = call.depot.bucket(&call.caller, &input.bucket).await?;
    let name = input.acl.as_ref().map(|acl| acl.as_str().to_owned());
    check_allowed(&bucket, name.as_deref())?;
    let name = name.ok_or_else(|| Refusal::not_implemented("x-amz-grant"))?;
    let target = Target {
        key: &input.key,
        version: input.version_id.as_deref(),
    };
    let change =
        |object: &mut crate::record::ObjectRecord| object.attributes.acl = Some(name.clone());
    call.depot
        .update_object(&call.caller, &input.bucket, target, change)
        .await?;
    answer(PutObjectAclOutput::default())
}
