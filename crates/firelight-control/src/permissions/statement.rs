//! One statement, in the form that AWS gives it.

use std::str::FromStr;

use firelight_model::{AccountId, UrlAuthType};
use serde_json::{Map, Value, json};

/// Who is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    Everybody,
    Account(AccountId),
    /// An IAM user, role or session by its ARN.
    Arn(String),
    /// An AWS service by its domain name.
    Service(String),
}

/// The text names nobody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no principal")]
pub struct InvalidPrincipal {
    pub text: String,
}

impl FromStr for Principal {
    type Err = InvalidPrincipal;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "*" {
            return Ok(Self::Everybody);
        }
        if let Ok(account) = text.parse() {
            return Ok(Self::Account(account));
        }
        if is_identity_arn(text) {
            return Ok(Self::Arn(text.to_owned()));
        }
        if is_service(text) {
            return Ok(Self::Service(text.to_owned()));
        }
        Err(InvalidPrincipal {
            text: text.to_owned(),
        })
    }
}

fn is_identity_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    matches!(parts.as_slice(), ["arn", partition, "iam" | "sts", "", account, resource]
        if partition.starts_with("aws") && account.parse::<AccountId>().is_ok() && !resource.is_empty())
}

/// Services are named by a domain such as `s3.amazonaws.com` or `alexa-appkit.amazon.com`.
fn is_service(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    text.contains('.') && text.split('.').all(is_label)
}

impl Principal {
    fn json(&self) -> Value {
        match self {
            Self::Everybody => json!("*"),
            Self::Account(account) => json!({"AWS": format!("arn:aws:iam::{account}:root")}),
            Self::Arn(arn) => json!({"AWS": arn}),
            Self::Service(name) => json!({"Service": name}),
        }
    }
}

/// What a permission is tied to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    pub source_arn: Option<String>,
    pub source_account: Option<String>,
    pub event_source_token: Option<String>,
    pub principal_org_id: Option<String>,
    pub url_auth_type: Option<UrlAuthType>,
    pub invoked_via_url: Option<bool>,
}

impl Conditions {
    /// Renders the operators that are needed; `None` if there is no condition.
    fn json(&self) -> Option<Value> {
        let equals = [
            ("AWS:SourceAccount", self.source_account.clone()),
            (
                "lambda:FunctionUrlAuthType",
                self.url_auth_type.map(|auth| auth.to_string()),
            ),
            ("aws:PrincipalOrgID", self.principal_org_id.clone()),
            ("lambda:EventSourceToken", self.event_source_token.clone()),
        ];
        let operators = [
            ("StringEquals", members(equals)),
            (
                "ArnLike",
                members([("AWS:SourceArn", self.source_arn.clone())]),
            ),
            (
                "Bool",
                members([(
                    "lambda:InvokedViaFunctionUrl",
                    self.invoked_via_url.map(|via| via.to_string()),
                )]),
            ),
        ];
        let needed = operators
            .into_iter()
            .filter(|(_, members)| !members.is_empty());
        let needed: Map<String, Value> = needed
            .map(|(name, members)| (name.to_owned(), Value::Object(members)))
            .collect();
        (!needed.is_empty()).then_some(Value::Object(needed))
    }
}

fn members<const N: usize>(given: [(&str, Option<String>); N]) -> Map<String, Value> {
    let present = given
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), json!(value?))));
    present.collect()
}

/// A statement that allows one thing.
pub(super) struct Statement<'a> {
    pub(super) sid: &'a str,
    pub(super) principal: &'a Principal,
    pub(super) action: &'a str,
    pub(super) resource: &'a str,
    pub(super) conditions: &'a Conditions,
}

impl Statement<'_> {
    /// Renders the statement with its members in AWS's order.
    pub(super) fn json(&self) -> String {
        let mut statement = Map::new();
        statement.insert("Sid".to_owned(), json!(self.sid));
        statement.insert("Effect".to_owned(), json!("Allow"));
        statement.insert("Principal".to_owned(), self.principal.json());
        statement.insert("Action".to_owned(), json!(self.action));
        statement.insert("Resource".to_owned(), json!(self.resource));
        if let Some(condition) = self.conditions.json() {
            statement.insert("Condition".to_owned(), condition);
        }
        Value::Object(statement).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(principal: &str, conditions: &Conditions) -> String {
        let principal = principal.parse().unwrap();
        let (sid, action, resource) = ("s1", "lambda:InvokeFunction", "arn:f");
        Statement {
            sid,
            principal: &principal,
            action,
            resource,
            conditions,
        }
        .json()
    }

    #[test]
    fn each_kind_of_principal_has_its_form() {
        for (principal, form) in [
            ("*", r#""*""#),
            (
                "123456789012",
                r#"{"AWS":"arn:aws:iam::123456789012:root"}"#,
            ),
            (
                "arn:aws:iam::123456789012:role/r",
                r#"{"AWS":"arn:aws:iam::123456789012:role/r"}"#,
            ),
            ("s3.amazonaws.com", r#"{"Service":"s3.amazonaws.com"}"#),
        ] {
            let expected = format!(
                r#"{{"Sid":"s1","Effect":"Allow","Principal":{form},"Action":"lambda:InvokeFunction","Resource":"arn:f"}}"#
            );
            assert_eq!(statement(principal, &Conditions::default()), expected);
        }
    }

    #[test]
    fn texts_that_name_nobody_are_refused() {
        for text in ["", "somebody", "12345", "arn:aws:s3:::b", "a..b", "a b.c"] {
            assert!(text.parse::<Principal>().is_err(), "{text}");
        }
    }

    #[test]
    fn every_condition_has_its_operator() {
        let conditions = Conditions {
            source_arn: Some("arn:aws:s3:::b".to_owned()),
            source_account: Some("123456789012".to_owned()),
            event_source_token: Some("t".to_owned()),
            principal_org_id: Some("o-1".to_owned()),
            url_auth_type: Some(UrlAuthType::None),
            invoked_via_url: Some(true),
        };

        let json = statement("*", &conditions);

        let expected = concat!(
            r#""Condition":{"StringEquals":{"AWS:SourceAccount":"123456789012","#,
            r#""lambda:FunctionUrlAuthType":"NONE","aws:PrincipalOrgID":"o-1","lambda:EventSourceToken":"t"},"#,
            r#""ArnLike":{"AWS:SourceArn":"arn:aws:s3:::b"},"Bool":{"lambda:InvokedViaFunctionUrl":"true"}}}"#,
        );
        assert!(json.ends_with(expected), "{json}");
    }
}
