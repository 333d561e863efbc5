//! Names: of functions, qualifiers and aliases, and of what lies elsewhere.

use firelight_control::sts::Caller;
use firelight_model::{AliasNameError, FunctionReferenceError, OtherRegion, QualifierError};
use firelight_wire::{ErrorCode, ErrorReply, Operation};

use super::{invalid, missing, violated};

pub(crate) fn reference(error: FunctionReferenceError) -> ErrorReply {
    match error {
        FunctionReferenceError::NameTooLong(error) => {
            let firelight_model::FunctionNameError::TooLong { name, .. } = error else {
                return invalid(error.to_string());
            };
            let constraint = "Member must have length less than or equal to 64";
            violated(
                ErrorCode::InvalidParameterValue,
                &name,
                "functionName",
                constraint,
            )
        }
        FunctionReferenceError::Malformed { text } => {
            let constraint = "Member must satisfy regular expression pattern: \
                (arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?\
                (\\d{12}:)?(function:)?([a-zA-Z0-9-_\\.]+)(:(\\$LATEST(\\.PUBLISHED)?|[a-zA-Z0-9-_]+))?";
            violated(ErrorCode::Validation, &text, "functionName", constraint)
        }
        FunctionReferenceError::QualifiersDiffer { .. } => invalid(
            "The derived qualifier from the function name does not match the specified qualifier.",
        ),
    }
}

pub(crate) fn qualifier(error: QualifierError) -> ErrorReply {
    let constraint = "Member must satisfy regular expression pattern: \
        \\$(LATEST(\\.PUBLISHED)?)|[a-zA-Z0-9-_$]+";
    violated(ErrorCode::Validation, &error.text, "qualifier", constraint)
}

pub(crate) fn alias_name(error: AliasNameError) -> ErrorReply {
    let constraint = "Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)";
    violated(ErrorCode::Validation, &error.text, "name", constraint)
}

/// The limit is documented; the text follows the general form of violated constraints.
pub(crate) fn client_context_too_long(value: &str, limit: usize) -> ErrorReply {
    let constraint = format!("Member must have length less than or equal to {limit}");
    violated(ErrorCode::Validation, value, "clientContext", &constraint)
}

pub(crate) fn other_region(error: OtherRegion) -> ErrorReply {
    let OtherRegion { region, here } = error;
    missing(format!(
        "Functions from '{region}' are not reachable in this region ('{here}')"
    ))
}

pub(crate) fn foreign_account(caller: &Caller, operation: Operation, resource: &str) -> ErrorReply {
    let (caller, action) = (caller.arn(), format!("lambda:{}", operation.name()));
    let text = format!(
        "User: {caller} is not authorized to perform: {action} on resource: {resource} \
         because no resource-based policy allows the {action} action"
    );
    ErrorReply::new(ErrorCode::AccessDenied, text)
}
