//! Event source mappings.

use firelight_control::{Duplicate, MappingError, SourceError};
use firelight_wire::{ErrorCode, ErrorReply};

use super::{conflict, invalid, store, unknown_resource};

pub(crate) fn mapping(error: MappingError) -> ErrorReply {
    match error {
        MappingError::NoSuchMapping { .. } => unknown_resource(),
        MappingError::NoSuchFunction { .. } => invalid("Function does not exist"),
        MappingError::Source(error) => source(error),
        MappingError::Duplicate { uuid, source } => duplicate(&uuid, &source),
        MappingError::InUse => in_use("update"),
        MappingError::Store(error) => store(&error),
    }
}

pub(crate) fn update_mapping(error: MappingError) -> ErrorReply {
    mapping(error)
}

pub(crate) fn delete_mapping(error: MappingError) -> ErrorReply {
    match error {
        MappingError::InUse => in_use("delete"),
        other => mapping(other),
    }
}

fn in_use(what: &str) -> ErrorReply {
    let text = format!("Cannot {what} the event source mapping because it is in use.");
    ErrorReply::new(ErrorCode::ResourceInUse, text)
}

fn source(error: SourceError) -> ErrorReply {
    match error {
        SourceError::Unrecognized => invalid("Unrecognized event source."),
        SourceError::NoStartingPosition => invalid(
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: \
             Member must not be null.",
        ),
        SourceError::UnsupportedPosition { arn } => {
            invalid(format!("Unsupported starting position for arn type: {arn}"))
        }
        SourceError::UnsupportedParameter { parameter } => invalid(format!(
            "Unsupported {parameter} parameter for given event source mapping type."
        )),
        // The texts of the next three are ours.
        SourceError::NoTimestamp => invalid(
            "1 validation error detected: Value null at 'startingPositionTimestamp' failed to satisfy constraint: \
             Member must not be null.",
        ),
        SourceError::OrderedBatch { limit } => invalid(format!(
            "FIFO queues support a maximum batch size of {limit} and no batch window."
        )),
        SourceError::TooManyFilters { limit } => invalid(format!(
            "FilterCriteria cannot have more than {limit} filters."
        )),
        SourceError::NoBatchWindow => invalid(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
        ),
        SourceError::InvalidFilter => invalid("Invalid filter pattern definition."),
        SourceError::NoSourceAccess => {
            invalid("Required 'sourceAccessConfigurations' parameter is missing.")
        }
    }
}

fn duplicate(uuid: &str, duplicate: &Duplicate) -> ErrorReply {
    let advice = format!("Please update or delete the existing mapping with UUID {uuid}");
    conflict(match duplicate {
        Duplicate::Queue { arn, function } => format!(
            "An event source mapping with SQS arn (\" {arn} \") and function (\" {function} \") \
             already exists. {advice}"
        ),
        Duplicate::Stream { arn, function } => format!(
            "The event source arn (\" {arn} \") and function (\" {function} \") provided mapping \
             already exists. {advice}"
        ),
        Duplicate::Kafka {
            endpoints,
            function_arn,
            topics,
        } => format!(
            "An event source mapping with event source (\"{endpoints}\"), function (\"{function_arn}\"), \
             topics (\"{topics}\") already exists. {advice}"
        ),
    })
}
