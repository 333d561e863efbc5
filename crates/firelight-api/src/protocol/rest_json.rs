//! rest-json: the error's name in a header, the rest in a JSON body.

use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Map, Value};

use super::answer;
use crate::body::Response;
use crate::error::{ApiError, Fault, MessageKey};

const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// Answers with a JSON document.
pub(crate) fn rest_json_answer(status: StatusCode, body: &Value) -> Response {
    let mut response = answer("application/json", body.to_string());
    *response.status_mut() = status;
    response
}

pub(super) fn error(error: &ApiError) -> Response {
    let mut response = rest_json_answer(error.status, &Value::Object(body(error)));
    if let Ok(code) = HeaderValue::from_str(&error.code) {
        response.headers_mut().insert(ERROR_TYPE, code);
    }
    response
}

fn body(error: &ApiError) -> Map<String, Value> {
    let mut body = Map::new();
    if let Some(fault) = error.fault {
        let name = match fault {
            Fault::User => "User",
            Fault::Service => "Service",
        };
        body.insert("Type".into(), name.into());
    }
    for (name, value) in &error.members {
        body.insert(name.as_ref().into(), value.as_str().into());
    }
    let key = match error.message_key {
        MessageKey::Lower => "message",
        MessageKey::Upper => "Message",
    };
    body.insert(key.into(), error.message.as_str().into());
    body
}
