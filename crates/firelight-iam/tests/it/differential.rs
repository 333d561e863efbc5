//! Random policies and requests, decided by us and by the crate iam-rs.
//!
//! Left out is what the two are known to read differently: a star in one part of an ARN that would
//! have to reach into the next (AWS says it does not), and keys with several values.

use firelight_iam::{
    Context, Decision, Denial, DocumentKind, Policy, PolicySet, Principal, Request, decide,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const USER: &str = "arn:aws:iam::123456789012:user/ann";

/// The one condition key that the requests have, next to one they never have.
const KEYS: [&str; 2] = ["aws:username", "aws:absent"];

fn action_pattern() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "*",
        "s3:*",
        "s3:Get*",
        "s3:GetObject",
        "S3:getobject",
        "lambda:*",
        "s3:?etObject",
    ])
}

fn resource_pattern() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "*",
        "arn:aws:s3:::bucket/*",
        "arn:aws:s3:::bucket/a?",
        "arn:aws:s3:::other/*",
        "arn:aws:s3:::bucket/${aws:username}/*",
        "arn:aws:s3:::*",
    ])
}

fn condition() -> impl Strategy<Value = Option<Value>> {
    let text = [
        "StringEquals",
        "StringNotEquals",
        "StringLike",
        "StringNotLike",
        "StringEqualsIgnoreCase",
    ];
    let names: Vec<String> = text
        .iter()
        .flat_map(|name| [(*name).to_owned(), format!("{name}IfExists")])
        .collect();
    let one = (
        prop::sample::select(names),
        prop::sample::select(KEYS.to_vec()),
        prop::collection::vec(
            prop::sample::select(vec!["ann", "a*", "bob", "ANN", "*"]),
            1..3,
        ),
    );
    let built = one.prop_map(|(name, key, values)| json!({ name: { key: values } }));
    let null = (prop::sample::select(KEYS.to_vec()), any::<bool>())
        .prop_map(|(key, absent)| json!({ "Null": { key: absent.to_string() } }));
    prop_oneof![3 => Just(None), 4 => built.prop_map(Some), 1 => null.prop_map(Some)]
}

fn statement() -> impl Strategy<Value = Value> {
    let effect = prop::sample::select(vec!["Allow", "Allow", "Deny"]);
    let action = prop::sample::select(vec!["Action", "Action", "NotAction"]);
    let resource = prop::sample::select(vec!["Resource", "Resource", "NotResource"]);
    let parts = (
        effect,
        action,
        action_pattern(),
        resource,
        resource_pattern(),
        condition(),
    );
    parts.prop_map(
        |(effect, action, action_value, resource, resource_value, condition)| {
            let mut statement =
                json!({ "Effect": effect, action: action_value, resource: resource_value });
            if let Some(condition) = condition {
                statement["Condition"] = condition;
            }
            statement
        },
    )
}

fn ours(policy: &str, action: &str, resource: &str) -> &'static str {
    let policies = [Policy::parse(policy, DocumentKind::Identity).unwrap()];
    let principal = Principal::User {
        account: "123456789012".into(),
        arn: USER.into(),
    };
    let context = Context::new().with("aws:username", "ann");
    let request = Request {
        principal: &principal,
        action,
        resource,
        context: &context,
    };
    let set = PolicySet {
        identity: &policies,
        resource_account: "123456789012",
        ..PolicySet::default()
    };
    match decide(&request, &set) {
        Decision::Allowed => "allowed",
        Decision::Denied(Denial::Explicit(_)) => "denied",
        Decision::Denied(Denial::NoAllow(_)) => "not allowed",
    }
}

fn theirs(policy: &str, action: &str, resource: &str) -> &'static str {
    let policy: iam_rs::IAMPolicy = serde_json::from_str(policy).unwrap();
    let context = iam_rs::Context::new().with_string("aws:username", "ann");
    let request = iam_rs::IAMRequest::new_with_context(
        iam_rs::Principal::Aws(iam_rs::PrincipalId::String(USER.into())),
        action,
        iam_rs::Arn::parse(resource).unwrap(),
        context,
    );
    match iam_rs::evaluate_policy(&policy, &request).unwrap() {
        iam_rs::Decision::Allow => "allowed",
        iam_rs::Decision::Deny => "denied",
        iam_rs::Decision::NotApplicable => "not allowed",
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn both_decide_alike(
        statements in prop::collection::vec(statement(), 1..4),
        action in prop::sample::select(vec!["s3:GetObject", "s3:PutObject", "lambda:Invoke"]),
        resource in prop::sample::select(vec![
            "arn:aws:s3:::bucket/ab",
            "arn:aws:s3:::bucket/ann/x",
            "arn:aws:s3:::other/b",
        ]),
    ) {
        let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();

        prop_assert_eq!(
            ours(&policy, action, resource),
            theirs(&policy, action, resource),
            "{}", policy
        );
    }
}
