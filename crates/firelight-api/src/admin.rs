//! Firelight's own paths, which no AWS client knows.

use http::request::Parts;
use http::{Method, StatusCode};
use serde_json::json;

use crate::body::Response;
use crate::error::ApiError;
use crate::protocol::rest_json_answer;

/// Answers a request under `/_firelight/`.
pub(crate) fn handle(request: &Parts) -> Result<Response, ApiError> {
    match (&request.method, request.uri.path()) {
        (&Method::GET | &Method::HEAD, "/_firelight/health") => {
            Ok(rest_json_answer(StatusCode::OK, &json!({"status": "ok"})))
        }
        (_, path) => {
            let text = format!("{} {path} is no path of Firelight", request.method);
            Err(ApiError::new(
                StatusCode::NOT_FOUND,
                "NotFoundException",
                text,
            ))
        }
    }
}
