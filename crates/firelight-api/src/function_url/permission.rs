//! Whether somebody may invoke a function through its URL.
//!
//! The resource policy that counts is that of the alias, or of the function where the URL names no alias. Two permissions
//! are needed, as AWS has it for new URLs since 2025-10 and for all since 2026-11: `lambda:InvokeFunctionUrl`, and
//! `lambda:InvokeFunction` for a request that came by a URL.

use firelight_control::View;
use firelight_control::iam::CallerPolicies;
use firelight_control::records::policy::PolicyRecord;
use firelight_iam::{Context, Decision, PolicySet, Principal, Request, decide};
use firelight_model::Qualifier;

use super::target::UrlTarget;
use crate::authorization::Occasion;

const ACTIONS: [&str; 2] = ["lambda:InvokeFunctionUrl", "lambda:InvokeFunction"];

/// Decides whether the caller may invoke the target, by the resource policy or by policies of its own.
pub(super) fn allows(view: &View, target: &UrlTarget, occasion: &Occasion<'_>) -> bool {
    let Some(entry) = view.function(&target.function) else {
        return false;
    };
    let record = match &target.alias {
        Some(Qualifier::Alias(name)) => entry.aliases.get(name).map(|alias| &alias.record.policy),
        _ => Some(&entry.function.record.policy),
    };
    let (iam, caller) = (occasion.view, occasion.caller);
    let asking = Asking {
        principal: &iam.principal_of(caller),
        own: &iam.policies_of(caller),
        keys: occasion.keys(),
    };
    record.is_some_and(|record| decides(record, target, asking))
}

/// Who asks, by which policies, and on which occasion.
struct Asking<'a> {
    principal: &'a Principal,
    own: &'a CallerPolicies,
    keys: Context,
}

fn decides(record: &PolicyRecord, target: &UrlTarget, asking: Asking<'_>) -> bool {
    let Asking {
        principal,
        own,
        keys,
    } = asking;
    let resource = record.parsed();
    let context = keys
        .with("lambda:FunctionUrlAuthType", target.auth_type.as_str())
        .with("lambda:InvokedViaFunctionUrl", "true")
        .with("aws:ResourceAccount", target.function.account.to_string());
    let arn = target.function.with(target.alias.as_ref());
    let policies = PolicySet {
        identity: &own.identity,
        boundary: own.boundary.as_ref(),
        session: own.session.as_deref(),
        resource: resource.as_deref(),
        resource_account: &target.function.account.to_string(),
    };
    ACTIONS.iter().all(|action| {
        let request = Request {
            principal,
            action,
            resource: &arn,
            context: &context,
        };
        decide(&request, &policies) == Decision::Allowed
    })
}

#[cfg(test)]
mod tests {
    use firelight_control::records::policy::StatementRecord;
    use firelight_iam::{DocumentKind, Policy};
    use firelight_model::{InvokeMode, UrlAuthType};

    use super::*;

    const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:f";

    fn target(auth_type: UrlAuthType, alias: Option<&str>) -> UrlTarget {
        UrlTarget {
            function: firelight_model::FunctionArn {
                region: "us-east-1".parse().unwrap(),
                account: "123456789012".parse().unwrap(),
                name: "f".parse().unwrap(),
            },
            alias: alias.map(|name| Qualifier::Alias(name.parse().unwrap())),
            auth_type,
            invoke_mode: InvokeMode::Buffered,
            cors: None,
        }
    }

    const BY_URL_TYPE: &str = r#"{"StringEquals":{"lambda:FunctionUrlAuthType":"NONE"}}"#;
    const BY_URL: &str = r#"{"Bool":{"lambda:InvokedViaFunctionUrl":"true"}}"#;

    fn statement(action: &str, resource: &str, condition: &str) -> StatementRecord {
        let json = format!(
            r#"{{"Sid":"{action}","Effect":"Allow","Principal":"*","Action":"lambda:{action}","Resource":"{resource}","Condition":{condition}}}"#
        );
        StatementRecord {
            sid: action.to_owned(),
            json,
        }
    }

    /// The statements for public use, as AWS's console and SAM write them.
    fn public(resource: &str) -> PolicyRecord {
        PolicyRecord::new(vec![
            statement("InvokeFunctionUrl", resource, BY_URL_TYPE),
            statement("InvokeFunction", resource, BY_URL),
        ])
    }

    fn user(account: &str) -> Principal {
        Principal::User {
            account: account.into(),
            arn: format!("arn:aws:iam::{account}:user/ann"),
        }
    }

    fn own(statement: &str) -> CallerPolicies {
        let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#);
        CallerPolicies {
            identity: vec![Policy::parse(&text, DocumentKind::Identity).unwrap()],
            ..CallerPolicies::default()
        }
    }

    /// Decides for somebody of whom nothing else is known.
    fn lets_in(
        record: &PolicyRecord,
        target: &UrlTarget,
        principal: &Principal,
        own: &CallerPolicies,
    ) -> bool {
        let keys = Context::new();
        let asking = Asking {
            principal,
            own,
            keys,
        };
        decides(record, target, asking)
    }

    #[test]
    fn everybody_may_come_only_by_both_statements_for_public_use() {
        let anybody = |record: &PolicyRecord, target: &UrlTarget| {
            lets_in(
                record,
                target,
                &Principal::Anonymous,
                &CallerPolicies::default(),
            )
        };
        let open = target(UrlAuthType::None, None);

        assert!(anybody(&public(ARN), &open));
        assert!(!anybody(&PolicyRecord::default(), &open));
        for missing in 0..2 {
            let mut left = public(ARN).statements;
            left.remove(missing);
            assert!(!anybody(&PolicyRecord::new(left), &open));
        }
        assert!(!anybody(&public(ARN), &target(UrlAuthType::AwsIam, None)));
    }

    #[test]
    fn url_of_an_alias_needs_a_statement_for_the_alias() {
        let alias = target(UrlAuthType::None, Some("prod"));
        let anybody = |resource: &str| {
            lets_in(
                &public(resource),
                &alias,
                &Principal::Anonymous,
                &CallerPolicies::default(),
            )
        };

        assert!(anybody(&format!("{ARN}:prod")));
        assert!(!anybody(ARN));
    }

    #[test]
    fn proven_caller_may_come_by_a_policy_of_its_own() {
        let allow = own(
            r#"{"Effect":"Allow","Action":["lambda:InvokeFunctionUrl","lambda:InvokeFunction"],"Resource":"arn:aws:lambda:*:123456789012:function:f"}"#,
        );
        let closed = target(UrlAuthType::AwsIam, None);
        let none = PolicyRecord::default();

        assert!(lets_in(&none, &closed, &user("123456789012"), &allow));
        assert!(!lets_in(
            &none,
            &closed,
            &user("123456789012"),
            &CallerPolicies::default()
        ));
    }

    #[test]
    fn caller_of_another_account_needs_both_policies() {
        let allow = own(r#"{"Effect":"Allow","Action":"lambda:InvokeFunction*","Resource":"*"}"#);
        let json = format!(
            r#"{{"Sid":"friend","Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::210987654321:root"}},"Action":"lambda:InvokeFunction*","Resource":"{ARN}"}}"#
        );
        let sid = "friend".to_owned();
        let record = PolicyRecord::new(vec![StatementRecord { sid, json }]);
        let closed = target(UrlAuthType::AwsIam, None);
        let stranger = user("210987654321");
        let nothing = CallerPolicies::default();

        assert!(lets_in(&record, &closed, &stranger, &allow));
        assert!(!lets_in(&record, &closed, &stranger, &nothing));
        assert!(!lets_in(
            &PolicyRecord::default(),
            &closed,
            &stranger,
            &allow
        ));
    }
}
