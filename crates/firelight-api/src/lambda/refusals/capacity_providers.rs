//! Capacity providers, and what only functions on them have.

use firelight_control::{CapacityProviderError, ScalingError};
use firelight_wire::ErrorReply;

use super::{conflict, find, invalid, missing, store, tags};

pub(crate) fn capacity_provider(error: CapacityProviderError) -> ErrorReply {
    match error {
        CapacityProviderError::NoSuchProvider { arn } => unknown_capacity_provider(&arn),
        // Both texts are ours; AWS's are not known.
        CapacityProviderError::Exists { name } => {
            conflict(format!("Capacity provider already exists: {name}"))
        }
        CapacityProviderError::InUse { name } => {
            conflict(format!("Capacity provider is in use: {name}"))
        }
        CapacityProviderError::Tags(error) => tags(error),
        CapacityProviderError::Store(error) => store(&error),
    }
}

pub(crate) fn unknown_capacity_provider(arn: &str) -> ErrorReply {
    missing(format!("Capacity provider not found: {arn}"))
}

pub(crate) fn capacity_provider_on_default_function() -> ErrorReply {
    invalid("CapacityProviderConfig isn't supported for Lambda Default functions.")
}

/// Both texts are ours; the first follows that of the configuration.
pub(crate) fn scaling(error: ScalingError) -> ErrorReply {
    match error {
        ScalingError::Find(error) => find(error),
        ScalingError::NoCapacityProvider => {
            invalid("FunctionScalingConfig isn't supported for Lambda Default functions.")
        }
        ScalingError::LeastAboveMost => invalid(
            "MinExecutionEnvironments must be less than or equal to MaxExecutionEnvironments.",
        ),
        ScalingError::Store(error) => store(&error),
    }
}
