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

/// A regional name of a service, `logs.us-east-1.amazonaws.com`, is the same service.
fn fits_service(named: &str, name: &str) -> bool {
    let simple = |text: &str| {
        let first = text
            .split('.')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        let last = text.rsplit_once("amazonaws.com").is_some();
        (first, last)
    };
    named.eq_ignore_ascii_case(name) || (simple(named) == simple(name) && simple(name).1)
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
