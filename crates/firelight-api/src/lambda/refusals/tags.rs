//! Tags of whatever carries some.

use firelight_control::{CodeSigningError, TaggingError};
use firelight_model::TagError;
use firelight_wire::ErrorReply;

use super::{capacity_provider, code_signing, find, invalid, missing, store};

pub(crate) fn tagging(error: TaggingError, arn: &str) -> ErrorReply {
    match error {
        TaggingError::Find(error) => find(error),
        TaggingError::NoSuchMapping { .. } => {
            missing(format!("Event source mapping not found: {arn}"))
        }
        TaggingError::NoSuchCodeSigningConfig { arn } => {
            code_signing(CodeSigningError::NoSuchConfig { arn })
        }
        TaggingError::CapacityProvider(error) => capacity_provider(error),
        TaggingError::Tags(error) => tags(error),
        TaggingError::Store(error) => store(&error),
    }
}

pub(crate) fn tags(error: TagError) -> ErrorReply {
    match error {
        TagError::TooMany => invalid("Number of tags exceeds resource tag limit."),
        TagError::Reserved(error) => invalid(error.to_string()),
        TagError::Nothing => invalid("An error occurred and the request cannot be processed."),
    }
}

pub(crate) fn tags_of_version() -> ErrorReply {
    invalid(
        "Tags on function aliases and versions are not supported. Please specify a function ARN.",
    )
}
