//! Proving who sent a request.
//!
//! ```text
//!  no claim ─────────────────────────────► refused, or the account itself (dev)
//!  claim ──► time ──► key's holder ──► body read ──► signature ──► caller
//! ```
//!
//! What the caller may do is not decided here.

use firelight_control::sts::{Caller, CredentialBook, Holder, LookUpError, OpenSessionError};
use firelight_model::AccountId;
use http::StatusCode;
use http::request::Parts;
use jiff::Timestamp;

use crate::body::{ReadBodyError, RequestBody};
use crate::error::ApiError;
use crate::protocol::Protocol;
use crate::sigv2::UrlClaim;
use crate::sigv4::{ChunkSeed, Claim, ClaimError, Payload, SigningTime, SkewError, VerifyError};

/// Whether requests must be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// Every request is signed with a known key (`firelight serve`).
    Required,
    /// Signatures are not looked at. A known key acts as its holder, a key id of twelve digits as
    /// that account, anything else as the configured account (`firelight dev`).
    AnyCredentials,
}

/// A request that is not what it claims to be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthenticationError {
    #[error("the request is not signed")]
    Missing,
    #[error(transparent)]
    Claim(#[from] ClaimError),
    #[error(transparent)]
    Skew(#[from] SkewError),
    #[error("the access key {access_key_id} is of no use")]
    Key {
        access_key_id: String,
        #[source]
        source: LookUpError,
    },
    #[error("could not read the signed body")]
    Body(#[from] ReadBodyError),
    #[error(transparent)]
    Verify(#[from] VerifyError),
}

/// Returns the caller of a signed request and its body, which is read to check the signature.
pub(crate) async fn prove(
    book: &CredentialBook,
    request: &Parts,
    claim: Option<Claim>,
    body: RequestBody,
    body_limit: usize,
    now: Timestamp,
) -> Result<(Caller, RequestBody), AuthenticationError> {
    let claim = claim.ok_or(AuthenticationError::Missing)?;
    claim.check_time(SigningTime::from_timestamp(now))?;
    let token = claim.session_token.as_deref();
    let holder = book
        .look_up(&claim.access_key_id, token, now.as_second())
        .map_err(|source| AuthenticationError::Key {
            access_key_id: claim.access_key_id.clone(),
            source,
        })?;
    let bytes = body.read(body_limit).await?;
    claim.verify(request, Payload::Bytes(&bytes), &holder.secret_access_key)?;
    Ok((holder.caller, RequestBody::Read(bytes)))
}

/// Returns the caller of a signed request whose body is read, and compared, later.
pub(crate) fn prove_head(
    book: &CredentialBook,
    request: &Parts,
    claim: Option<Claim>,
    now: Timestamp,
) -> Result<(Caller, Option<ChunkSeed>), AuthenticationError> {
    let Some(claim) = claim else {
        return prove_url(book, request, now).map(|caller| (caller, None));
    };
    claim.check_time(SigningTime::from_timestamp(now))?;
    let holder = holder(
        book,
        &claim.access_key_id,
        claim.session_token.as_deref(),
        now,
    )?;
    claim.verify(request, Payload::NotRead, &holder.secret_access_key)?;
    let seed = claim.chunk_seed(&holder.secret_access_key);
    Ok((holder.caller, Some(seed)))
}

/// Returns the caller of a URL that was signed the old way.
fn prove_url(
    book: &CredentialBook,
    request: &Parts,
    now: Timestamp,
) -> Result<Caller, AuthenticationError> {
    let claim = UrlClaim::read(request).ok_or(AuthenticationError::Missing)?;
    if claim.expires_epoch_seconds < now.as_second() {
        return Err(SkewError::UrlExpired.into());
    }
    let holder = holder(
        book,
        &claim.access_key_id,
        claim.session_token.as_deref(),
        now,
    )?;
    let host = request
        .headers
        .get(http::header::HOST)
        .and_then(|host| host.to_str().ok());
    let host = host.map(|host| host.rsplit_once(':').map_or(host, |(host, _)| host));
    let bucket = host.and_then(firelight_s3::bucket_of);
    if claim.is_genuine(request, bucket, &holder.secret_access_key) {
        Ok(holder.caller)
    } else {
        Err(VerifyError::Mismatch.into())
    }
}

fn holder(
    book: &CredentialBook,
    access_key_id: &str,
    session_token: Option<&str>,
    now: Timestamp,
) -> Result<Holder, AuthenticationError> {
    let access_key_id = access_key_id.to_owned();
    book.look_up(&access_key_id, session_token, now.as_second())
        .map_err(|source| AuthenticationError::Key {
            access_key_id,
            source,
        })
}

/// Returns whom a request acts as where signatures are not looked at.
pub(crate) fn assume(
    book: &CredentialBook,
    claim: Option<&Claim>,
    configured: AccountId,
    now: Timestamp,
) -> Caller {
    let Some(claim) = claim else {
        return Caller::root(configured, "");
    };
    let token = claim.session_token.as_deref();
    if let Ok(holder) = book.look_up(&claim.access_key_id, token, now.as_second()) {
        return holder.caller;
    }
    let account = claim.access_key_id.parse().unwrap_or(configured);
    Caller::root(account, claim.access_key_id.clone())
}

const NO_MATCH: &str = "The request signature we calculated does not match the signature you \
    provided. Check your AWS Secret Access Key and signing method. Consult the service \
    documentation for details.";
const NO_MATCH_S3: &str = "The request signature we calculated does not match the signature you \
    provided. Check your key and signing method.";

impl AuthenticationError {
    /// Returns what a client of the protocol is told.
    pub(crate) fn answer(&self, protocol: Protocol) -> ApiError {
        match self {
            Self::Missing => missing(protocol),
            Self::Claim(error) => claim_error(protocol, error),
            Self::Skew(error) => skew_error(protocol, error),
            Self::Key { source, .. } => key_error(protocol, *source),
            Self::Body(error) => body_error(protocol, error),
            Self::Verify(VerifyError::BodyMismatch) if protocol == Protocol::S3 => {
                ApiError::bad_request(
                    "XAmzContentSHA256Mismatch",
                    "The provided 'x-amz-content-sha256' header does not match what was computed.",
                )
            }
            Self::Verify(VerifyError::Mismatch | VerifyError::BodyMismatch) => {
                let text = if protocol == Protocol::S3 {
                    NO_MATCH_S3
                } else {
                    NO_MATCH
                };
                bad_signature(protocol, text.to_owned())
            }
            Self::Verify(error) => bad_signature(protocol, error.to_string()),
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
        Protocol::S3 => refused(protocol, "AccessDenied", "Access Denied"),
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
        ClaimError::Incomplete(text) => text.clone(),
        ClaimError::UnsupportedAlgorithm => {
            "Unsupported AWS 'algorithm': only 'AWS4-HMAC-SHA256' is supported.".to_owned()
        }
        ClaimError::MalformedScope(credential) => format!(
            "Credential must have exactly 5 slash-delimited elements, e.g. \
             keyid/date/region/service/term, got '{credential}'"
        ),
        ClaimError::BadExpires(text) => (*text).to_owned(),
    };
    match protocol {
        Protocol::S3 if matches!(error, ClaimError::BadExpires(_)) => {
            ApiError::bad_request("AuthorizationQueryParametersError", text)
        }
        Protocol::S3 => ApiError::bad_request("AuthorizationHeaderMalformed", text),
        Protocol::Query { .. } => refused(protocol, "IncompleteSignature", text),
        _ => refused(protocol, "IncompleteSignatureException", text),
    }
}

fn skew_error(protocol: Protocol, error: &SkewError) -> ApiError {
    match (protocol, error) {
        (Protocol::S3, SkewError::UrlExpired) => {
            refused(protocol, "AccessDenied", "Request has expired")
        }
        (Protocol::S3, _) => refused(
            protocol,
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
        ),
        _ => bad_signature(protocol, error.to_string()),
    }
}

fn bad_signature(protocol: Protocol, text: String) -> ApiError {
    match protocol {
        Protocol::S3 | Protocol::Query { .. } => refused(protocol, "SignatureDoesNotMatch", text),
        _ => refused(protocol, "InvalidSignatureException", text),
    }
}

fn key_error(protocol: Protocol, error: LookUpError) -> ApiError {
    let expired = error == LookUpError::Session(OpenSessionError::Expired);
    match (protocol, expired) {
        (Protocol::S3, false) if matches!(error, LookUpError::Session(_)) => ApiError::bad_request(
            "InvalidToken",
            "The provided token is malformed or otherwise invalid.",
        ),
        (Protocol::S3, true) => {
            ApiError::bad_request("ExpiredToken", "The provided token has expired.")
        }
        (Protocol::S3, false) => refused(
            protocol,
            "InvalidAccessKeyId",
            "The AWS Access Key Id you provided does not exist in our records.",
        ),
        (Protocol::Query { .. }, true) => refused(
            protocol,
            "ExpiredToken",
            "The security token included in the request is expired",
        ),
        (Protocol::Query { .. }, false) => refused(
            protocol,
            "InvalidClientTokenId",
            "The security token included in the request is invalid.",
        ),
        (_, true) => refused(
            protocol,
            "ExpiredTokenException",
            "The security token included in the request is expired",
        ),
        (_, false) => refused(
            protocol,
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        ),
    }
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
                .with_fault(crate::error::Fault::User)
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
