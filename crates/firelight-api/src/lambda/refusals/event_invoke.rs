//! Event invoke configs.

use firelight_control::EventInvokeError;
use firelight_wire::ErrorReply;

use super::{invalid, missing, store};

pub(crate) fn the_function_does_not_exist() -> ErrorReply {
    missing("The function doesn't exist.")
}

pub(crate) fn event_invoke(error: EventInvokeError) -> ErrorReply {
    match error {
        EventInvokeError::NoSuchFunction => the_function_does_not_exist(),
        EventInvokeError::NoConfig { arn, qualifier } => missing(format!(
            "The function {arn}:{qualifier} doesn't have an EventInvokeConfig"
        )),
        EventInvokeError::Nothing => {
            invalid("You must specify at least one of error handling or destination setting.")
        }
        EventInvokeError::OwnDestination => {
            invalid("You can't specify the function as a destination for itself.")
        }
        EventInvokeError::NoSuchDestination { arn } => {
            invalid(format!("The destination ARN {arn} is invalid."))
        }
        EventInvokeError::Unsupported {
            on_success,
            on_failure,
            ..
        } => {
            let side = |name: &str, to: Option<String>| match to {
                Some(arn) => format!("{name}(destination={arn})"),
                None => "null".to_owned(),
            };
            invalid(format!(
                "The provided destination config DestinationConfig(onSuccess={}, onFailure={}) is invalid.",
                side("OnSuccess", on_success),
                side("OnFailure", on_failure)
            ))
        }
        EventInvokeError::Store(error) => store(&error),
    }
}
