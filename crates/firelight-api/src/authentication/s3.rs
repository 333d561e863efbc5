//! What S3 tells clients whose requests prove nobody.

use firelight_control::sts::{LookUpError, OpenSessionError};
use http::StatusCode;

use super::AuthenticationError;
use crate::error::ApiError;
use crate::sigv4::{ClaimError, Form, MAX_SKEW_S3, Mismatch, SigningTime, SkewError, VerifyError};

const TWO_SIGNATURES: &str = "Only one auth mechanism allowed; only the X-Amz-Algorithm query \
    parameter, Signature query string parameter or the Authorization header should be specified";
const INCOMPLETE_URL: &str = "Query-string authentication version 4 requires the X-Amz-Algorithm, \
    X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires \
    parameters.";
const UNKNOWN_DIGEST: &str = "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, \
    STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, \
    STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, \
    STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value.";

/// Returns what a client is told.
pub(super) fn answer(error: &AuthenticationError) -> ApiError {
    match error {
        AuthenticationError::Missing | AuthenticationError::Body(_) => denied("Access Denied"),
        AuthenticationError::Claim(error) => claim_error(error),
        AuthenticationError::Skew(error) => skew_error(error),
        AuthenticationError::Key {
            access_key_id,
            source,
        } => key_error(access_key_id, *source),
        AuthenticationError::Verify(error) => verify_error(error),
    }
}

fn refused(code: &'static str, message: &str) -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, code, message)
}

fn denied(message: &str) -> ApiError {
    refused("AccessDenied", message)
}

fn malformed_header(text: &str) -> ApiError {
    let text = format!("The authorization header is malformed; {text}");
    ApiError::bad_request("AuthorizationHeaderMalformed", text)
}

fn malformed_url(text: impl Into<String>) -> ApiError {
    ApiError::bad_request("AuthorizationQueryParametersError", text)
}

fn invalid_argument(text: &str, name: &'static str, value: &str) -> ApiError {
    ApiError::bad_request("InvalidArgument", text)
        .with_member("ArgumentName", name)
        .with_member("ArgumentValue", value)
}

fn claim_error(error: &ClaimError) -> ApiError {
    match error {
        ClaimError::Incomplete(_) => malformed_header(
            "the authorization header requires three components: Credential, SignedHeaders, and \
             Signature.",
        ),
        ClaimError::Undated(_) => {
            denied("AWS authentication requires a valid Date or x-amz-date header")
        }
        ClaimError::IncompleteUrl(_) => malformed_url(INCOMPLETE_URL),
        ClaimError::Twice(header) => invalid_argument(TWO_SIGNATURES, "Authorization", header),
        ClaimError::UnsupportedAlgorithm(Form::Url) => {
            malformed_url("X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"")
        }
        ClaimError::UnsupportedAlgorithm(Form::Header) => {
            let text = "The authorization mechanism you have provided is not supported. Please use \
                        AWS4-HMAC-SHA256.";
            ApiError::bad_request("InvalidRequest", text)
        }
        ClaimError::MalformedScope { form, .. } => malformed_scope(*form),
        ClaimError::BadExpires(text) => malformed_url(*text),
    }
}

fn malformed_scope(form: Form) -> ApiError {
    let text = "the Credential is mal-formed; expecting \
                \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".";
    match form {
        Form::Header => malformed_header(text),
        Form::Url => malformed_url(format!(
            "Error parsing the X-Amz-Credential parameter; {text}"
        )),
    }
}

fn skew_error(error: &SkewError) -> ApiError {
    match error {
        SkewError::UrlExpired { life, until, now } => {
            let refusal = denied("Request has expired");
            let refusal = match life {
                Some(life) => refusal.with_member("X-Amz-Expires", life.as_secs().to_string()),
                None => refusal,
            };
            refusal
                .with_member("Expires", until.extended())
                .with_member("ServerTime", now.extended())
        }
        SkewError::NotYetCurrent {
            form: Form::Url, ..
        } => denied("Request is not yet valid"),
        SkewError::Expired { signed_at, now, .. }
        | SkewError::NotYetCurrent { signed_at, now, .. } => too_skewed(*signed_at, *now),
    }
}

fn too_skewed(signed_at: SigningTime, now: SigningTime) -> ApiError {
    let text = "The difference between the request time and the current time is too large.";
    let allowed_ms = MAX_SKEW_S3.as_millis();
    refused("RequestTimeTooSkewed", text)
        .with_member("RequestTime", signed_at.to_string())
        .with_member("ServerTime", now.extended())
        .with_member("MaxAllowedSkewMilliseconds", allowed_ms.to_string())
}

fn key_error(access_key_id: &str, error: LookUpError) -> ApiError {
    match error {
        LookUpError::Session(OpenSessionError::Expired) => {
            ApiError::bad_request("ExpiredToken", "The provided token has expired.")
        }
        LookUpError::Session(_) => ApiError::bad_request(
            "InvalidToken",
            "The provided token is malformed or otherwise invalid.",
        ),
        _ => refused(
            "InvalidAccessKeyId",
            "The AWS Access Key Id you provided does not exist in our records.",
        )
        .with_member("AWSAccessKeyId", access_key_id),
    }
}

fn verify_error(error: &VerifyError) -> ApiError {
    match error {
        VerifyError::Mismatch(mismatch) => no_match(mismatch),
        VerifyError::BodyMismatch => ApiError::bad_request(
            "XAmzContentSHA256Mismatch",
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        ),
        VerifyError::HostNotSigned => not_signed("host"),
        VerifyError::HeaderNotSigned(name) => not_signed(name),
        VerifyError::NoDigest => {
            let text = "Missing required header for this request: x-amz-content-sha256";
            ApiError::bad_request("InvalidRequest", text)
        }
        VerifyError::UnknownDigest(given) => {
            invalid_argument(UNKNOWN_DIGEST, "x-amz-content-sha256", given)
        }
        VerifyError::DateMismatch {
            form, scope, date, ..
        } => {
            let text = format!(
                "Invalid credential date \"{scope}\". This date is not the same as X-Amz-Date: \
                 \"{date}\"."
            );
            match form {
                Form::Header => malformed_header(&text),
                Form::Url => malformed_url(text),
            }
        }
    }
}

fn not_signed(header: &str) -> ApiError {
    denied("There were headers present in the request which were not signed")
        .with_member("HeadersNotSigned", header)
}

/// Whoever signed otherwise sees here where the two differ.
fn no_match(mismatch: &Mismatch) -> ApiError {
    let text = "The request signature we calculated does not match the signature you provided. \
                Check your key and signing method.";
    let refusal = refused("SignatureDoesNotMatch", text)
        .with_member("AWSAccessKeyId", mismatch.access_key_id.as_str())
        .with_member("StringToSign", mismatch.string_to_sign.as_str())
        .with_member("SignatureProvided", mismatch.signature.as_str());
    match &mismatch.canonical_request {
        Some(canonical) => refusal.with_member("CanonicalRequest", canonical.as_str()),
        None => refusal,
    }
}
