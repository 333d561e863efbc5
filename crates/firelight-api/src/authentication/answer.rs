//! What clients are told whose requests prove nobody, in the words of each protocol.
//!
//! S3 has words of its own; they stand beside this file.

use firelight_control::sts::{LookUpError, OpenSessionError};
use http::StatusCode;

use super::{AuthenticationError, s3};
use crate::body::ReadBodyError;
use crate::error::{ApiError, Fault};
use crate::protocol::Protocol;
use crate::sigv4::{ClaimError, VerifyError};

const NO_MATCH: &str = "The request signature we calculated does not match the signature you \
    provided. Check your AWS Secret Access Key and signing method. Consult the service \
    documentation for details.";

impl AuthenticationError {
    /// Returns what a client of the protocol is told.
    pub(crate) fn answer(&self, protocol: Protocol) -> ApiError {
        match (protocol, self) {
            (_, Self::Body(error)) => body_error(protocol, error),
            (Protocol::S3, error) => s3::answer(error),
            (_, Self::Missing) => missing(protocol),
            (_, Self::Claim(error)) => claim_error(protocol, error),
            (_, Self::Skew(error)) => bad_signature(protocol, error.to_string()),
            (_, Self::Key { source, .. }) => key_error(protocol, *source),
            (_, Self::Verify(VerifyError::Mismatch(_) | VerifyError::BodyMismatch)) => {
                bad_signature(protocol, NO_MATCH)
            }
            (_, Self::Verify(error)) => bad_signature(protocol, error.to_string()),
        }
    }
}

/// JSON services refuse with 400, all others with 403.
fn refused(protocol: Protocol, code: &'static str, message: impl Into<String>) -> ApiError {
    let status = match protocol {
        Protocol::Json { .. } => StatusCode::BAD_REQUEST,
        _ => StatusCode::FORBIDDEN,
    };
    ApiError::new(status, code, message)
}

fn missing(protocol: Protocol) -> ApiError {
    match protocol {
        Protocol::Query { .. } => refused(
            protocol,
            "MissingAuthenticationToken",
            "Request is missing Authentication Token",
        ),
        _ => refused(
            protocol,
            "MissingAuthenticationTokenException",
            "Missing Authentication Token",
        ),
    }
}

fn claim_error(protocol: Protocol, error: &ClaimError) -> ApiError {
    let text = match error {
        ClaimError::UnsupportedAlgorithm(_) => {
            "Unsupported AWS 'algorithm': only 'AWS4-HMAC-SHA256' is supported.".to_owned()
        }
        ClaimError::MalformedScope { credential, .. } => format!(
            "Credential must have exactly 5 slash-delimited elements, e.g. \
             keyid/date/region/service/term, got '{credential}'"
        ),
        other => other.to_string(),
    };
    match protocol {
        Protocol::Query { .. } => refused(protocol, "IncompleteSignature", text),
        _ => refused(protocol, "IncompleteSignatureException", text),
    }
}

fn bad_signature(protocol: Protocol, text: impl Into<String>) -> ApiError {
    match protocol {
        Protocol::Query { .. } => refused(protocol, "SignatureDoesNotMatch", text),
        _ => refused(protocol, "InvalidSignatureException", text),
    }
}

fn key_error(protocol: Protocol, error: LookUpError) -> ApiError {
    let is_expired = error == LookUpError::Session(OpenSessionError::Expired);
    let (code, text) = match (protocol, is_expired) {
        (Protocol::Query { .. }, true) => (
            "ExpiredToken",
            "The security token included in the request is expired",
        ),
        (Protocol::Query { .. }, false) => (
            "InvalidClientTokenId",
            "The security token included in the request is invalid.",
        ),
        (_, true) => (
            "ExpiredTokenException",
            "The security token included in the request is expired",
        ),
        (_, false) => (
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        ),
    };
    refused(protocol, code, text)
}

/// Too many long bodies come at once: each protocol has a code that makes clients come again.
fn no_room(protocol: Protocol) -> ApiError {
    let error = |status, code, text| ApiError::new(status, code, text);
    match protocol {
        Protocol::S3 => {
            let text = "Please reduce your request rate.";
            error(StatusCode::SERVICE_UNAVAILABLE, "SlowDown", text)
        }
        Protocol::Query { .. } => error(StatusCode::BAD_REQUEST, "Throttling", "Rate exceeded"),
        Protocol::Json { .. } => error(
            StatusCode::BAD_REQUEST,
            "ThrottlingException",
            "Rate exceeded",
        ),
        Protocol::RestJson => {
            let status = StatusCode::TOO_MANY_REQUESTS;
            error(status, "TooManyRequestsException", "Rate Exceeded.")
                .with_fault(Fault::User)
                .with_member("Reason", "CallerRateLimitExceeded")
        }
    }
}

/// Returns what a client is told whose body could not be read.
pub(crate) fn body_error(protocol: Protocol, error: &ReadBodyError) -> ApiError {
    match error {
        ReadBodyError::TooLarge { limit, .. } => {
            let code = match protocol {
                Protocol::S3 => "EntityTooLarge",
                _ => "RequestEntityTooLargeException",
            };
            let text = format!("Request must be smaller than {limit} bytes");
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, code, text)
        }
        ReadBodyError::NoRoom => no_room(protocol),
        ReadBodyError::Malformed(_) => {
            ApiError::bad_request("BadRequest", "The request body is malformed.")
        }
        ReadBodyError::Idle | ReadBodyError::Broken(_) => ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "RequestTimeout",
            "Your socket connection to the server was not read from or written to within the \
             timeout period. Idle connections will be closed.",
        ),
    }
}
