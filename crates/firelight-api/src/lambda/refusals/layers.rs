//! Layers.

use firelight_control::PublishLayerVersionError;
use firelight_wire::{ErrorCode, ErrorReply};

use super::code::code;
use super::{invalid, store, violated};

/// A layer version of another account whose policy does not let the caller's account in.
pub(crate) fn not_shared(who: &str, layer_version: &str) -> ErrorReply {
    let text = format!(
        "User: {who} is not authorized to perform: lambda:GetLayerVersion on resource: {layer_version} \
         because no resource-based policy allows the lambda:GetLayerVersion action"
    );
    ErrorReply::new(ErrorCode::AccessDenied, text)
}

pub(crate) fn publish_layer(error: PublishLayerVersionError) -> ErrorReply {
    match error {
        PublishLayerVersionError::Code(error) => code(error),
        PublishLayerVersionError::Store(error) => store(&error),
    }
}

pub(crate) fn bad_layer_name(name: &str) -> ErrorReply {
    let constraint = "Member must satisfy regular expression pattern: \
        (arn:[a-zA-Z0-9-]+:lambda:[a-zA-Z0-9-]+:\\d{12}:layer:[a-zA-Z0-9-_]+)|[a-zA-Z0-9-_]+";
    violated(ErrorCode::Validation, name, "layerName", constraint)
}

pub(crate) fn layer_version_below_one() -> ErrorReply {
    invalid("Layer Version Cannot be less than 1")
}
