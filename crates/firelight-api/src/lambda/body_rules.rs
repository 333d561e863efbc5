//! What the body of a call may be, told from the head alone: how long, and of which media type.

use firelight_wire::shapes::InvocationType;
use firelight_wire::{ErrorCode, ErrorReply, Operation, route};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Method};

use super::invoke::payload;

/// The longest request of the API: a function with its package inline.
pub(super) const MAX_BODY: usize = 70_167_211;

/// Media types that AWS takes for JSON: its name, its relatives, and what clients say that were not told what they send.
const TAKEN_FOR_JSON: [&str; 7] = [
    "application/json",
    "application/x-amz-json-1.0",
    "application/x-amz-json-1.1",
    "application/octet-stream",
    "binary/octet-stream",
    "application/x-www-form-urlencoded",
    "text/plain",
];

/// Returns how long the body of a request may be.
pub(crate) fn body_limit(request: &Parts) -> usize {
    match payload_of(request) {
        Some((_, limit)) => limit,
        None => MAX_BODY,
    }
}

/// Returns what is said of a body that is longer.
pub(crate) fn too_long(request: &Parts, actual: u64) -> ErrorReply {
    match (payload_of(request), operation(request)) {
        (Some((kind, limit)), _) => payload::too_large(actual, limit, kind),
        (None, operation) => too_large(operation.map_or("requested", Operation::name)),
    }
}

pub(super) fn too_large(operation: &str) -> ErrorReply {
    let text =
        format!("Request must be smaller than {MAX_BODY} bytes for the {operation} operation");
    ErrorReply::new(ErrorCode::RequestEntityTooLarge, text)
}

/// Checks that a body is not said to be something else than JSON.
pub(super) fn check_media_type(request: &Parts) -> Result<(), ErrorReply> {
    let given = request.headers.get(CONTENT_TYPE);
    if given.is_none_or(is_taken_for_json) || !has_body(request) {
        return Ok(());
    }
    let text = "The content type of the request body is not JSON.";
    Err(ErrorReply::new(ErrorCode::UnsupportedMediaType, text))
}

fn is_taken_for_json(given: &HeaderValue) -> bool {
    let essence = given.as_bytes().split(|&byte| byte == b';').next();
    let essence = essence.unwrap_or_default().trim_ascii();
    let is = |name: &&str| essence.eq_ignore_ascii_case(name.as_bytes());
    essence.is_empty() || essence.ends_with(b"+json") || TAKEN_FOR_JSON.iter().any(is)
}

fn has_body(request: &Parts) -> bool {
    let may_have = matches!(request.method, Method::POST | Method::PUT);
    let length = request.headers.get(CONTENT_LENGTH);
    may_have && length.is_none_or(|length| length.as_bytes() != b"0")
}

fn operation(request: &Parts) -> Option<Operation> {
    let uri = &request.uri;
    let routed = route(request.method.as_str(), uri.path(), uri.query());
    routed.ok().map(|routed| routed.operation)
}

/// Returns how a request invokes, and how long its payload may be, if it invokes at all.
fn payload_of(request: &Parts) -> Option<(InvocationType, usize)> {
    match operation(request)? {
        Operation::InvokeAsync => Some((InvocationType::Event, payload::INVOKE_ASYNC_LIMIT)),
        Operation::Invoke | Operation::InvokeWithResponseStream => {
            let kind = request.headers.get("x-amz-invocation-type");
            let kind = match kind.map(HeaderValue::as_bytes) {
                Some(b"Event") => InvocationType::Event,
                Some(b"DryRun") => InvocationType::DryRun,
                _ => InvocationType::RequestResponse,
            };
            Some((kind, payload::limit(kind)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    const INVOKE: &str = "/2015-03-31/functions/f/invocations";

    fn post(path: &str, header: (&str, &str)) -> Parts {
        let request = Request::post(path).header(header.0, header.1).body(());
        request.unwrap().into_parts().0
    }

    #[test]
    fn each_way_to_invoke_has_its_limit_and_everything_else_the_longest() {
        let kind = |kind| body_limit(&post(INVOKE, ("x-amz-invocation-type", kind)));

        assert_eq!(kind("RequestResponse"), 6_291_456);
        assert_eq!(kind("Event"), 1_048_576);
        let create = post("/2015-03-31/functions", ("accept", "*/*"));
        assert_eq!(body_limit(&create), 70_167_211);
    }

    #[test]
    fn a_body_is_refused_only_where_it_is_said_to_be_something_else() {
        let check = |media_type| check_media_type(&post(INVOKE, ("content-type", media_type)));

        for taken in [
            "application/json; charset=utf-8",
            "",
            "APPLICATION/JSON",
            "text/plain",
        ] {
            assert!(check(taken).is_ok(), "{taken}");
        }
        for other in ["text/xml", "multipart/form-data; boundary=x", "image/png"] {
            assert_eq!(
                check(other).unwrap_err().code,
                ErrorCode::UnsupportedMediaType
            );
        }
        let get = Request::get(INVOKE).header("content-type", "text/xml");
        assert!(check_media_type(&get.body(()).unwrap().into_parts().0).is_ok());
    }
}
