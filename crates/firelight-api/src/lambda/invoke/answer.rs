//! The answers of Invoke. Whatever the function did is a 200; only what kept it from running is an error.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use firelight_invoke::{Completed, FunctionResult, NotStarted, Outcome};
use firelight_model::Version;
use firelight_wire::{ErrorCode, ErrorReply};
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, StatusCode};
use tokio::time::Instant;

use crate::body::{Response, ResponseBody};
use crate::occasionally::Occasionally;

const REMAPPED_LENGTH: HeaderName = HeaderName::from_static("x-amzn-remapped-content-length");
const FUNCTION_ERROR: HeaderName = HeaderName::from_static("x-amz-function-error");
const EXECUTED_VERSION: HeaderName = HeaderName::from_static("x-amz-executed-version");
const LOG_RESULT: HeaderName = HeaderName::from_static("x-amz-log-result");
const TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// The answer to an invocation that was only checked.
pub(super) fn dry_run() -> Response {
    let mut response = Response::new(ResponseBody::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

pub(super) fn of(
    outcome: Outcome,
    executed_version: Version,
    trace: Option<&str>,
) -> Result<Response, ErrorReply> {
    match outcome {
        Outcome::Completed(completed) => Ok(completed_answer(completed, executed_version, trace)),
        Outcome::NotStarted(reason) => Err(not_started(&reason)),
        Outcome::Streaming(_) => {
            tracing::error!("a buffered call was answered with a stream");
            Err(service_error())
        }
        Outcome::Unknown { reason } => {
            tracing::error!(reason, "nobody knows how an invocation ended");
            Err(service_error())
        }
    }
}

fn completed_answer(completed: Completed, version: Version, trace: Option<&str>) -> Response {
    let (payload, failed) = match completed.result {
        FunctionResult::Success(payload) => (payload, false),
        FunctionResult::Error(payload) => (payload, true),
    };
    let mut response = Response::new(ResponseBody::from(payload));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(REMAPPED_LENGTH, HeaderValue::from_static("0"));
    if failed {
        headers.insert(FUNCTION_ERROR, HeaderValue::from_static("Unhandled"));
    }
    let log_tail = completed.log_tail.map(|tail| BASE64_STANDARD.encode(tail));
    let texts = [
        (EXECUTED_VERSION, Some(version.to_string())),
        (LOG_RESULT, log_tail),
        (TRACE_ID, trace.map(str::to_owned)),
    ];
    for (name, text) in texts {
        // A trace header that a client made up may hold what no header can; it is then left out.
        if let Some(value) = text.and_then(|text| HeaderValue::try_from(text).ok()) {
            headers.insert(name, value);
        }
    }
    response
}

pub(crate) fn not_started(reason: &NotStarted) -> ErrorReply {
    match reason {
        NotStarted::Throttled(reason) => throttled(reason.name()),
        NotStarted::NoCapacity { reason } => {
            static WARNING: Occasionally = Occasionally::new();
            if let Some(refused) = WARNING.count(Instant::now()) {
                tracing::warn!(reason, refused, "no room for invocations");
            }
            throttled("ConcurrentInvocationLimitExceeded")
        }
        // The version was changed or deleted after it was resolved.
        NotStarted::NoSuchVersion(key) => ErrorReply::new(
            ErrorCode::ResourceConflict,
            format!(
                "The function {} was changed while it was invoked. Try again.",
                key.function
            ),
        ),
        NotStarted::LaunchFailed { reason } => {
            tracing::error!(reason, "no environment could be made");
            service_error()
        }
        NotStarted::Draining => service_error(),
    }
}

fn throttled(reason: &'static str) -> ErrorReply {
    ErrorReply::new(ErrorCode::TooManyRequests, "Rate Exceeded.")
        .with("Reason", reason)
        .with_header("Retry-After", "1")
}

pub(super) fn service_error() -> ErrorReply {
    ErrorReply::new(ErrorCode::Service, "An internal error occurred")
}
