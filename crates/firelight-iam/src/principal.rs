//! Who asks, and whom a statement names.

use crate::pattern::{Case, Pattern};
use crate::request::Context;

/// The identity behind a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    Anonymous,
    /// The account itself.
    Root {
        account: String,
    },
    User {
        account: String,
        arn: String,
    },
    RoleSession {
        account: String,
        role_arn: String,
        session_arn: String,
    },
    /// An AWS service, such as `s3.amazonaws.com`.
    Service {
        name: String,
    },
}

impl Principal {
    /// Returns the account the identity belongs to.
    pub fn account(&self) -> Option<&str> {
        match self {
            Self::Root { account } | Self::User { account, .. } => Some(account),
            Self::RoleSession { account, .. } => Some(account),
            Self::Anonymous | Self::Service { .. } => None,
        }
    }
}

/// How closely a statement names a principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Named {
    Not,
    /// Its account is named, which may then allow it on its own.
    ByAccount,
    /// Its role or everybody is named.
    Itself,
    /// Its user or this very session is named.
    Exactly,
}

/// The element `Principal` or `NotPrincipal`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PrincipalClause {
    Absent,
    In(Vec<PrincipalPattern>),
    NotIn(Vec<PrincipalPattern>),
}

/// One entry of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PrincipalPattern {
    Everybody,
    Account(String),
    Arn(String),
    Service(String),
    /// Federated and canonical users, which nobody is here.
    Other(String),
}

impl PrincipalClause {
    pub(crate) fn names(&self, principal: &Principal) -> Named {
        let closest = |patterns: &[PrincipalPattern]| {
            patterns
                .iter()
                .map(|pattern| pattern.names(principal))
                .max()
                .unwrap_or(Named::Not)
        };
        match self {
            // Identity policies belong to whom they are attached to.
            Self::Absent => Named::Exactly,
            Self::In(patterns) => closest(patterns),
            Self::NotIn(patterns) if closest(patterns) == Named::Not => Named::Itself,
            Self::NotIn(_) => Named::Not,
        }
    }
}

impl PrincipalPattern {
    fn names(&self, principal: &Principal) -> Named {
        match (self, principal) {
            (Self::Everybody, _) => Named::Itself,
            (Self::Account(account), principal) if principal.account() == Some(account) => {
                match principal {
                    Principal::Root { .. } => Named::Exactly,
                    _ => Named::ByAccount,
                }
            }
            (Self::Arn(named), Principal::User { arn, .. }) if named == arn => Named::Exactly,
            (Self::Arn(named), Principal::RoleSession { session_arn, .. })
                if named == session_arn =>
            {
                Named::Exactly
            }
            (Self::Arn(named), Principal::RoleSession { role_arn, .. }) if named == role_arn => {
                Named::Itself
            }
            (Self::Service(named), Principal::Service { name }) if fits_service(named, name) => {
                Named::Exactly
            }
            _ => Named::Not,
        }
    }
}

/// A service in every region fits its name with and without one; where both have a region, it is the same.
fn fits_service(named: &str, name: &str) -> bool {
    let (named, name) = (named.to_ascii_lowercase(), name.to_ascii_lowercase());
    match (service_parts(&named), service_parts(&name)) {
        (Some((named, here)), Some((name, there))) => {
            named == name && (here.is_none() || there.is_none() || here == there)
        }
        _ => named == name,
    }
}

/// Takes `logs.eu-west-1.amazonaws.com` apart: the service, and the region if it is there.
fn service_parts(name: &str) -> Option<(&str, Option<&str>)> {
    let rest = name.strip_suffix(".amazonaws.com")?;
    match rest.split_once('.') {
        Some((service, region)) => Some((service, Some(region))),
        None => Some((rest, None)),
    }
}

/// Tells whether a text names an account: its number, or the ARN of its root.
pub(crate) fn account_of(text: &str) -> Option<String> {
    let number = text
        .strip_prefix("arn:")
        .and_then(|rest| rest.split_once(":iam::"))
        .and_then(|(_, rest)| rest.strip_suffix(":root"))
        .unwrap_or(text);
    let is_number = number.len() == 12 && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| number.to_owned())
}

/// Tells whether any of the action patterns fits; actions do not heed case.
pub(crate) fn any_action(patterns: &[Pattern], action: &str) -> bool {
    let context = Context::default();
    patterns
        .iter()
        .any(|pattern| pattern.matches(action, Case::Ignored, &context))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_fits_its_name_of_its_region_and_of_every_region() {
        let here = "logs.eu-west-1.amazonaws.com";

        assert!(fits_service("logs.amazonaws.com", here));
        assert!(fits_service("Logs.eu-west-1.amazonaws.com", here));
        assert!(fits_service(here, "logs.amazonaws.com"));
        assert!(!fits_service("logs.us-east-1.amazonaws.com", here));
        assert!(!fits_service("events.amazonaws.com", here));
        assert!(!fits_service("logs.amazonaws.com.example.com", here));
    }
}
