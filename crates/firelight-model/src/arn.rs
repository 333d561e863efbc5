//! ARNs of functions and of execution roles.

use std::fmt;
use std::str::FromStr;

use crate::text::{is_word, text_type};
use crate::{AccountId, FunctionName, Partition, Qualifier, Region};

/// The unqualified ARN of a function.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FunctionArn {
    pub region: Region,
    pub account: AccountId,
    pub name: FunctionName,
}

impl FunctionArn {
    /// Renders the ARN with a qualifier behind it.
    pub fn qualified(&self, qualifier: &Qualifier) -> String {
        format!("{self}:{qualifier}")
    }

    /// Renders the ARN as the caller addressed the function: with the qualifier if one was given.
    pub fn with(&self, qualifier: Option<&Qualifier>) -> String {
        qualifier.map_or_else(|| self.to_string(), |qualifier| self.qualified(qualifier))
    }
}

impl fmt::Display for FunctionArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            region,
            account,
            name,
        } = self;
        let partition = Partition::of(region);
        write!(
            f,
            "arn:{partition}:lambda:{region}:{account}:function:{name}"
        )
    }
}

text_type! {
    /// The ARN of an execution role: `arn:aws:iam::123456789012:role/path/name`.
    RoleArn
}

/// The text is not the ARN of a role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not the ARN of a role")]
pub struct RoleArnError {
    pub text: String,
}

impl RoleArn {
    pub fn account(&self) -> AccountId {
        let account = self.0.split(':').nth(4).and_then(|text| text.parse().ok());
        account.expect("checked at construction")
    }

    /// Returns the role's name: what stands behind the last `/`.
    pub fn role_name(&self) -> &str {
        let path = self.0.rsplit(":role").next().unwrap_or_default();
        path.rsplit('/').next().unwrap_or_default()
    }
}

impl FromStr for RoleArn {
    type Err = RoleArnError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_role_arn(text) {
            Ok(Self(text.into()))
        } else {
            Err(RoleArnError {
                text: text.to_owned(),
            })
        }
    }
}

/// Matches AWS's `arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+`.
fn is_role_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", partition, "iam", "", account, resource] = parts.as_slice() else {
        return false;
    };
    let path = resource.strip_prefix("role").unwrap_or_default();
    is_partition(partition) && account.parse::<AccountId>().is_ok() && is_word(path, "_+=,.@-/")
}

/// Matches AWS's `(aws[a-zA-Z-]*)?`.
pub(crate) fn is_partition(text: &str) -> bool {
    let rest = text.strip_prefix("aws");
    text.is_empty()
        || rest.is_some_and(|rest| rest.chars().all(|c| c.is_ascii_alphabetic() || c == '-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_arn_names_the_partition_of_its_region() {
        let arn = FunctionArn {
            region: "cn-north-1".parse().unwrap(),
            account: "123456789012".parse().unwrap(),
            name: "f".parse().unwrap(),
        };

        assert_eq!(
            arn.to_string(),
            "arn:aws-cn:lambda:cn-north-1:123456789012:function:f"
        );
        let qualified = arn.qualified(&Qualifier::Latest);
        assert_eq!(
            qualified,
            "arn:aws-cn:lambda:cn-north-1:123456789012:function:f:$LATEST"
        );
    }

    #[test]
    fn a_role_knows_its_account_and_name() {
        let role: RoleArn = "arn:aws:iam::123456789012:role/service-role/r1"
            .parse()
            .unwrap();
        assert_eq!(role.account().as_str(), "123456789012");
        assert_eq!(role.role_name(), "r1");
    }

    #[test]
    fn texts_that_are_no_role_are_refused() {
        for text in [
            "r1",
            "arn:aws:iam::123:role/r1",
            "arn:aws:iam::123456789012:user/r1",
            "arn:aws:iam::123456789012:role",
            "arn:aws:iam:us-east-1:123456789012:role/r1",
            "arn:aws:iam::123456789012:role/r 1",
        ] {
            assert!(text.parse::<RoleArn>().is_err(), "{text}");
        }
    }
}
