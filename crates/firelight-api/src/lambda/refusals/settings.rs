//! Settings of functions.

use firelight_control::{RuntimeRefusal, SettingsError};
use firelight_model::{LayerListError, RECORDED_RUNTIMES, RuntimeIdentifier, VariablesError};
use firelight_wire::{ErrorCode, ErrorReply};

use super::{invalid, not_shared, violated};

pub(super) fn settings(error: SettingsError) -> ErrorReply {
    match error {
        SettingsError::RoleNotAssumable { .. } => {
            invalid("The role defined for the function cannot be assumed by Lambda.")
        }
        SettingsError::Runtime { runtime, refusal } => refused_runtime(&runtime, refusal),
        SettingsError::RuntimeRequired => invalid(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
        ),
        SettingsError::RuntimeWithImage => invalid(
            "Please don't provide handler or runtime or layer when the intent is to create function via container image.",
        ),
        SettingsError::Layers(error) => layers(error),
        SettingsError::NoSuchLayer { arn } => unknown_layer(&arn.to_string()),
        SettingsError::LayerNotShared { arn } => not_shared("unknown", &arn.to_string()),
        SettingsError::TooLargeWithLayers { actual_bytes } => invalid(format!(
            "Function code combined with layers exceeds the maximum allowed size of 262144000 bytes. \
             The actual size is {actual_bytes} bytes."
        )),
        SettingsError::LogLevel(_) => invalid(
            "LogLevel is not supported when LogFormat is set to \"Text\". \
             Remove LogLevel from your request or change the LogFormat to \"JSON\" and try again.",
        ),
        // The texts of the next four are ours; AWS's are not known.
        SettingsError::SnapStartWithTenants => {
            invalid("SnapStart is not supported for functions with tenant isolation.")
        }
        SettingsError::ImageConfigWithZip => {
            invalid("ImageConfig is not supported for functions created with deployment packages.")
        }
        SettingsError::DeadLetterTarget { target } => invalid(format!(
            "The dead letter target {target} is invalid. Only SQS queues and SNS topics are supported."
        )),
        SettingsError::DurableLater => {
            invalid("DurableConfig can only be added when the function is created.")
        }
        SettingsError::CapacityLater => super::capacity_provider_on_default_function(),
        SettingsError::HalfNetwork => {
            invalid("SubnetIds and SecurityIds must coexist or be both empty list.")
        }
        SettingsError::NoSnapStart { runtime } => invalid(format!(
            "{runtime} is not supported for SnapStart enabled functions."
        )),
    }
}

fn refused_runtime(runtime: &RuntimeIdentifier, refusal: RuntimeRefusal) -> ErrorReply {
    match refusal {
        RuntimeRefusal::Unknown => unknown_runtime(runtime.as_str()),
        RuntimeRefusal::Deprecated => invalid(format!(
            "The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. \
             We recommend you use a supported runtime while creating or updating functions."
        )),
        RuntimeRefusal::NotHere { text } => invalid(text),
    }
}

pub(crate) fn unknown_runtime(text: &str) -> ErrorReply {
    let known = RECORDED_RUNTIMES.join(", ");
    invalid(format!(
        "Value {text} at 'runtime' failed to satisfy constraint: \
         Member must satisfy enum value set: [{known}] or be a valid ARN"
    ))
}

pub(crate) fn bad_role(text: &str) -> ErrorReply {
    let constraint = "Member must satisfy regular expression pattern: \
        arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+";
    violated(ErrorCode::Validation, text, "role", constraint)
}

pub(crate) fn bad_handler(text: &str) -> ErrorReply {
    let constraint = "Member must satisfy regular expression pattern: [^\\s]+";
    violated(ErrorCode::Validation, text, "handler", constraint)
}

pub(crate) fn bad_log_group(text: &str) -> ErrorReply {
    let constraint = "Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+";
    violated(
        ErrorCode::Validation,
        text,
        "loggingConfig.logGroup",
        constraint,
    )
}

pub(crate) fn out_of_range(field: &str, value: i32, max: u32) -> ErrorReply {
    let constraint = format!("Member must have value less than or equal to {max}");
    violated(
        ErrorCode::Validation,
        &value.to_string(),
        field,
        &constraint,
    )
}

pub(crate) fn variables(error: VariablesError) -> ErrorReply {
    const PREFIX: &str = "Lambda was unable to configure your environment variables because \
        the environment variables you have provided";
    match error {
        VariablesError::TooLarge { measured } => invalid(format!(
            "{PREFIX} exceeded the 4KB limit. String measured: {measured}"
        )),
        VariablesError::Reserved { names } => invalid(format!(
            "{PREFIX} contains reserved keys that are currently not supported for modification. \
             Reserved keys used in this request: {}",
            names.join(", ")
        )),
    }
}

fn layers(error: LayerListError) -> ErrorReply {
    match error {
        LayerListError::TooMany => invalid("Cannot reference more than 5 layers."),
        LayerListError::SameLayer { first, second } => invalid(format!(
            "Two different versions of the same layer are not allowed to be referenced in the same function. \
             {first} and {second} are versions of the same layer."
        )),
        LayerListError::OtherRegion { region } => invalid(format!(
            "Layers are not in the same region as the function. \
             Layers are expected to be in region {region}."
        )),
    }
}

pub(crate) fn unknown_layer(arn: &str) -> ErrorReply {
    invalid(format!("Layer version {arn} does not exist."))
}
