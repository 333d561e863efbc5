//! The errors of Logs in AWS's words.

use firelight_control::logs::{
    ChangeLogsError, DeleteLogGroupError, InvalidPattern, LogRecordError, LogTagsError,
    ReadLogsError,
};

use crate::error::ApiError;

const NO_GROUP: &str = "The specified log group does not exist.";
const NO_STREAM: &str = "The specified log stream does not exist.";

pub(super) fn invalid(text: impl Into<String>) -> ApiError {
    ApiError::bad_request("InvalidParameterException", text)
}

/// The error for a member that breaks a constraint.
pub(super) fn constraint(value: &str, member: &str, constraint: &str) -> ApiError {
    invalid(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: \
         {constraint}"
    ))
}

/// The error for a member that was left out.
pub(super) fn missing(member: &str) -> ApiError {
    invalid(format!(
        "1 validation error detected: Value null at '{member}' failed to satisfy constraint: \
         Member must not be null"
    ))
}

pub(super) fn no_group() -> ApiError {
    ApiError::bad_request("ResourceNotFoundException", NO_GROUP)
}

impl From<ChangeLogsError> for ApiError {
    fn from(error: ChangeLogsError) -> Self {
        let exists = |text| Self::bad_request("ResourceAlreadyExistsException", text);
        match &error {
            ChangeLogsError::NoSuchGroup => no_group(),
            ChangeLogsError::NoSuchStream => {
                Self::bad_request("ResourceNotFoundException", NO_STREAM)
            }
            ChangeLogsError::GroupExists => exists("The specified log group already exists"),
            ChangeLogsError::StreamExists => exists("The specified log stream already exists"),
            ChangeLogsError::TooManySubscriptions => {
                Self::bad_request("LimitExceededException", "Resource limit exceeded.")
            }
            ChangeLogsError::NoSuchSubscription => Self::bad_request(
                "ResourceNotFoundException",
                "The specified subscription filter does not exist.",
            ),
            ChangeLogsError::Failed(_) => unavailable(&error),
        }
    }
}

impl From<ReadLogsError> for ApiError {
    fn from(error: ReadLogsError) -> Self {
        match &error {
            ReadLogsError::NoSuchGroup => no_group(),
            ReadLogsError::NoSuchStream => {
                Self::bad_request("ResourceNotFoundException", NO_STREAM)
            }
            ReadLogsError::Failed(_) => unavailable(&error),
        }
    }
}

impl From<LogTagsError> for ApiError {
    fn from(error: LogTagsError) -> Self {
        match error {
            LogTagsError::TooMany => Self::bad_request("TooManyTagsException", error.to_string()),
            LogTagsError::Reserved(error) => invalid(error.to_string()),
            LogTagsError::Record(error) => error.into(),
        }
    }
}

impl From<LogRecordError> for ApiError {
    fn from(error: LogRecordError) -> Self {
        match &error {
            LogRecordError::Concurrent => {
                Self::bad_request("OperationAbortedException", error.to_string())
            }
            _ => unavailable(&error),
        }
    }
}

impl From<DeleteLogGroupError> for ApiError {
    fn from(error: DeleteLogGroupError) -> Self {
        match error {
            DeleteLogGroupError::Group(error) => error.into(),
            DeleteLogGroupError::Filters(error) => error.into(),
            DeleteLogGroupError::Tags(error) => error.into(),
        }
    }
}

impl From<InvalidPattern> for ApiError {
    fn from(error: InvalidPattern) -> Self {
        invalid(error.to_string())
    }
}

fn unavailable(error: &(dyn std::error::Error + 'static)) -> ApiError {
    let mut answer = ApiError::internal_from(error);
    answer.code = "ServiceUnavailableException".into();
    answer
}
