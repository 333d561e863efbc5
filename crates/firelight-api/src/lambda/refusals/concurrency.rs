//! Reserved and provisioned concurrency.

use firelight_control::{ConcurrencyError, FindError};
use firelight_model::{FunctionTarget, Qualifier, ReserveError};
use firelight_wire::{ErrorCode, ErrorReply};

use super::{conflict, find, invalid, store, unknown_alias, unknown_qualifier};

pub(crate) fn functions_only() -> ErrorReply {
    invalid(
        "This operation is permitted on Lambda functions only. \
         Aliases and versions do not support this operation. \
         Please specify either a function name or an unqualified function ARN.",
    )
}

pub(crate) fn concurrency(error: ConcurrencyError) -> ErrorReply {
    match error {
        ConcurrencyError::Find(error) => find(error),
        ConcurrencyError::Reserve(error) => reserve(error),
        ConcurrencyError::Latest => {
            invalid("The function resource provided must be an alias or a published version.")
        }
        // The text is ours.
        ConcurrencyError::Tenants => {
            invalid("Provisioned concurrency is not supported for functions with tenant isolation.")
        }
        ConcurrencyError::NoConfig => ErrorReply::new(
            ErrorCode::ProvisionedConcurrencyConfigNotFound,
            "No Provisioned Concurrency Config found for this function",
        ),
        ConcurrencyError::VersionProvisioned => conflict(
            "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version",
        ),
        ConcurrencyError::AliasProvisioned => {
            conflict("Version is pointed by a Provisioned Concurrency alias")
        }
        ConcurrencyError::Store(error) => store(&error),
    }
}

/// PutFunctionConcurrency names the version of a function that it does not find, like Invoke.
pub(crate) fn put_reserved(error: ConcurrencyError) -> ErrorReply {
    match error {
        ConcurrencyError::Find(FindError::NoSuchFunction { arn }) => {
            unknown_qualifier(&arn, "$LATEST")
        }
        ConcurrencyError::Reserve(ReserveError::BelowMinimum { minimum }) => invalid(format!(
            "Specified ReservedConcurrentExecutions for function decreases account's \
             UnreservedConcurrentExecution below its minimum value of [{minimum}]."
        ))
        .without_type(),
        other => concurrency(other),
    }
}

fn reserve(error: ReserveError) -> ErrorReply {
    match error {
        ReserveError::BelowMinimum { minimum } => invalid(format!(
            "Specified ConcurrentExecutions for function decreases account's \
             UnreservedConcurrentExecution below its minimum value of [{minimum}]."
        ))
        .without_type(),
        // The spaces are AWS's.
        ReserveError::BelowProvisioned {
            reserved,
            provisioned,
        } => invalid(format!(
            " ReservedConcurrentExecutions  {reserved} should not be lower than function's \
             total provisioned concurrency [{provisioned}]."
        ))
        .without_type(),
        ReserveError::AboveReserved => invalid(
            "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function",
        ),
        ReserveError::AboveUnreserved { unreserved } => invalid(format!(
            "Specified ConcurrentExecutions for function is greater than account's \
             unreserved concurrency [{unreserved}]."
        ))
        .without_type(),
    }
}

/// The calls for provisioned concurrency name an alias that they do not find like GetAlias.
pub(crate) fn provisioned(error: ConcurrencyError, target: &FunctionTarget) -> ErrorReply {
    match (error, &target.qualifier) {
        (
            ConcurrencyError::Find(FindError::NoSuchQualifier { arn, .. }),
            Some(Qualifier::Alias(name)),
        ) => unknown_alias(&arn, name.as_str()),
        (error, _) => concurrency(error),
    }
}

pub(crate) fn put_provisioned(error: ConcurrencyError, target: &FunctionTarget) -> ErrorReply {
    match error {
        ConcurrencyError::Latest => invalid(
            "Provisioned Concurrency Configs cannot be applied to unpublished function versions.",
        ),
        other => provisioned(other, target),
    }
}
