//! The wire protocols of AWS: how each carries answers and errors.

mod json;
pub(crate) mod query;
mod rest_json;
mod s3;
pub(crate) mod xml;

use http::HeaderValue;
use http::header::{CONTENT_TYPE, RETRY_AFTER};

use crate::body::Response;
use crate::error::ApiError;

pub(crate) use json::{
    json_answer, json_empty, json_input, serialization_error, unknown_operation,
};
pub(crate) use rest_json::rest_json_answer;
pub(crate) use s3::s3_document;

/// How a service speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Paths and JSON bodies: Lambda, Scheduler, API Gateway.
    RestJson,
    /// `X-Amz-Target` and JSON bodies: Logs, SSM, EventBridge.
    Json { version: JsonVersion },
    /// `Action=` in a form, XML answers in the namespace given: STS, IAM, SNS.
    Query { namespace: &'static str },
    /// S3's own XML.
    S3,
}

/// The media type of a JSON protocol: `application/x-amz-json-1.0` or `-1.1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JsonVersion {
    V1_0,
    V1_1,
}

impl Protocol {
    /// Puts an error into the form that clients of this protocol read.
    pub(crate) fn error(self, error: &ApiError, request_id: &str) -> Response {
        let mut response = match self {
            Self::RestJson => rest_json::error(error),
            Self::Json { version } => json::error(error, version),
            Self::Query { namespace } => query::error(error, namespace, request_id),
            Self::S3 => s3::error(error, request_id),
        };
        *response.status_mut() = error.status;
        if let Some(seconds) = error.retry_after_seconds {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// Makes a 200 of one media type.
fn answer(media_type: &'static str, body: impl Into<crate::body::ResponseBody>) -> Response {
    let mut response = Response::new(body.into());
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}
