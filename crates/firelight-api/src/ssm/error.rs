//! The errors of SSM in AWS's words.

use firelight_control::ssm::SsmError;

use crate::error::ApiError;

impl From<SsmError> for ApiError {
    fn from(error: SsmError) -> Self {
        let code = match &error {
            SsmError::NotFound => "ParameterNotFound",
            SsmError::VersionNotFound { .. } => "ParameterVersionNotFound",
            SsmError::TooManyLabels => "ParameterVersionLabelLimitExceeded",
            SsmError::OldestIsLabelled { .. } => "ParameterMaxVersionLimitExceeded",
            SsmError::AlreadyExists => "ParameterAlreadyExists",
            SsmError::PatternMismatch { .. } => "ParameterPatternMismatchException",
            SsmError::InvalidPattern(_) => "InvalidAllowedPatternException",
            SsmError::Validation(_) | SsmError::ReservedTag(_) => "ValidationException",
            SsmError::TooManyTags => "TooManyTagsError",
            SsmError::TooManyUpdates => "TooManyUpdates",
            SsmError::Read(_) | SsmError::Commit(_) | SsmError::Damaged(_) => {
                let mut answer = Self::internal_from(&error);
                answer.code = "InternalServerError".into();
                return answer;
            }
        };
        Self::bad_request(code, error.to_string())
    }
}

/// The error for a member that was left out.
pub(super) fn missing(member: &str) -> ApiError {
    let text = format!(
        "1 validation error detected: Value null at '{member}' failed to satisfy constraint: \
         Member must not be null"
    );
    ApiError::bad_request("ValidationException", text)
}

/// The error for a member that breaks a constraint.
pub(super) fn constraint(value: &str, member: &str, constraint: &str) -> ApiError {
    let text = format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: \
         {constraint}"
    );
    ApiError::bad_request("ValidationException", text)
}
