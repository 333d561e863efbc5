//! Function URLs.

use firelight_control::UrlError;
use firelight_wire::ErrorReply;

use super::{conflict, invalid, missing, store, unknown_resource};

pub(crate) fn function_does_not_exist() -> ErrorReply {
    missing("Function does not exist")
}

pub(crate) fn change_url(error: UrlError) -> ErrorReply {
    match error {
        UrlError::Find(_) => function_does_not_exist(),
        // Two spaces, as AWS has them.
        UrlError::Exists { target } => conflict(format!(
            "Failed to create function url config for [functionArn = {target}]. \
             Error message:  FunctionUrlConfig exists for this Lambda function"
        )),
        // The text is ours.
        UrlError::Tenants => {
            invalid("Function URLs are not supported for functions with tenant isolation.")
        }
        UrlError::NoUrl => unknown_resource(),
        UrlError::Store(error) => store(&error),
    }
}

pub(crate) fn look_for_url(error: UrlError) -> ErrorReply {
    match error {
        UrlError::Find(_) => unknown_resource(),
        other => change_url(other),
    }
}

/// The text is ours.
pub(crate) fn credentials_to_anybody() -> ErrorReply {
    invalid("AllowOrigins cannot be * when AllowCredentials is true.")
}
