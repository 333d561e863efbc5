//! Bucket policies, and what keeps them and access control lists from opening a bucket to everybody.
//!
//! Deliberately absent: decisions about requests. The front door asks for the policy and decides.

use firelight_iam::{DocumentKind, MalformedPolicy, Policy};
use firelight_store::{Blobs, Store};
use s3s::dto::{
    GetBucketPolicyInput, GetBucketPolicyOutput, GetBucketPolicyStatusInput,
    GetBucketPolicyStatusOutput, PolicyStatus, PublicAccessBlockConfiguration,
    PutBucketPolicyInput, PutBucketPolicyOutput,
};
use serde_json::Value;

use super::{Answer, Call, answer};
use crate::depot::{Bucket, Setting};
use crate::document;
use crate::refusal::Refusal;

/// The longest policy of a bucket.
const MAX_POLICY_BYTES: usize = 20 * 1024;

/// Returns what is kept from the public in a bucket.
pub(super) fn block(bucket: &Bucket) -> Result<PublicAccessBlockConfiguration, Refusal> {
    let put = Setting::PUBLIC_ACCESS_BLOCK.of(bucket);
    let block = put.map(document::read).transpose()?;
    Ok(block.unwrap_or_default())
}

pub(super) async fn get_bucket_policy<S: Store, B: Blobs>(
    call: Call<'_, S, B, GetBucketPolicyInput>,
) -> Answer<GetBucketPolicyOutput> {
    let bucket = call.depot.bucket(&call.caller, &call.input.bucket).await?;
    let policy = Setting::POLICY.required(&bucket)?.to_owned();
    answer(GetBucketPolicyOutput {
        policy: Some(policy),
    })
}

pub(super) async fn put_bucket_policy<S: Store, B: Blobs>(
    call: Call<'_, S, B, PutBucketPolicyInput>,
) -> Answer<PutBucketPolicyOutput> {
    let (name, text) = (&call.input.bucket, &call.input.policy);
    let policy = check(name, text)?;
    let bucket = call.depot.bucket(&call.caller, name).await?;
    let is_blocked = block(&bucket)?.block_public_policy == Some(true);
    if is_blocked && policy.is_some_and(|policy| policy.is_public()) {
        return Err(Refusal::denied(format!(
            "Not authorized to perform: s3:PutBucketPolicy on resource: \"arn:aws:s3:::{name}\" \
             because public policies are prevented by the BlockPublicPolicy setting in S3 Block \
             Public Access."
        )));
    }
    call.put(name, Setting::POLICY, text.clone()).await?;
    answer(PutBucketPolicyOutput {})
}

pub(super) async fn get_bucket_policy_status<S: Store, B: Blobs>(
    call: Call<'_, S, B, GetBucketPolicyStatusInput>,
) -> Answer<GetBucketPolicyStatusOutput> {
    let bucket = call.depot.bucket(&call.caller, &call.input.bucket).await?;
    let policy = Policy::parse(Setting::POLICY.required(&bucket)?, DocumentKind::Resource);
    let is_public = policy.is_ok_and(|policy| policy.is_public());
    answer(GetBucketPolicyStatusOutput {
        policy_status: Some(PolicyStatus {
            is_public: Some(is_public),
        }),
    })
}

/// Reads a policy as strictly as S3 does; one without statements says nothing.
fn check(bucket: &str, text: &str) -> Result<Option<Policy>, Refusal> {
    let malformed = |text: &str| Refusal::malformed_policy(text);
    if text.len() > MAX_POLICY_BYTES {
        return Err(malformed(
            "Policy exceeds the maximum allowed document size.",
        ));
    }
    let value: Value = serde_json::from_str(text)
        .map_err(|_| malformed("Policies must be valid JSON and the first byte must be '{'"))?;
    let statements = match value.get("Statement") {
        Some(Value::Array(statements)) => statements.as_slice(),
        Some(statement) => std::slice::from_ref(statement),
        None => return Err(malformed("Missing required field Statement")),
    };
    if statements.is_empty() {
        return Ok(None);
    }
    let policy = Policy::parse(text, DocumentKind::Resource);
    let policy = policy.map_err(|error| malformed(&words(&error)))?;
    for statement in statements {
        check_scope(bucket, statement)?;
    }
    Ok(Some(policy))
}

/// S3's words for what is wrong with a document.
fn words(error: &MalformedPolicy) -> String {
    match error {
        MalformedPolicy::NoActions => "Missing required field Action".to_owned(),
        MalformedPolicy::Principal(_) => "Invalid principal in policy".to_owned(),
        MalformedPolicy::ResourceFormat(_) => "Policy has invalid resource".to_owned(),
        MalformedPolicy::NoVendor => "Policy has invalid action".to_owned(),
        other => other.to_string(),
    }
}

/// A bucket's policy is about this bucket, and about nothing but S3.
fn check_scope(bucket: &str, statement: &Value) -> Result<(), Refusal> {
    let mut actions = ["Action", "NotAction"]
        .into_iter()
        .flat_map(|key| texts(statement, key));
    if actions.any(|action| action != "*" && !is_of_s3(action)) {
        return Err(Refusal::malformed_policy("Policy has invalid action"));
    }
    let mut resources = ["Resource", "NotResource"]
        .into_iter()
        .flat_map(|key| texts(statement, key));
    if !["Resource", "NotResource"]
        .iter()
        .any(|key| statement.get(key).is_some())
    {
        return Err(Refusal::malformed_policy("Missing required field Resource"));
    }
    if resources.any(|resource| resource != "*" && !names(resource, bucket)) {
        return Err(Refusal::malformed_policy("Policy has invalid resource"));
    }
    Ok(())
}

fn texts<'a>(statement: &'a Value, key: &str) -> impl Iterator<Item = &'a str> {
    let values = match statement.get(key) {
        Some(Value::Array(values)) => values.as_slice(),
        Some(value) => std::slice::from_ref(value),
        None => &[],
    };
    values.iter().filter_map(Value::as_str)
}

fn is_of_s3(action: &str) -> bool {
    let vendor = action.split(':').next().unwrap_or_default();
    vendor.eq_ignore_ascii_case("s3")
}

/// Tells whether a pattern of ARNs is about the bucket or what is in it.
fn names(resource: &str, bucket: &str) -> bool {
    let Some(path) = resource.strip_prefix("arn:aws:s3:::") else {
        return false;
    };
    let name = path.split('/').next().unwrap_or_default();
    match name.find(['*', '?']) {
        Some(at) => bucket.starts_with(&name[..at]),
        None => name == bucket,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(statement: &str) -> String {
        let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#);
        let refusal = check("b", &text).unwrap_err();
        assert_eq!(refusal.code, "MalformedPolicy");
        refusal.message
    }

    #[test]
    fn policy_about_anything_but_the_bucket_is_refused() {
        let all = r#""Effect":"Allow","Principal":"*""#;
        for (rest, words) in [
            (r#""Action":"s3:*""#, "Missing required field Resource"),
            (
                r#""Resource":"arn:aws:s3:::b""#,
                "Missing required field Action",
            ),
            (
                r#""Action":"s3:GetObject","Resource":"arn:aws:s3:::other/*""#,
                "Policy has invalid resource",
            ),
            (
                r#""Action":"lambda:*","Resource":"arn:aws:s3:::b""#,
                "Policy has invalid action",
            ),
            (
                r#""Action":"s3:GetObject","Resource":["arn:aws:s3:::b/*","b/*"]"#,
                "Policy has invalid resource",
            ),
        ] {
            assert_eq!(refusal(&format!("{{{all},{rest}}}")), words, "{rest}");
        }
        let nobody = r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b"}"#;
        assert_eq!(refusal(nobody), "Missing required field Principal");
    }

    #[test]
    fn pattern_may_begin_like_the_bucket() {
        for (resource, expected) in [
            ("arn:aws:s3:::bucket", true),
            ("arn:aws:s3:::bucket/*", true),
            ("arn:aws:s3:::buck*", true),
            ("arn:aws:s3:::bucket-b/*", false),
            ("arn:aws:lambda:::bucket", false),
        ] {
            assert_eq!(names(resource, "bucket"), expected, "{resource}");
        }
    }
}
