//! How a request names a function: a bare name, a partial ARN or a full one, each with or without a qualifier.
//!
//! AWS's pattern makes every prefix optional on its own:
//! `(arn:(aws[a-zA-Z-]*)?:lambda:)?(REGION:)?(\d{12}:)?(function:)?NAME(:QUALIFIER)?`.

use std::str::FromStr;

use crate::arn::is_partition;
use crate::{AccountId, FunctionArn, FunctionName, FunctionNameError, Qualifier, Region};

/// A parsed reference to a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionReference {
    pub region: Option<Region>,
    pub account: Option<AccountId>,
    pub name: FunctionName,
    pub qualifier: Option<Qualifier>,
}

/// The text refers to no function.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FunctionReferenceError {
    #[error(transparent)]
    NameTooLong(FunctionNameError),
    #[error("{text:?} does not have the form of a function name or ARN")]
    Malformed { text: String },
    #[error("the qualifiers {in_name} and {given} are not the same")]
    QualifiersDiffer {
        in_name: Qualifier,
        given: Qualifier,
    },
}

/// A function (and maybe a qualifier) whose account and region are settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionTarget {
    pub arn: FunctionArn,
    pub qualifier: Option<Qualifier>,
}

/// The reference names a function in a region that is not served here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("functions of {region} are not reachable in {here}")]
pub struct OtherRegion {
    pub region: Region,
    pub here: Region,
}

impl FunctionReference {
    /// Fills in the account of the caller and the region served here where the reference leaves them out.
    pub fn locate(self, account: AccountId, here: &Region) -> Result<FunctionTarget, OtherRegion> {
        if let Some(region) = self.region.filter(|region| region != here) {
            return Err(OtherRegion {
                region,
                here: here.clone(),
            });
        }
        let account = self.account.unwrap_or(account);
        let arn = FunctionArn {
            region: here.clone(),
            account,
            name: self.name,
        };
        Ok(FunctionTarget {
            arn,
            qualifier: self.qualifier,
        })
    }

    /// Joins the qualifier that stands in the name with the one given beside it; they must not contradict.
    pub fn with_qualifier(
        mut self,
        given: Option<Qualifier>,
    ) -> Result<Self, FunctionReferenceError> {
        match (self.qualifier.take(), given) {
            (Some(in_name), Some(given)) if in_name != given => {
                Err(FunctionReferenceError::QualifiersDiffer { in_name, given })
            }
            (in_name, given) => Ok(Self {
                qualifier: in_name.or(given),
                ..self
            }),
        }
    }
}

impl FromStr for FunctionReference {
    type Err = FunctionReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || FunctionReferenceError::Malformed {
            text: text.to_owned(),
        };
        let rest = strip_arn(text).unwrap_or(text);
        let (region, rest) = take_part(rest, |part| part.parse().ok());
        let (account, rest) = take_part(rest, |part| part.parse().ok());
        let stripped = rest.strip_prefix("function:");
        // `function:$LATEST` is the function named "function", so the prefix counts only if a name follows.
        let name_and_qualifier = stripped
            .and_then(split_qualifier)
            .filter(|(name, _)| {
                !matches!(
                    name.parse::<FunctionName>(),
                    Err(FunctionNameError::Malformed { .. })
                )
            })
            .or_else(|| split_qualifier(rest));
        let (name, qualifier) = name_and_qualifier.ok_or_else(malformed)?;
        let name = match name.parse() {
            Ok(name) => name,
            Err(error @ FunctionNameError::TooLong { .. }) => {
                return Err(FunctionReferenceError::NameTooLong(error));
            }
            Err(FunctionNameError::Malformed { .. }) => return Err(malformed()),
        };
        Ok(Self {
            region,
            account,
            name,
            qualifier,
        })
    }
}

/// Strips `arn:PARTITION:lambda:`.
fn strip_arn(text: &str) -> Option<&str> {
    let (partition, rest) = text.strip_prefix("arn:")?.split_once(':')?;
    is_partition(partition)
        .then(|| rest.strip_prefix("lambda:"))
        .flatten()
}

/// Takes the part before the first colon if it reads as a `T`.
fn take_part<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> (Option<T>, &str) {
    let taken = text
        .split_once(':')
        .and_then(|(part, rest)| Some((read(part)?, rest)));
    taken.map_or((None, text), |(value, rest)| (Some(value), rest))
}

/// Splits `NAME` or `NAME:QUALIFIER`; `None` if the qualifier cannot be one.
fn split_qualifier(text: &str) -> Option<(&str, Option<Qualifier>)> {
    match text.split_once(':') {
        None => Some((text, None)),
        Some((name, qualifier)) => Some((name, Some(qualifier.parse().ok()?))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> FunctionReference {
        text.parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn every_form_of_a_reference_is_read() {
        for (text, region, account, qualifier) in [
            ("f", None, None, None),
            ("f:prod", None, None, Some("prod")),
            ("f:$LATEST", None, None, Some("$LATEST")),
            ("function:f", None, None, None),
            ("123456789012:function:f", None, Some("123456789012"), None),
            (
                "123456789012:function:f:7",
                None,
                Some("123456789012"),
                Some("7"),
            ),
            ("123456789012:f", None, Some("123456789012"), None),
            (
                "us-east-1:123456789012:function:f",
                Some("us-east-1"),
                Some("123456789012"),
                None,
            ),
            (
                "arn:aws:lambda:us-east-1:123456789012:function:f",
                Some("us-east-1"),
                Some("123456789012"),
                None,
            ),
            (
                "arn:aws:lambda:us-east-1:123456789012:function:f:prod",
                Some("us-east-1"),
                Some("123456789012"),
                Some("prod"),
            ),
        ] {
            let reference = parse(text);
            assert_eq!(reference.name.as_str(), "f", "{text}");
            assert_eq!(
                reference.region.map(|r| r.to_string()).as_deref(),
                region,
                "{text}"
            );
            assert_eq!(
                reference.account.map(|a| a.to_string()).as_deref(),
                account,
                "{text}"
            );
            assert_eq!(
                reference.qualifier.map(|q| q.to_string()).as_deref(),
                qualifier,
                "{text}"
            );
        }
    }

    #[test]
    fn a_prefix_word_alone_is_a_name() {
        assert_eq!(parse("function").name.as_str(), "function");
        assert_eq!(parse("function:$LATEST").name.as_str(), "function");
        assert_eq!(parse("123456789012").name.as_str(), "123456789012");
    }

    #[test]
    fn a_long_name_is_told_from_a_malformed_one() {
        let long = format!(
            "arn:aws:lambda:us-east-1:123456789012:function:{}",
            "a".repeat(65)
        );
        let error = long.parse::<FunctionReference>().unwrap_err();
        assert!(matches!(error, FunctionReferenceError::NameTooLong(_)));
        for text in [
            "",
            ":",
            "f:",
            "a b",
            "arn:aws:s3:::bucket",
            "arn:aws:lambda:us-east-1:123456789012:function:f:a:b",
        ] {
            let error = text.parse::<FunctionReference>().unwrap_err();
            assert!(
                matches!(error, FunctionReferenceError::Malformed { .. }),
                "{text}"
            );
        }
    }

    #[test]
    fn a_reference_is_located_in_the_account_of_the_caller_and_in_this_region() {
        let here: Region = "us-east-1".parse().unwrap();
        let caller: AccountId = "000000000000".parse().unwrap();

        let own = parse("f:prod").locate(caller, &here).unwrap();
        let foreign = parse("123456789012:function:f")
            .locate(caller, &here)
            .unwrap();
        let elsewhere = parse("eu-west-1:123456789012:function:f").locate(caller, &here);

        assert_eq!(own.arn.account, caller);
        assert_eq!(foreign.arn.account.as_str(), "123456789012");
        assert!(elsewhere.is_err());
    }

    #[test]
    fn contradicting_qualifiers_are_an_error() {
        let prod: Qualifier = "prod".parse().unwrap();
        assert!(parse("f:prod").with_qualifier(Some(prod.clone())).is_ok());
        assert_eq!(
            parse("f")
                .with_qualifier(Some(prod.clone()))
                .unwrap()
                .qualifier,
            Some(prod)
        );
        assert!(
            parse("f:dev")
                .with_qualifier(Some("prod".parse().unwrap()))
                .is_err()
        );
    }
}
