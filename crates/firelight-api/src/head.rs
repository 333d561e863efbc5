//! What the front door reads from the head of a request, and writes into that of an answer.

use firelight_model::RequestId;
use http::header::{EXPECT, HOST};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Version};

use crate::body::{Response, Sending};
use crate::error::ApiError;
use crate::protocol::Protocol;

const AMZN_REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const S3_REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");
const S3_HOST_ID: HeaderName = HeaderName::from_static("x-amz-id-2");

/// Tells whether a client waits to be told before it sends its body. HTTP/2 has no use for that.
pub(crate) fn sending(request: &Parts) -> Sending {
    if request.version < Version::HTTP_2 && request.headers.contains_key(EXPECT) {
        return Sending::OnceWanted;
    }
    Sending::Unasked
}

/// HTTP/2 names the host in the request target; signatures are made over the header.
pub(crate) fn add_host(request: &mut Parts) {
    if request.headers.contains_key(HOST) {
        return;
    }
    let authority = request.uri.authority().map(http::uri::Authority::as_str);
    if let Some(host) = authority.and_then(|text| HeaderValue::from_str(text).ok()) {
        request.headers.insert(HOST, host);
    }
}

/// Checks that a request names its host, and only one: a proxy in front may have gone by the other.
pub(crate) fn check_host(request: &Parts) -> Result<(), ApiError> {
    let refused = |text| Err(ApiError::bad_request("BadRequest", text));
    let mut named = request.headers.get_all(HOST).iter();
    match (named.next(), named.next()) {
        (None, _) if request.version == Version::HTTP_11 => {
            refused("The request has no Host header.")
        }
        (Some(_), Some(_)) => refused("The request has more than one Host header."),
        (Some(host), None) if !is_target(request, host) => {
            refused("The Host header is not the host of the request target.")
        }
        _ => Ok(()),
    }
}

/// Tells whether a Host header agrees with the target, which only some requests name a host in.
fn is_target(request: &Parts, host: &HeaderValue) -> bool {
    let target = request.uri.authority();
    target.is_none_or(|target| {
        host.as_bytes()
            .eq_ignore_ascii_case(target.as_str().as_bytes())
    })
}

/// Returns how the client calls this daemon.
pub(crate) fn base_url(request: &Parts) -> String {
    let host = request
        .headers
        .get(HOST)
        .and_then(|value| value.to_str().ok());
    format!("http://{}", host.unwrap_or("localhost"))
}

pub(crate) fn add_request_id(response: &mut Response, protocol: Protocol, request_id: RequestId) {
    let Ok(value) = HeaderValue::from_str(&request_id.to_string()) else {
        return;
    };
    if protocol == Protocol::S3 {
        let headers = response.headers_mut();
        headers.insert(S3_REQUEST_ID, value.clone());
        headers.insert(S3_HOST_ID, value.clone());
    }
    response
        .headers_mut()
        .entry(AMZN_REQUEST_ID)
        .or_insert(value);
}
