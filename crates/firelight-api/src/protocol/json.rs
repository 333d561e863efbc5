//! JSON 1.0 and 1.1: the error's name in the body.

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

/// Answers with a JSON document.
pub(crate) fn json_answer(version: JsonVersion, body: &Value) -> Response {
    answer(version.media_type(), body.to_string())
}

pub(super) fn error(error: &ApiError, version: JsonVersion) -> Response {
    let mut body = Map::new();
    body.insert("__type".into(), error.code.as_ref().into());
    for (name, value) in &error.members {
        body.insert((*name).into(), value.as_str().into());
    }
    // Some errors carry no text at all, such as SSM's ParameterNotFound.
    if !error.message.is_empty() {
        body.insert("message".into(), error.message.as_str().into());
    }
    json_answer(version, &Value::Object(body))
}
