//! Whether a resource policy opens what it protects to everybody.
//!
//! A statement does, if it allows everybody and no condition ties it to who is known: an account, an organization, a
//! source, an address. What would let in many but not all, such as a pattern for accounts, counts as open, as with AWS.

use crate::condition::{Condition, Set};
use crate::document::{Effect, Policy, Statement};
use crate::operator::Test;
use crate::pattern::Pattern;
use crate::principal::{PrincipalClause, PrincipalPattern};
use crate::request::Context;

/// Keys that say who comes, or from where. The last two belong to function URLs, which have their own door.
const TIES: [&str; 16] = [
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceip",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "lambda:eventsourcetoken",
    "lambda:functionurlauthtype",
    "lambda:invokedviafunctionurl",
];

impl Policy {
    /// Tells whether some statement lets in everybody.
    pub fn is_public(&self) -> bool {
        self.statements.iter().any(Statement::is_public)
    }
}

impl Statement {
    fn is_public(&self) -> bool {
        self.effect == Effect::Allow
            && self.principal.is_everybody()
            && !self.conditions.iter().any(Condition::ties)
    }
}

impl PrincipalClause {
    fn is_everybody(&self) -> bool {
        match self {
            Self::Absent => false,
            Self::In(patterns) => patterns.contains(&PrincipalPattern::Everybody),
            Self::NotIn(_) => true,
        }
    }
}

impl Condition {
    fn ties(&self) -> bool {
        let can_tie = !self.operator.negated
            && !self.if_exists
            && self.set != Set::All
            && TIES.contains(&self.key.to_ascii_lowercase().as_str());
        can_tie
            && self
                .values
                .iter()
                .all(|value| ties_to(self.operator.test, value))
    }
}

fn ties_to(test: Test, value: &Pattern) -> bool {
    match test {
        Test::Null => false,
        Test::Like | Test::Arn => value.is_fixed(),
        Test::Ip => value
            .text(&Context::new())
            .is_some_and(|network| !network.ends_with("/0")),
        _ => !value.has_variable(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::DocumentKind;

    fn is_public(principal: &str, condition: &str) -> bool {
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",{principal},
                "Action":"lambda:InvokeFunction","Resource":"*"{condition}}}]}}"#
        );
        Policy::parse(&text, DocumentKind::Resource)
            .unwrap()
            .is_public()
    }

    fn everybody_if(condition: &str) -> bool {
        is_public(
            r#""Principal":"*""#,
            &format!(r#","Condition":{condition}"#),
        )
    }

    #[test]
    fn whoever_is_named_is_not_everybody() {
        assert!(is_public(r#""Principal":"*""#, ""));
        assert!(is_public(r#""Principal":{"AWS":"*"}"#, ""));
        assert!(is_public(r#""NotPrincipal":{"AWS":"111122223333"}"#, ""));
        assert!(!is_public(r#""Principal":{"AWS":"111122223333"}"#, ""));
        assert!(!is_public(
            r#""Principal":{"Service":"s3.amazonaws.com"}"#,
            ""
        ));
    }

    #[test]
    fn everybody_is_tied_only_by_what_says_exactly_who() {
        for tied in [
            r#"{"StringEquals":{"AWS:SourceAccount":"111122223333"}}"#,
            r#"{"ArnLike":{"aws:SourceArn":"arn:aws:s3:::b"}}"#,
            r#"{"StringEquals":{"lambda:FunctionUrlAuthType":"NONE"}}"#,
            r#"{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#,
        ] {
            assert!(!everybody_if(tied), "{tied}");
        }
        for open in [
            r#"{"StringLike":{"aws:PrincipalAccount":"*"}}"#,
            r#"{"StringNotEquals":{"aws:SourceAccount":"111122223333"}}"#,
            r#"{"StringEqualsIfExists":{"aws:SourceAccount":"111122223333"}}"#,
            r#"{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}}"#,
            r#"{"Bool":{"aws:SecureTransport":"true"}}"#,
        ] {
            assert!(everybody_if(open), "{open}");
        }
    }
}
