//! Who may assume a role.

use firelight_iam::{
    Context, Decision, DocumentKind, Policy, PolicySet, Principal, Request, decide_trust,
};

const ACCOUNT: &str = "123456789012";
const ROLE: &str = "arn:aws:iam::123456789012:role/app";
const ALLOW_ALL: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;

fn may_assume(principal: &Principal, trusted: &str, identity: &[Policy]) -> bool {
    let text = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{trusted},
            "Action":"sts:AssumeRole"}}}}"#
    );
    let trust = Policy::parse(&text, DocumentKind::Trust).unwrap();
    let context = Context::new();
    let request = Request {
        principal,
        action: "sts:AssumeRole",
        resource: ROLE,
        context: &context,
    };
    let policies = PolicySet {
        identity,
        resource: Some(&trust),
        resource_account: ACCOUNT,
        ..PolicySet::default()
    };
    decide_trust(&request, &policies) == Decision::Allowed
}

#[test]
fn service_is_trusted_by_name() {
    let lambda = Principal::Service {
        name: "lambda.amazonaws.com".into(),
    };

    assert!(may_assume(
        &lambda,
        r#"{"Service":"lambda.amazonaws.com"}"#,
        &[]
    ));
    assert!(may_assume(
        &lambda,
        r#"{"Service":["ec2.amazonaws.com","lambda.amazonaws.com"]}"#,
        &[]
    ));
    assert!(!may_assume(
        &lambda,
        r#"{"Service":"ec2.amazonaws.com"}"#,
        &[]
    ));
}

#[test]
fn trusted_account_still_has_to_allow_its_user() {
    let user = Principal::User {
        account: ACCOUNT.into(),
        arn: format!("arn:aws:iam::{ACCOUNT}:user/a"),
    };
    let all = [Policy::parse(ALLOW_ALL, DocumentKind::Identity).unwrap()];
    let account = format!(r#"{{"AWS":"arn:aws:iam::{ACCOUNT}:root"}}"#);
    let itself = format!(r#"{{"AWS":"arn:aws:iam::{ACCOUNT}:user/a"}}"#);

    assert!(!may_assume(&user, &account, &[]));
    assert!(may_assume(&user, &account, &all));
    assert!(may_assume(&user, &itself, &[]));
}

#[test]
fn own_policy_without_trust_is_not_enough() {
    let user = Principal::User {
        account: ACCOUNT.into(),
        arn: format!("arn:aws:iam::{ACCOUNT}:user/a"),
    };
    let all = [Policy::parse(ALLOW_ALL, DocumentKind::Identity).unwrap()];

    assert!(!may_assume(
        &user,
        r#"{"Service":"lambda.amazonaws.com"}"#,
        &all
    ));
}
