//! Policies of functions, versions, aliases and layer versions.

use firelight_control::{FindError, LayerPolicyError, PolicyError, ResourcePolicyError};
use firelight_wire::{ErrorCode, ErrorReply};

use super::{conflict, find, invalid, missing, store, unknown_alias, unknown_resource};

const PUBLIC_POLICY: &str = "Lambda prevented your policy from being created because it would grant \
    public access to your function.";

pub(crate) fn bad_principal() -> ErrorReply {
    invalid("The provided principal was invalid. Please check the principal and try again.")
}

/// The text is ours.
pub(crate) fn url_auth_type_elsewhere() -> ErrorReply {
    invalid("FunctionUrlAuthType is only supported for the lambda:InvokeFunctionUrl action.")
}

fn sid_exists(sid: &str) -> ErrorReply {
    conflict(format!(
        "The statement id ({sid}) provided already exists. \
         Please provide a new statement id, or remove the existing statement."
    ))
}

fn no_sid(sid: &str) -> ErrorReply {
    missing(format!("Statement {sid} is not found in resource policy."))
}

fn no_policy() -> ErrorReply {
    missing("No policy is associated with the given resource.")
}

fn policy_too_long(size_bytes: usize, limit_bytes: usize) -> ErrorReply {
    let text =
        format!("The final policy size ({size_bytes}) is bigger than the limit ({limit_bytes}).");
    ErrorReply::new(ErrorCode::PolicyLengthExceeded, text)
}

fn stale_policy(call: &str) -> ErrorReply {
    let text = format!(
        "The Revision Id provided does not match the latest Revision Id. \
         Call the {call} API to retrieve the latest Revision Id"
    );
    ErrorReply::new(ErrorCode::PreconditionFailed, text)
}

pub(crate) fn layer_policy(error: LayerPolicyError) -> ErrorReply {
    match error {
        LayerPolicyError::NoSuchVersion { arn } => {
            missing(format!("Layer version {arn} does not exist."))
        }
        LayerPolicyError::SidExists { sid } => sid_exists(&sid),
        LayerPolicyError::NoSuchSid { sid } => no_sid(&sid),
        LayerPolicyError::NoPolicy => no_policy(),
        LayerPolicyError::TooLong {
            size_bytes,
            limit_bytes,
        } => policy_too_long(size_bytes, limit_bytes),
        LayerPolicyError::StaleRevision => stale_policy("GetLayerPolicy"),
        LayerPolicyError::Store(error) => store(&error),
    }
}

pub(crate) fn policy(error: PolicyError) -> ErrorReply {
    match error {
        PolicyError::Find(error) => find(error),
        PolicyError::NoSuchAlias { arn, name } => unknown_alias(&arn, name.as_str()),
        PolicyError::Latest => invalid("We currently do not support adding policies for $LATEST."),
        PolicyError::SidExists { sid } => sid_exists(&sid),
        PolicyError::NoSuchSid { sid } => no_sid(&sid),
        PolicyError::NoPolicy => no_policy(),
        PolicyError::TooLong {
            size_bytes,
            limit_bytes,
        } => policy_too_long(size_bytes, limit_bytes),
        PolicyError::StaleRevision => stale_policy("GetPolicy"),
        PolicyError::Store(error) => store(&error),
    }
}

pub(crate) fn remove_permission(error: PolicyError) -> ErrorReply {
    match error {
        PolicyError::Find(FindError::NoSuchFunction { arn }) => {
            missing(format!("No policy found for: {arn}"))
        }
        other => policy(other),
    }
}

pub(crate) fn get_policy(error: PolicyError) -> ErrorReply {
    match error {
        PolicyError::NoPolicy | PolicyError::Find(_) | PolicyError::NoSuchAlias { .. } => {
            unknown_resource()
        }
        other => policy(other),
    }
}

pub(crate) fn resource_policy(error: ResourcePolicyError) -> ErrorReply {
    match error {
        ResourcePolicyError::Policy(error) => policy(error),
        ResourcePolicyError::Public => ErrorReply::new(ErrorCode::PublicPolicy, PUBLIC_POLICY),
        ResourcePolicyError::NotAPolicy => invalid("The policy document is malformed."),
        ResourcePolicyError::Store(error) => store(&error),
    }
}
