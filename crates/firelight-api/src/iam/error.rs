//! IAM's errors in AWS's words.

use firelight_control::iam::IamError;
use http::StatusCode;

use crate::error::{ApiError, Fault};

impl From<IamError> for ApiError {
    fn from(error: IamError) -> Self {
        let text = error.to_string();
        match &error {
            IamError::NoSuchEntity { .. }
            | IamError::NoSuchInlinePolicy { .. }
            | IamError::NoSuchPolicy { .. }
            | IamError::NotAttachable { .. }
            | IamError::NoSuchVersion { .. }
            | IamError::NoSuchAccessKey { .. } => {
                Self::new(StatusCode::NOT_FOUND, "NoSuchEntity", text)
            }
            IamError::EntityExists { .. } | IamError::PolicyExists { .. } => {
                Self::new(StatusCode::CONFLICT, "EntityAlreadyExists", text)
            }
            IamError::DeleteConflict(_) => Self::new(StatusCode::CONFLICT, "DeleteConflict", text),
            IamError::LimitExceeded(_) => Self::new(StatusCode::CONFLICT, "LimitExceeded", text),
            IamError::ConcurrentModification => {
                Self::new(StatusCode::CONFLICT, "ConcurrentModification", text)
            }
            IamError::MalformedPolicy(_) => Self::bad_request("MalformedPolicyDocument", text),
            IamError::Validation(_) => Self::bad_request("ValidationError", text),
            IamError::InvalidInput(_) | IamError::ReservedTag(_) => {
                Self::bad_request("InvalidInput", text)
            }
            IamError::Read(_) | IamError::Commit(_) | IamError::Damaged(_) | IamError::View(_) => {
                service_failure(&error)
            }
        }
    }
}

fn service_failure(error: &IamError) -> ApiError {
    let mut answer = ApiError::internal_from(error).with_fault(Fault::Service);
    answer.code = "ServiceFailure".into();
    answer
}
