//! Who is allowed what, by which combination of policies.

use firelight_iam::{
    Context, Decision, Denial, DocumentKind, Policy, PolicySet, PolicySource, Principal, Request,
    decide,
};

const ACCOUNT: &str = "123456789012";
const OTHER: &str = "210987654321";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:f";
const ACTION: &str = "lambda:InvokeFunction";

const ALLOW_ALL: &str = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#;
const DENY_INVOKE: &str = r#"{"Effect":"Deny","Action":"lambda:Invoke*","Resource":"*"}"#;
const ALLOW_S3: &str = r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#;

fn policy(kind: DocumentKind, statement: &str) -> Policy {
    let text = format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#);
    Policy::parse(&text, kind).unwrap()
}

fn identity(statement: &str) -> Policy {
    policy(DocumentKind::Identity, statement)
}

fn resource(principal: &str) -> Policy {
    let statement = format!(
        r#"{{"Effect":"Allow","Action":"lambda:*","Resource":"*","Principal":{principal}}}"#
    );
    policy(DocumentKind::Resource, &statement)
}

fn user() -> Principal {
    Principal::User {
        account: ACCOUNT.into(),
        arn: format!("arn:aws:iam::{ACCOUNT}:user/ann"),
    }
}

fn role() -> Principal {
    Principal::RoleSession {
        account: ACCOUNT.into(),
        role_arn: format!("arn:aws:iam::{ACCOUNT}:role/app"),
        session_arn: format!("arn:aws:sts::{ACCOUNT}:assumed-role/app/one"),
    }
}

fn stranger() -> Principal {
    Principal::User {
        account: OTHER.into(),
        arn: format!("arn:aws:iam::{OTHER}:user/bob"),
    }
}

fn ask(principal: &Principal, policies: PolicySet<'_>) -> Decision {
    let context = Context::new();
    let request = Request {
        principal,
        action: ACTION,
        resource: FUNCTION,
        context: &context,
    };
    decide(
        &request,
        &PolicySet {
            resource_account: ACCOUNT,
            ..policies
        },
    )
}

fn no_allow(source: PolicySource) -> Decision {
    Decision::Denied(Denial::NoAllow(source))
}

#[test]
fn nothing_is_allowed_unless_a_policy_says_so() {
    let nothing = PolicySet::default();
    let only_s3 = [identity(ALLOW_S3)];
    let all = [identity(ALLOW_ALL)];

    assert_eq!(ask(&user(), nothing), no_allow(PolicySource::Identity));
    let by = |identity| PolicySet {
        identity,
        ..nothing
    };
    assert_eq!(ask(&user(), by(&only_s3)), no_allow(PolicySource::Identity));
    assert_eq!(ask(&user(), by(&all)), Decision::Allowed);
}

#[test]
fn explicit_deny_wins_wherever_it_stands() {
    let all = [identity(ALLOW_ALL)];
    let both = [identity(ALLOW_ALL), identity(DENY_INVOKE)];
    let deny = identity(DENY_INVOKE);
    let denying = policy(
        DocumentKind::Resource,
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Principal":"*"}"#,
    );
    let allowed = PolicySet {
        identity: &all,
        ..PolicySet::default()
    };
    let denied = |source| Decision::Denied(Denial::Explicit(source));

    assert_eq!(
        ask(
            &user(),
            PolicySet {
                identity: &both,
                ..allowed
            }
        ),
        denied(PolicySource::Identity)
    );
    assert_eq!(
        ask(
            &user(),
            PolicySet {
                boundary: Some(&deny),
                ..allowed
            }
        ),
        denied(PolicySource::Boundary)
    );
    let session = std::slice::from_ref(&deny);
    assert_eq!(
        ask(
            &user(),
            PolicySet {
                session: Some(session),
                ..allowed
            }
        ),
        denied(PolicySource::Session)
    );
    assert_eq!(
        ask(
            &user(),
            PolicySet {
                resource: Some(&denying),
                ..allowed
            }
        ),
        denied(PolicySource::Resource)
    );
    let root = Principal::Root {
        account: ACCOUNT.into(),
    };
    assert_eq!(
        ask(
            &root,
            PolicySet {
                resource: Some(&denying),
                ..PolicySet::default()
            }
        ),
        denied(PolicySource::Resource)
    );
}

#[test]
fn boundary_and_session_policy_only_narrow() {
    let all = [identity(ALLOW_ALL)];
    let s3 = identity(ALLOW_S3);
    let everything = identity(ALLOW_ALL);
    let allowed = PolicySet {
        identity: &all,
        ..PolicySet::default()
    };

    let bounded = PolicySet {
        boundary: Some(&s3),
        ..allowed
    };
    let narrowed = PolicySet {
        session: Some(std::slice::from_ref(&s3)),
        ..allowed
    };
    let wide = PolicySet {
        boundary: Some(&everything),
        ..PolicySet::default()
    };

    assert_eq!(ask(&role(), bounded), no_allow(PolicySource::Boundary));
    assert_eq!(ask(&role(), narrowed), no_allow(PolicySource::Session));
    assert_eq!(ask(&role(), wide), no_allow(PolicySource::Identity));
}

#[test]
fn resource_policy_of_the_own_account_is_enough_for_whom_it_names() {
    let names_user = resource(&format!(r#"{{"AWS":"arn:aws:iam::{ACCOUNT}:user/ann"}}"#));
    let names_role = resource(&format!(r#"{{"AWS":"arn:aws:iam::{ACCOUNT}:role/app"}}"#));
    let names_account = resource(&format!(r#"{{"AWS":"{ACCOUNT}"}}"#));
    let s3 = identity(ALLOW_S3);
    let by = |resource| PolicySet {
        resource: Some(resource),
        ..PolicySet::default()
    };

    assert_eq!(ask(&user(), by(&names_user)), Decision::Allowed);
    assert_eq!(ask(&role(), by(&names_role)), Decision::Allowed);
    assert_eq!(
        ask(&role(), by(&names_user)),
        no_allow(PolicySource::Identity)
    );
    assert_eq!(
        ask(&user(), by(&names_account)),
        no_allow(PolicySource::Identity)
    );
    let bounded = PolicySet {
        boundary: Some(&s3),
        ..by(&names_role)
    };
    assert_eq!(ask(&role(), bounded), no_allow(PolicySource::Boundary));
}

#[test]
fn another_account_needs_both_its_own_policy_and_the_resource_policy() {
    let all = [identity(ALLOW_ALL)];
    let names_account = resource(&format!(r#"{{"AWS":"arn:aws:iam::{OTHER}:root"}}"#));
    let own = PolicySet {
        identity: &all,
        ..PolicySet::default()
    };

    assert_eq!(ask(&stranger(), own), no_allow(PolicySource::Resource));
    let granted = PolicySet {
        resource: Some(&names_account),
        ..PolicySet::default()
    };
    assert_eq!(ask(&stranger(), granted), no_allow(PolicySource::Identity));
    let both = PolicySet {
        resource: Some(&names_account),
        ..own
    };
    assert_eq!(ask(&stranger(), both), Decision::Allowed);
    let root = Principal::Root {
        account: OTHER.into(),
    };
    assert_eq!(ask(&root, granted), Decision::Allowed);
    assert_eq!(
        ask(&root, PolicySet::default()),
        no_allow(PolicySource::Resource)
    );
}

#[test]
fn service_and_stranger_without_a_name_come_only_by_the_resource_policy() {
    let service = Principal::Service {
        name: "s3.amazonaws.com".into(),
    };
    let names_service = resource(r#"{"Service":"s3.amazonaws.com"}"#);
    let names_all = resource(r#""*""#);
    let by = |resource| PolicySet {
        resource: Some(resource),
        ..PolicySet::default()
    };

    assert_eq!(
        ask(&service, PolicySet::default()),
        no_allow(PolicySource::Resource)
    );
    assert_eq!(ask(&service, by(&names_service)), Decision::Allowed);
    assert_eq!(
        ask(&Principal::Anonymous, by(&names_service)),
        no_allow(PolicySource::Resource)
    );
    assert_eq!(
        ask(&Principal::Anonymous, by(&names_all)),
        Decision::Allowed
    );
}

#[test]
fn account_itself_needs_no_policy_in_its_own_account() {
    let root = Principal::Root {
        account: ACCOUNT.into(),
    };

    assert_eq!(ask(&root, PolicySet::default()), Decision::Allowed);
}

#[test]
fn reason_reads_as_the_end_of_the_sentence_of_aws() {
    let implicit = Denial::NoAllow(PolicySource::Identity)
        .reason(ACTION)
        .to_string();
    let explicit = Denial::Explicit(PolicySource::Identity)
        .reason(ACTION)
        .to_string();

    assert_eq!(
        implicit,
        "because no identity-based policy allows the lambda:InvokeFunction action"
    );
    assert_eq!(
        explicit,
        "with an explicit deny in an identity-based policy"
    );
}
