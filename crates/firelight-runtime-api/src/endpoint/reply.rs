//! The forms of an answer, with AWS's exact bodies.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Response, StatusCode};
use http_body_util::Full;

use super::Reply;
use crate::machine::{Forbidden, RuntimeState};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

fn with_type(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Reply {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, content_type);
    answer
}

pub(super) fn json(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    with_type(status, JSON, body.into())
}

pub(super) fn text(status: StatusCode, body: &'static str) -> Reply {
    with_type(status, TEXT, Bytes::from_static(body.as_bytes()))
}

pub(super) fn accepted() -> Reply {
    json(
        StatusCode::ACCEPTED,
        Bytes::from_static(b"{\"status\":\"OK\"}"),
    )
}

/// A request that is not served, and what its client is told. Boxed: refusing is rare, the path beside it hot.
pub(super) struct Refusal(Box<Reply>);

impl Refusal {
    pub(super) fn new(status: StatusCode, error_type: &str, message: &str) -> Self {
        let body = serde_json::json!({ "errorMessage": message, "errorType": error_type });
        Self(Box::new(json(status, body.to_string())))
    }

    pub(super) fn forbidden(error_type: &str, message: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, error_type, message)
    }

    pub(super) fn not_found() -> Self {
        Self(Box::new(text(
            StatusCode::NOT_FOUND,
            "404 page not found\n",
        )))
    }

    pub(super) fn wrong_method(allowed: &Method) -> Self {
        let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "");
        if let Ok(allowed) = HeaderValue::from_str(allowed.as_str()) {
            answer.headers_mut().insert(ALLOW, allowed);
        }
        Self(Box::new(answer))
    }

    pub(super) fn invalid_request_id() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "InvalidRequestID",
            "Invalid request ID",
        )
    }

    pub(super) fn too_large(limit: usize) -> Self {
        let message = format!("Exceeded maximum allowed payload size ({limit} bytes).");
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestEntityTooLarge",
            &message,
        )
    }

    pub(super) fn truncated() -> Self {
        let message = "HTTP request detected as truncated";
        Self::new(StatusCode::BAD_REQUEST, "TruncatedHTTPRequest", message)
    }

    pub(super) fn into_reply(self) -> Reply {
        *self.0
    }
}

impl From<Forbidden<RuntimeState>> for Refusal {
    fn from(step: Forbidden<RuntimeState>) -> Self {
        let message = format!("{step} for runtime. Error: State transition is not allowed");
        Self::forbidden("InvalidStateTransition", &message)
    }
}
