//! What calls of S3 need, and what protects the buckets they are about.

use std::sync::Arc;

use firelight_control::sts::Identity;
use firelight_iam::{DocumentKind, Policy};
use firelight_s3::{BucketAccess, Endpoint, bucket_of};
use http::Method;
use http::header::HOST;
use http::request::Parts;
use percent_encoding::percent_decode_str;

use super::keys::with_keys;
use crate::authorization::Permission;
use crate::context::RequestContext;
use crate::error::ApiError;

/// Subresources of a bucket with the part of a permission's name that they stand for.
const OF_BUCKET: [(&str, &str); 23] = [
    ("accelerate", "AccelerateConfiguration"),
    ("acl", "BucketAcl"),
    ("analytics", "AnalyticsConfiguration"),
    ("cors", "BucketCORS"),
    ("encryption", "EncryptionConfiguration"),
    ("intelligent-tiering", "IntelligentTieringConfiguration"),
    ("inventory", "InventoryConfiguration"),
    ("lifecycle", "LifecycleConfiguration"),
    ("location", "BucketLocation"),
    ("logging", "BucketLogging"),
    ("metrics", "MetricsConfiguration"),
    ("notification", "BucketNotification"),
    ("object-lock", "BucketObjectLockConfiguration"),
    ("ownershipControls", "BucketOwnershipControls"),
    ("policy", "BucketPolicy"),
    ("policyStatus", "BucketPolicyStatus"),
    ("publicAccessBlock", "BucketPublicAccessBlock"),
    ("replication", "ReplicationConfiguration"),
    ("requestPayment", "BucketRequestPayment"),
    ("tagging", "BucketTagging"),
    ("versioning", "BucketVersioning"),
    ("website", "BucketWebsite"),
    ("abac", "BucketAbac"),
];

/// Listings of a bucket that are no plain listing.
const LISTINGS: [(&str, &str); 2] = [
    ("uploads", "ListBucketMultipartUploads"),
    ("versions", "ListBucketVersions"),
];

/// Subresources of an object.
const OF_OBJECT: [(&str, &str); 5] = [
    ("acl", "ObjectAcl"),
    ("attributes", "ObjectAttributes"),
    ("legal-hold", "ObjectLegalHold"),
    ("retention", "ObjectRetention"),
    ("tagging", "ObjectTagging"),
];

/// Returns what a request needs: on its object or bucket first, and then on what it copies from.
pub(crate) async fn permissions(
    endpoint: &Endpoint,
    context: &RequestContext,
    request: &Parts,
) -> Result<Vec<Permission>, ApiError> {
    let mut needed = Vec::new();
    for permission in needs(context, request)? {
        needed.push(protected(endpoint, context, permission).await?);
    }
    Ok(needed)
}

/// Adds who owns the bucket, and the bucket's policy. A bucket that does not exist belongs to whoever asks.
async fn protected(
    endpoint: &Endpoint,
    context: &RequestContext,
    permission: Permission,
) -> Result<Permission, ApiError> {
    let Some(bucket) = protected_bucket(&permission) else {
        return Ok(permission);
    };
    let access = endpoint.bucket_access(bucket).await;
    let access = access.map_err(|error| ApiError::internal_from(&*error))?;
    Ok(match access {
        Some(access) => {
            let policy = access.policy.as_deref().and_then(parsed);
            let policy = policy.filter(|policy| counts(policy, &access, context));
            permission.of(access.owner, policy)
        }
        None => permission,
    })
}

/// A public policy lets in nobody from outside where the bucket restricts that.
fn counts(policy: &Policy, access: &BucketAccess, context: &RequestContext) -> bool {
    let is_outside =
        context.caller.identity == Identity::Anonymous || context.account != access.owner;
    !(access.restricts_public && is_outside && policy.is_public())
}

/// A bucket that is only being named may well be somebody else's.
fn protected_bucket(permission: &Permission) -> Option<&str> {
    let resource = permission.resource.strip_prefix("arn:aws:s3:::")?;
    let is_creation = permission.action == "s3:CreateBucket";
    resource.split('/').next().filter(|_| !is_creation)
}

fn parsed(document: &str) -> Option<Arc<Policy>> {
    let policy = Policy::parse(document, DocumentKind::Resource);
    policy.ok().map(Arc::new)
}

/// Returns what a request needs, before anything is known of the buckets.
fn needs(context: &RequestContext, request: &Parts) -> Result<Vec<Permission>, ApiError> {
    let name = decoded_name(request);
    let query = Query(request.uri.query().unwrap_or_default());
    query.check_conflicts()?;
    let (action, resource) = match name.split_once('/') {
        Some((_, key)) if !key.is_empty() => (on_object(&request.method, &query), &*name),
        _ if name.trim_end_matches('/').is_empty() => {
            return Ok(vec![Permission::new(context, "s3:ListAllMyBuckets", "*")]);
        }
        _ => (
            on_bucket(&request.method, &query),
            name.trim_end_matches('/'),
        ),
    };
    let resource = match request.method {
        // A POST to a bucket is about its objects: a list of them to delete, or a form upload.
        Method::POST if !resource.contains('/') => format!("arn:aws:s3:::{resource}/*"),
        _ => format!("arn:aws:s3:::{resource}"),
    };
    let permission = Permission::new(context, action, resource);
    let mut needed = vec![with_keys(permission, request)];
    needed.extend(copied_from(context, request));
    needed.extend(told_beside(&needed[0], request));
    Ok(needed)
}

/// What a writer says of an object beside its content needs permissions of its own.
fn told_beside(permission: &Permission, request: &Parts) -> Vec<Permission> {
    let has = |name: &str| request.headers.contains_key(name);
    let grants = || {
        let mut names = request.headers.keys().map(http::HeaderName::as_str);
        names.any(|name| name == "x-amz-acl" || name.starts_with("x-amz-grant-"))
    };
    if permission.action != "s3:PutObject" {
        return Vec::new();
    }
    let further = [
        ("s3:PutObjectTagging", has("x-amz-tagging")),
        ("s3:PutObjectAcl", grants()),
    ];
    let needed = further.into_iter().filter(|(_, is_needed)| *is_needed);
    needed
        .map(|(action, _)| permission.clone().for_action(action))
        .collect()
}

/// Tells whether a request names in its body what it is about: the keys to delete.
pub(crate) fn names_keys_in_body(needed: &[Permission], request: &Parts) -> bool {
    request.method == Method::POST
        && needed
            .first()
            .is_some_and(|permission| permission.action == "s3:DeleteObject")
}

/// Returns what it takes to be told that the key of an object that is read does not exist.
pub(crate) fn listing_behind(needed: &[Permission], request: &Parts) -> Option<Permission> {
    let first = needed.first()?;
    let is_read = matches!(request.method, Method::GET | Method::HEAD)
        && first.action.starts_with("s3:GetObject");
    let (bucket, _) = first.resource.split_once('/')?;
    let mut listing = first.clone().for_action("s3:ListBucket");
    listing.resource = bucket.to_owned();
    is_read.then_some(listing)
}

/// Returns what deleting one of the keys that a body names needs.
pub(crate) fn deletion(whole: &Permission, key: &str, version: Option<&str>) -> Permission {
    let action = match version {
        Some(_) => "s3:DeleteObjectVersion",
        None => "s3:DeleteObject",
    };
    let bucket = whole.resource.trim_end_matches('*');
    let mut permission = whole.clone().for_action(action);
    permission.resource = format!("{bucket}{key}");
    match version {
        Some(version) => permission.with_key("s3:VersionId", version),
        None => permission,
    }
}

/// Returns `bucket/key`, wherever the bucket is named.
pub(super) fn decoded_name(request: &Parts) -> String {
    let path = request.uri.path();
    let path = percent_decode_str(path.strip_prefix('/').unwrap_or(path)).decode_utf8_lossy();
    let host = request
        .headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    match bucket_of(host) {
        Some(bucket) => format!("{bucket}/{path}"),
        None => path.into_owned(),
    }
}

fn copied_from(context: &RequestContext, request: &Parts) -> Option<Permission> {
    let source = request.headers.get("x-amz-copy-source")?.to_str().ok()?;
    let (source, version) = source.split_once('?').unwrap_or((source, ""));
    let source = percent_decode_str(source.trim_start_matches('/')).decode_utf8_lossy();
    let action = if version.is_empty() {
        "s3:GetObject"
    } else {
        "s3:GetObjectVersion"
    };
    Some(Permission::new(
        context,
        action,
        format!("arn:aws:s3:::{source}"),
    ))
}

struct Query<'a>(&'a str);

impl Query<'_> {
    fn has(&self, name: &str) -> bool {
        self.0
            .split('&')
            .any(|pair| pair.split('=').next() == Some(name))
    }

    fn subresource(&self, known: &[(&'static str, &'static str)]) -> Option<&'static str> {
        known
            .iter()
            .find(|(name, _)| self.has(name))
            .map(|(_, permission)| *permission)
    }

    /// A request is about one thing, so that it cannot be allowed as one and done as another.
    fn check_conflicts(&self) -> Result<(), ApiError> {
        let known = OF_BUCKET.iter().chain(&LISTINGS).chain(&OF_OBJECT);
        let others = [
            "uploadId",
            "delete",
            "restore",
            "select",
            "torrent",
            "list-type",
        ];
        let mut named: Vec<&str> = known.map(|(name, _)| *name).chain(others).collect();
        named.sort_unstable();
        named.dedup();
        named.retain(|name| self.has(name));
        if named.len() < 2 {
            return Ok(());
        }
        let text = format!("Conflicting query string parameters: {}", named.join(", "));
        Err(ApiError::bad_request("InvalidArgument", text))
    }
}

fn on_object(method: &Method, query: &Query<'_>) -> String {
    let verb = match *method {
        Method::GET | Method::HEAD => "Get",
        Method::DELETE => "Delete",
        _ => "Put",
    };
    let part = query.subresource(&OF_OBJECT);
    let version = if query.has("versionId") {
        "Version"
    } else {
        ""
    };
    let action = match (verb, part) {
        ("Get", None) if query.has("uploadId") => "ListMultipartUploadParts".to_owned(),
        ("Delete", None) if query.has("uploadId") => "AbortMultipartUpload".to_owned(),
        ("Put", None) if query.has("restore") => "RestoreObject".to_owned(),
        ("Put", None) => "PutObject".to_owned(),
        (verb, None) => format!("{verb}Object{version}"),
        (verb, Some(part)) => {
            format!(
                "{verb}{}",
                part.replacen("Object", &format!("Object{version}"), 1)
            )
        }
    };
    format!("s3:{action}")
}

fn on_bucket(method: &Method, query: &Query<'_>) -> String {
    let part = query.subresource(&OF_BUCKET);
    let action = match (method, part) {
        (&Method::GET | &Method::HEAD, Some(part)) => format!("Get{part}"),
        (&Method::DELETE, Some("BucketPolicy")) => "DeleteBucketPolicy".to_owned(),
        (&Method::DELETE, Some("BucketWebsite")) => "DeleteBucketWebsite".to_owned(),
        (_, Some(part)) => format!("Put{part}"),
        (&Method::POST, None) if query.has("delete") => "DeleteObject".to_owned(),
        (&Method::POST, None) => "PutObject".to_owned(),
        (&Method::PUT, None) => "CreateBucket".to_owned(),
        (&Method::DELETE, None) => "DeleteBucket".to_owned(),
        (_, None) => query
            .subresource(&LISTINGS)
            .unwrap_or("ListBucket")
            .to_owned(),
    };
    format!("s3:{action}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(method: Method, path: &str) -> String {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let query = Query(query);
        match path.split_once('/') {
            Some(_) => on_object(&method, &query),
            None => on_bucket(&method, &query),
        }
    }

    #[test]
    fn permissions_are_named_as_in_policies() {
        for (method, path, expected) in [
            (Method::GET, "b/k", "s3:GetObject"),
            (Method::HEAD, "b/k?versionId=v", "s3:GetObjectVersion"),
            (Method::GET, "b/k?tagging", "s3:GetObjectTagging"),
            (
                Method::GET,
                "b/k?tagging&versionId=v",
                "s3:GetObjectVersionTagging",
            ),
            (Method::PUT, "b/k?partNumber=1&uploadId=u", "s3:PutObject"),
            (Method::GET, "b/k?uploadId=u", "s3:ListMultipartUploadParts"),
            (Method::DELETE, "b/k?uploadId=u", "s3:AbortMultipartUpload"),
            (Method::GET, "b?list-type=2", "s3:ListBucket"),
            (Method::GET, "b?versions", "s3:ListBucketVersions"),
            (Method::GET, "b?encryption", "s3:GetEncryptionConfiguration"),
            (Method::PUT, "b?acl", "s3:PutBucketAcl"),
            (Method::POST, "b?delete", "s3:DeleteObject"),
            (Method::DELETE, "b?tagging", "s3:PutBucketTagging"),
        ] {
            assert_eq!(action(method, path), expected, "{path}");
        }
    }

    #[test]
    fn request_about_two_things_is_refused() {
        assert!(Query("acl&policy").check_conflicts().is_err());
        assert!(Query("list-type=2&policy").check_conflicts().is_err());
        assert!(
            Query("versions&prefix=a&max-keys=2")
                .check_conflicts()
                .is_ok()
        );
        assert!(
            Query("uploadId=u&partNumber=1&x-id=UploadPart")
                .check_conflicts()
                .is_ok()
        );
    }
}
