//! An invocation as the answer to a poll.

use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Response};
use http_body_util::Full;

use super::super::Reply;
use crate::event::Event;

const REQUEST_ID: HeaderName = HeaderName::from_static("lambda-runtime-aws-request-id");
const TRACE_ID: HeaderName = HeaderName::from_static("lambda-runtime-trace-id");
const CLIENT_CONTEXT: HeaderName = HeaderName::from_static("lambda-runtime-client-context");
const COGNITO_IDENTITY: HeaderName = HeaderName::from_static("lambda-runtime-cognito-identity");
const FUNCTION_ARN: HeaderName = HeaderName::from_static("lambda-runtime-invoked-function-arn");
const DEADLINE_MS: HeaderName = HeaderName::from_static("lambda-runtime-deadline-ms");
const TENANT_ID: HeaderName = HeaderName::from_static("lambda-runtime-aws-tenant-id");

pub(super) fn event_reply(event: &Event) -> Reply {
    let mut answer = Response::new(Full::new(event.payload.clone()));
    let headers = answer.headers_mut();
    headers.reserve(8);
    put(
        headers,
        CONTENT_TYPE,
        Some(event.content_type.as_deref().unwrap_or("application/json")),
    );
    put(headers, REQUEST_ID, Some(&event.request_id));
    headers.insert(DEADLINE_MS, HeaderValue::from(event.deadline_ms));
    put(headers, FUNCTION_ARN, Some(&event.invoked_function_arn));
    put(headers, TRACE_ID, event.trace_id.as_deref());
    put(headers, CLIENT_CONTEXT, event.client_context.as_deref());
    put(headers, COGNITO_IDENTITY, event.cognito_identity.as_deref());
    put(headers, TENANT_ID, event.tenant_id.as_deref());
    answer
}

/// Sets a header unless its value is empty.
fn put(headers: &mut HeaderMap, name: HeaderName, value: Option<&str>) {
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        return;
    };
    // A client context may be pretty-printed JSON: its line breaks must not end the header.
    let value =
        HeaderValue::from_str(value).or_else(|_| HeaderValue::from_bytes(&without_controls(value)));
    if let Ok(value) = value {
        headers.insert(name, value);
    }
}

fn without_controls(value: &str) -> Vec<u8> {
    value
        .bytes()
        .map(|byte| if byte.is_ascii_control() { b' ' } else { byte })
        .collect()
}
