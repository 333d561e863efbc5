//! Condition keys of S3: what a request says in its headers and its query.

use std::borrow::Cow;

use firelight_wire::query_value;
use http::header::{AUTHORIZATION, REFERER, USER_AGENT};
use http::request::Parts;
use percent_encoding::percent_decode_str;

use super::form::OfForm;
use crate::authorization::Permission;

/// Headers that are keys under `s3:` by their own names.
const HEADERS: [&str; 14] = [
    "if-match",
    "if-none-match",
    "x-amz-acl",
    "x-amz-content-sha256",
    "x-amz-copy-source",
    "x-amz-grant-full-control",
    "x-amz-grant-read",
    "x-amz-grant-read-acp",
    "x-amz-grant-write",
    "x-amz-grant-write-acp",
    "x-amz-metadata-directive",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-storage-class",
];

/// Parameters of the query with their keys.
const PARAMETERS: [(&str, &str); 4] = [
    ("delimiter", "s3:delimiter"),
    ("max-keys", "s3:max-keys"),
    ("prefix", "s3:prefix"),
    ("versionId", "s3:VersionId"),
];

/// Adds the keys of a request to what it needs.
pub(super) fn with_keys(permission: Permission, request: &Parts) -> Permission {
    let header = |name: &str| request.headers.get(name)?.to_str().ok();
    let named = HEADERS.map(|name| (format!("s3:{name}"), header(name).map(str::to_owned)));
    let asked = PARAMETERS.map(|(name, key)| (key.to_owned(), parameter(request, name)));
    let general = [(USER_AGENT, "aws:UserAgent"), (REFERER, "aws:Referer")]
        .map(|(name, key)| (key.to_owned(), header(name.as_str()).map(str::to_owned)));
    let given = named.into_iter().chain(asked).chain(general);
    let permission = given.fold(permission, |permission, (key, value)| match value {
        Some(value) => permission.with_key(&key, value),
        None => permission,
    });
    let permission = with_object_tags(permission, header("x-amz-tagging").unwrap_or_default());
    match authentication(request) {
        Some(kind) => permission.with_key("s3:authType", kind),
        None => permission,
    }
}

fn with_object_tags(permission: Permission, tagging: &str) -> Permission {
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pairs = tagging.split('&').filter_map(|pair| pair.split_once('='));
    let tags: Vec<(String, String)> = pairs
        .map(|(key, value)| (decode(key), decode(value)))
        .collect();
    let keys = tags.iter().map(|(key, _)| key.clone()).collect();
    let permission = permission.with_keys("s3:RequestObjectTagKeys", keys);
    tags.into_iter()
        .fold(permission, |permission, (key, value)| {
            permission.with_key(&format!("s3:RequestObjectTag/{key}"), value)
        })
}

fn parameter(request: &Parts, name: &str) -> Option<String> {
    query_value(request.uri.query(), name).map(Cow::into_owned)
}

/// Returns how a request is signed, if it is.
fn authentication(request: &Parts) -> Option<&'static str> {
    let is_in_query = || {
        let names = ["X-Amz-Signature", "Signature"];
        names.iter().any(|name| parameter(request, name).is_some())
    };
    if request.extensions.get::<OfForm>().is_some() {
        Some("POST")
    } else if request.headers.contains_key(AUTHORIZATION) {
        Some("REST-HEADER")
    } else {
        is_in_query().then_some("REST-QUERY-STRING")
    }
}
