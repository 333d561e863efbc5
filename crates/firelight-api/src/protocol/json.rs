//! JSON 1.0 and 1.1: the error's name in the body.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{JsonVersion, answer};
use crate::body::Response;
use crate::error::ApiError;

impl JsonVersion {
    fn media_type(self) -> &'static str {
        match self {
            Self::V1_0 => "application/x-amz-json-1.0",
            Self::V1_1 => "application/x-amz-json-1.1",
        }
    }
}

/// Reads the input of an operation; members nobody knows are skipped.
pub(crate) fn json_input<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|_| serialization_error())
}

/// The error for a body that is not JSON, or not of the types that belong there.
pub(crate) fn serialization_error() -> ApiError {
    ApiError::bad_request("SerializationException", "")
}

/// The error for an operation that is not offered.
pub(crate) fn unknown_operation(_name: &str) -> ApiError {
    ApiError::bad_request("UnknownOperationException", "")
}

/// Answers with a JSON document.
pub(crate) fn json_answer(
    version: JsonVersion,
    output: &impl Serialize,
) -> Result<Response, ApiError> {
    let body = serde_json::to_vec(output).map_err(|error| ApiError::internal_from(&error))?;
    Ok(answer(version.media_type(), body))
}

/// Answers an operation that returns nothing.
pub(crate) fn json_empty(version: JsonVersion) -> Response {
    answer(version.media_type(), "")
}

pub(super) fn error(error: &ApiError, version: JsonVersion) -> Response {
    let mut body = Map::new();
    body.insert("__type".into(), error.code.as_ref().into());
    for (name, value) in &error.members {
        body.insert(name.as_ref().into(), value.as_str().into());
    }
    // Some errors carry no text at all, such as SSM's ParameterNotFound.
    if !error.message.is_empty() {
        body.insert("message".into(), error.message.as_str().into());
    }
    answer(version.media_type(), Value::Object(body).to_string())
}
