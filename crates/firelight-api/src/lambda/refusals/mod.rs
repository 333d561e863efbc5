//! The one place where errors of the domain become AWS's answers; one file for each group of resources.
//!
//! The texts are AWS's own, letter for letter, where they are known; the tests in `tests/it/lambda` and below pin each of
//! them. What is our fault is logged with its causes and answered without any.

mod aliases;
mod capacity_providers;
mod code;
mod concurrency;
mod event_invoke;
mod functions;
mod layers;
mod mappings;
mod names;
mod options;
mod permissions;
mod settings;
mod tags;
#[cfg(test)]
mod tests;
mod urls;

use firelight_control::StoreTrouble;
use firelight_wire::{ErrorCode, ErrorReply};

pub(crate) use self::aliases::*;
pub(crate) use self::capacity_providers::*;
pub(crate) use self::code::*;
pub(crate) use self::concurrency::*;
pub(crate) use self::event_invoke::*;
pub(crate) use self::functions::*;
pub(crate) use self::layers::*;
pub(crate) use self::mappings::*;
pub(crate) use self::names::*;
pub(crate) use self::options::*;
pub(crate) use self::permissions::*;
pub(crate) use self::settings::*;
pub(crate) use self::tags::*;
pub(crate) use self::urls::*;
use crate::error::Chain;

pub(super) fn invalid(text: impl Into<String>) -> ErrorReply {
    ErrorReply::new(ErrorCode::InvalidParameterValue, text)
}

pub(super) fn missing(text: impl Into<String>) -> ErrorReply {
    ErrorReply::new(ErrorCode::ResourceNotFound, text)
}

pub(super) fn conflict(text: impl Into<String>) -> ErrorReply {
    ErrorReply::new(ErrorCode::ResourceConflict, text)
}

/// One violated constraint in the form of the generated checks.
fn violated(code: ErrorCode, value: &str, field: &str, constraint: &str) -> ErrorReply {
    let text = format!(
        "1 validation error detected: Value '{value}' at '{field}' failed to satisfy constraint: {constraint}"
    );
    ErrorReply::new(code, text)
}

pub(super) fn null_member(field: &str) -> ErrorReply {
    let text = format!(
        "1 validation error detected: Value null at '{field}' failed to satisfy constraint: Member must not be null"
    );
    ErrorReply::new(ErrorCode::Validation, text)
}

/// A fault of ours: the log gets all of it, the client nothing.
pub(super) fn trouble(error: &(dyn std::error::Error + 'static)) -> ErrorReply {
    tracing::error!(error = %Chain(error), "request failed by a fault of ours");
    ErrorReply::new(ErrorCode::Service, "An internal error occurred")
}

pub(super) fn store(error: &StoreTrouble) -> ErrorReply {
    match error {
        StoreTrouble::Contended => conflict(
            "The function was changed by too many other requests at the same time. Try again.",
        ),
        other => trouble(other),
    }
}

/// An account calls the control plane too often.
pub(super) fn caller_rate() -> ErrorReply {
    no_room().with_header("Retry-After", "1")
}

/// Too many long bodies come at once. Clients come again after a while, as for any throttle.
pub(crate) fn no_room() -> ErrorReply {
    ErrorReply::new(ErrorCode::TooManyRequests, "Rate Exceeded.")
        .with("Reason", "CallerRateLimitExceeded")
}

pub(super) fn not_built(what: &str) -> ErrorReply {
    ErrorReply::new(
        ErrorCode::NotImplemented,
        format!("{what} is not built yet"),
    )
}

pub(super) fn invalid_marker() -> ErrorReply {
    invalid("Invalid marker.")
}

pub(super) fn unknown_resource() -> ErrorReply {
    missing("The resource you requested does not exist.")
}

/// For what AWS has and Firelight has not: refusing is better than ignoring. The text is ours.
pub(super) fn not_offered(what: &str) -> ErrorReply {
    invalid(format!("Firelight does not support {what}."))
}
