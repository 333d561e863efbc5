//! What is refused as a policy document, and how.

use firelight_iam::{DocumentKind, MalformedPolicy, Policy};
use proptest::prelude::*;

fn error(kind: DocumentKind, statement: &str) -> MalformedPolicy {
    let text = format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#);
    Policy::parse(&text, kind).unwrap_err()
}

#[test]
fn broken_documents_are_told_what_is_wrong_with_them() {
    use DocumentKind::{Identity, Resource, Trust};
    let cases = [
        (Identity, r#"[]"#, MalformedPolicy::Syntax),
        (
            Identity,
            r#"{"Effect":"Maybe","Action":"s3:*","Resource":"*"}"#,
            MalformedPolicy::Syntax,
        ),
        (
            Identity,
            r#"{"Effect":"Allow","Resource":"*"}"#,
            MalformedPolicy::NoActions,
        ),
        (
            Identity,
            r#"{"Effect":"Allow","Action":"s3:*"}"#,
            MalformedPolicy::NoResources,
        ),
        (
            Identity,
            r#"{"Effect":"Allow","Action":"s3","Resource":"*"}"#,
            MalformedPolicy::NoVendor,
        ),
        (
            Identity,
            r#"{"Effect":"Allow","Action":"s3:*","Resource":"bucket"}"#,
            MalformedPolicy::ResourceFormat("bucket".into()),
        ),
        (
            Identity,
            r#"{"Effect":"Allow","Action":"s3:*","Resource":"*","Principal":"*"}"#,
            MalformedPolicy::PrincipalInIdentity,
        ),
        (
            Identity,
            r#"{"Effect":"Allow","Action":"s3:*","NotAction":"s3:*","Resource":"*"}"#,
            MalformedPolicy::Syntax,
        ),
        (
            Identity,
            r#"{"Effect":"Allow","Action":"s3:*","Resource":"*","Surplus":1}"#,
            MalformedPolicy::Syntax,
        ),
        (
            Identity,
            r#"{"Effect":"Allow","Action":"s3:*","Resource":"*",
                "Condition":{"StringIs":{"aws:x":"y"}}}"#,
            MalformedPolicy::ConditionType("StringIs".into()),
        ),
        (
            Identity,
            r#"{"Sid":"a b","Effect":"Allow","Action":"s3:*","Resource":"*"}"#,
            MalformedPolicy::Sid,
        ),
        (
            Identity,
            r#"[{"Sid":"a","Effect":"Allow","Action":"s3:*","Resource":"*"},
                {"Sid":"a","Effect":"Allow","Action":"s3:*","Resource":"*"}]"#,
            MalformedPolicy::SidTwice,
        ),
        (
            Resource,
            r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#,
            MalformedPolicy::NoPrincipal,
        ),
        (
            Resource,
            r#"{"Effect":"Allow","Action":"s3:*","Resource":"*","Principal":{"AWS":"ann"}}"#,
            MalformedPolicy::Principal(r#""AWS":"ann""#.into()),
        ),
        (
            Trust,
            r#"{"Effect":"Allow","Action":"s3:*","Principal":"*"}"#,
            MalformedPolicy::NotAssumeRole,
        ),
        (
            Trust,
            r#"{"Effect":"Allow","Action":"sts:AssumeRole","Principal":"*","Resource":"*"}"#,
            MalformedPolicy::ResourceInTrust,
        ),
    ];
    for (kind, statement, expected) in cases {
        assert_eq!(error(kind, statement), expected, "{statement}");
    }
}

#[test]
fn text_that_is_no_json_and_unknown_versions_are_refused() {
    let parse = |text: &str| Policy::parse(text, DocumentKind::Identity).unwrap_err();

    assert_eq!(parse("{"), MalformedPolicy::InvalidJson);
    assert_eq!(parse("[]"), MalformedPolicy::Syntax);
    let newer =
        r#"{"Version":"2030-01-01","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    assert_eq!(parse(newer), MalformedPolicy::Version);
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}") {
        for kind in [DocumentKind::Identity, DocumentKind::Resource, DocumentKind::Trust] {
            let _ = Policy::parse(&text, kind);
        }
    }

    #[test]
    fn no_values_in_a_statement_make_the_reader_panic(
        member in "Action|Resource|Principal|Condition|Sid|NotAction",
        value in "\\PC{0,60}",
    ) {
        let value = serde_json::Value::from(value);
        let text = format!(
            r#"{{"Statement":[{{"Effect":"Allow","{member}":{value},"NotResource":[{value}]}}]}}"#
        );
        let _ = Policy::parse(&text, DocumentKind::Identity);
    }
}
