//! Aliases.

use firelight_control::AliasError;
use firelight_model::{FunctionArn, RouteError};
use firelight_wire::ErrorReply;

use super::{conflict, find, invalid, missing, stale_function, store};

pub(crate) fn alias(error: AliasError) -> ErrorReply {
    match error {
        AliasError::Find(error) => find(error),
        AliasError::Exists { arn, name } => conflict(format!("Alias already exists: {arn}:{name}")),
        AliasError::NoSuchAlias { arn, name } => missing(format!("Alias not found: {arn}:{name}")),
        AliasError::TooManyVersions => {
            invalid("Number of items in AdditionalVersionWeights cannot be greater than 1")
        }
        AliasError::Route(RouteError::SameVersion { version }) => invalid(format!(
            "Invalid function version {version}. \
             Function version {version} is already included in routing configuration."
        )),
        AliasError::Route(RouteError::LatestWithAnother) => {
            invalid("$LATEST is not supported for an alias pointing to more than 1 version")
        }
        AliasError::StaleRevision => stale_function(),
        AliasError::Store(error) => store(&error),
    }
}

/// GetAlias, and whatever else only looks for an alias, has a text of its own.
pub(crate) fn get_alias(error: AliasError) -> ErrorReply {
    match error {
        AliasError::NoSuchAlias { arn, name } => unknown_alias(&arn, name.as_str()),
        other => alias(other),
    }
}

pub(crate) fn unknown_alias(arn: &FunctionArn, name: &str) -> ErrorReply {
    missing(format!("Cannot find alias arn: {arn}:{name}"))
}
