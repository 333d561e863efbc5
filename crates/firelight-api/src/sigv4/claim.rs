//! What a signed request says about itself, and whether it is true.

use std::time::Duration;

use http::HeaderMap;
use http::request::Parts;

use super::canonical::{CanonicalRequest, PathRule, payload_sha256, split_query};
use super::key::{SigningKey, string_to_sign};
use super::{ALGORITHM, Scope, SigningTime, UNSIGNED_PAYLOAD};

/// How far a client's clock may be off.
const MAX_SKEW: Duration = Duration::from_secs(5 * 60);
/// How far it may be off at S3.
const MAX_SKEW_S3: Duration = Duration::from_secs(15 * 60);
/// The longest life of a presigned URL.
const MAX_EXPIRES_SECONDS: u64 = 7 * 24 * 3600;

/// The signature of a request and everything it refers to, not yet believed.
#[derive(Clone, Debug)]
pub struct Claim {
    pub access_key_id: String,
    pub scope: Scope,
    pub session_token: Option<String>,
    signed_at: SigningTime,
    signed_headers: Vec<String>,
    signature: String,
    form: Form,
}

/// What the signatures of chunks begin with: the key of the scope, and the request's signature.
#[derive(Clone)]
pub struct ChunkSeed {
    pub key: [u8; 32],
    pub time: String,
    pub scope: String,
    pub signature: String,
}

/// Where the signature stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// In the `Authorization` header; good while the clocks agree.
    Header,
    /// In the query of a presigned URL; good for as long as it says.
    Presigned { expires: Duration },
}

/// The body, as far as it is known when the signature is checked.
#[derive(Clone, Copy, Debug)]
pub enum Payload<'a> {
    Bytes(&'a [u8]),
    /// The caller reads the body later and checks it against the signed digest itself.
    NotRead,
}

/// The request does not carry a complete signature.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    #[error("{0}")]
    Incomplete(String),
    #[error("unsupported authorization type")]
    UnsupportedAlgorithm,
    #[error("credential scope is malformed: {0}")]
    MalformedScope(String),
    #[error("{0}")]
    BadExpires(&'static str),
}

/// The signature is too old or from the future.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SkewError {
    #[error("Signature expired: {signed_at} is now earlier than {bound} ({now} - 5 min.)")]
    Expired {
        signed_at: SigningTime,
        bound: SigningTime,
        now: SigningTime,
    },
    #[error("Signature not yet current: {signed_at} is still later than {bound} ({now} + 5 min.)")]
    NotYetCurrent {
        signed_at: SigningTime,
        bound: SigningTime,
        now: SigningTime,
    },
    #[error("Request has expired")]
    UrlExpired,
}

/// The request is not what was signed, or was signed with another key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    #[error("signature does not match")]
    Mismatch,
    #[error("body does not have the signed digest")]
    BodyMismatch,
    #[error("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")]
    HostNotSigned,
    #[error("There were headers present in the request which were not signed: {0}")]
    HeaderNotSigned(String),
    #[error(
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
         '{scope}' != '{date}', from '{signed_at}'."
    )]
    DateMismatch {
        scope: String,
        date: String,
        signed_at: SigningTime,
    },
}

impl Claim {
    /// Reads the signature of a request; `None` when it has none.
    pub fn read(request: &Parts) -> Result<Option<Self>, ClaimError> {
        if let Some(value) = request.headers.get(http::header::AUTHORIZATION) {
            let text = String::from_utf8_lossy(value.as_bytes());
            return Self::from_header(&text, &request.headers).map(Some);
        }
        let query = request.uri.query().unwrap_or_default();
        if query.contains("X-Amz-Signature=") || query.contains("X-Amz-Credential=") {
            return Self::from_query(query).map(Some);
        }
        Ok(None)
    }

    fn from_header(authorization: &str, headers: &HeaderMap) -> Result<Self, ClaimError> {
        let fields = authorization
            .strip_prefix(ALGORITHM)
            .filter(|rest| rest.starts_with(' '));
        let fields = fields.ok_or(ClaimError::UnsupportedAlgorithm)?;
        let field = |name: &str| header_field(fields, name);
        let (credential, signed_headers, signature) = (
            field("Credential"),
            field("SignedHeaders"),
            field("Signature"),
        );
        let signed_at = header_time(headers);
        let missing = [
            (
                credential.is_none(),
                "Authorization header requires 'Credential' parameter.",
            ),
            (
                signature.is_none(),
                "Authorization header requires 'Signature' parameter.",
            ),
            (
                signed_headers.is_none(),
                "Authorization header requires 'SignedHeaders' parameter.",
            ),
            (
                signed_at.is_none(),
                "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
            ),
        ];
        let (Some(credential), Some(signed_headers), Some(signature), Some(signed_at)) =
            (credential, signed_headers, signature, signed_at)
        else {
            return Err(incomplete(&missing, &format!("Authorization={ALGORITHM}")));
        };
        let (access_key_id, scope) = split_credential(credential)?;
        Ok(Self {
            access_key_id,
            scope,
            session_token: header_text(headers, "x-amz-security-token"),
            signed_at,
            signed_headers: split_signed_headers(signed_headers),
            signature: signature.to_owned(),
            form: Form::Header,
        })
    }

    fn from_query(query: &str) -> Result<Self, ClaimError> {
        let pairs = split_query(query);
        let field = |name: &str| query_field(&pairs, name);
        if field("X-Amz-Algorithm").is_some_and(|algorithm| algorithm != ALGORITHM) {
            return Err(ClaimError::UnsupportedAlgorithm);
        }
        let (credential, signed_headers, signature) = (
            field("X-Amz-Credential"),
            field("X-Amz-SignedHeaders"),
            field("X-Amz-Signature"),
        );
        let signed_at = field("X-Amz-Date").and_then(|text| SigningTime::parse(&text));
        let missing = [
            (
                credential.is_none(),
                "AWS query-string parameters must include 'X-Amz-Credential'.",
            ),
            (
                signature.is_none(),
                "AWS query-string parameters must include 'X-Amz-Signature'.",
            ),
            (
                signed_headers.is_none(),
                "AWS query-string parameters must include 'X-Amz-SignedHeaders'.",
            ),
            (
                signed_at.is_none(),
                "AWS query-string parameters must include 'X-Amz-Date'.",
            ),
        ];
        let (Some(credential), Some(signed_headers), Some(signature), Some(signed_at)) =
            (credential, signed_headers, signature, signed_at)
        else {
            return Err(incomplete(
                &missing,
                "Re-examine the query-string parameters.",
            ));
        };
        let (access_key_id, scope) = split_credential(&credential)?;
        let expires = expires(field("X-Amz-Expires").as_deref())?;
        Ok(Self {
            access_key_id,
            scope,
            session_token: field("X-Amz-Security-Token"),
            signed_at,
            signed_headers: split_signed_headers(&signed_headers),
            signature,
            form: Form::Presigned { expires },
        })
    }

    /// Returns whether the signature stands in the query of the URL.
    pub fn is_presigned(&self) -> bool {
        matches!(self.form, Form::Presigned { .. })
    }

    /// Checks that the signature is neither too old nor from the future.
    pub fn check_time(&self, now: SigningTime) -> Result<(), SkewError> {
        let (signed_at, latest) = (self.signed_at, now.later(self.max_skew()));
        if signed_at > latest {
            return Err(SkewError::NotYetCurrent {
                signed_at,
                bound: latest,
                now,
            });
        }
        let earliest = now.earlier(self.max_skew());
        match self.form {
            Form::Header if signed_at < earliest => Err(SkewError::Expired {
                signed_at,
                bound: earliest,
                now,
            }),
            Form::Presigned { expires } if signed_at.later(expires) < now => {
                Err(SkewError::UrlExpired)
            }
            _ => Ok(()),
        }
    }

    fn max_skew(&self) -> Duration {
        match self.scope.service.as_str() {
            "s3" => MAX_SKEW_S3,
            _ => MAX_SKEW,
        }
    }

    /// Checks that the holder of `secret_access_key` signed exactly this request.
    pub fn verify(
        &self,
        request: &Parts,
        payload: Payload<'_>,
        secret_access_key: &str,
    ) -> Result<(), VerifyError> {
        self.verify_by_rule(request, payload, secret_access_key, self.path_rule())
    }

    pub(super) fn verify_by_rule(
        &self,
        request: &Parts,
        payload: Payload<'_>,
        secret_access_key: &str,
        path_rule: PathRule,
    ) -> Result<(), VerifyError> {
        self.check_coverage(&request.headers)?;
        let payload_hash = self.payload_hash(&request.headers, payload);
        let canonical = CanonicalRequest {
            method: request.method.as_str(),
            path: request.uri.path(),
            query: self.signed_query(request.uri.query().unwrap_or_default()),
            headers: &request.headers,
            signed_headers: &self.signed_headers,
            payload_hash: &payload_hash,
            path_rule,
        };
        let text = string_to_sign(self.signed_at, &self.scope, &canonical.to_text());
        if !SigningKey::derive(secret_access_key, &self.scope).accepts(&text, &self.signature) {
            return Err(VerifyError::Mismatch);
        }
        self.check_body(&payload_hash, payload)
    }

    /// Returns what the chunks of a body that follows this request are signed with.
    pub fn chunk_seed(&self, secret_access_key: &str) -> ChunkSeed {
        ChunkSeed {
            key: SigningKey::derive(secret_access_key, &self.scope).into_bytes(),
            time: self.signed_at.to_string(),
            scope: self.scope.to_string(),
            signature: self.signature.clone(),
        }
    }

    fn path_rule(&self) -> PathRule {
        PathRule::of_service(&self.scope.service)
    }

    /// A header that steers us must be signed, or a man in the middle could steer.
    fn check_coverage(&self, headers: &HeaderMap) -> Result<(), VerifyError> {
        let signed = |name: &str| self.signed_headers.iter().any(|header| header == name);
        if !signed("host") {
            return Err(VerifyError::HostNotSigned);
        }
        let steering = headers
            .keys()
            .map(http::HeaderName::as_str)
            .filter(|name| steers(name));
        if let Some(name) = steering.into_iter().find(|name| !signed(name)) {
            return Err(VerifyError::HeaderNotSigned(name.to_owned()));
        }
        let date = self.signed_at.date();
        if date != self.scope.date {
            let (scope, signed_at) = (self.scope.date.clone(), self.signed_at);
            return Err(VerifyError::DateMismatch {
                scope,
                date,
                signed_at,
            });
        }
        Ok(())
    }

    fn payload_hash(&self, headers: &HeaderMap, payload: Payload<'_>) -> String {
        if let Some(hash) = header_text(headers, "x-amz-content-sha256") {
            return hash;
        }
        if self.is_presigned() && self.scope.service == "s3" {
            return UNSIGNED_PAYLOAD.to_owned();
        }
        match payload {
            Payload::Bytes(bytes) => payload_sha256(bytes),
            Payload::NotRead => UNSIGNED_PAYLOAD.to_owned(),
        }
    }

    /// Compares the body with the digest its signature covers; only S3 lets it go unsigned.
    fn check_body(&self, payload_hash: &str, payload: Payload<'_>) -> Result<(), VerifyError> {
        let may_be_unsigned = self.scope.service == "s3";
        match payload {
            Payload::NotRead => Ok(()),
            Payload::Bytes(_) if may_be_unsigned && payload_hash == UNSIGNED_PAYLOAD => Ok(()),
            Payload::Bytes(bytes) if payload_sha256(bytes) == payload_hash => Ok(()),
            Payload::Bytes(_) => Err(VerifyError::BodyMismatch),
        }
    }

    fn signed_query(&self, query: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut pairs = split_query(query);
        if self.is_presigned() {
            pairs.retain(|(name, _)| name != b"X-Amz-Signature");
        }
        pairs
    }
}

fn steers(header: &str) -> bool {
    // Browsers may not set User-Agent, so their SDK sends x-amz-user-agent, and proxies rewrite it.
    // A session token proves itself, and the old rule "add it after signing" is still alive.
    header.starts_with("x-amz-") && header != "x-amz-user-agent" && header != "x-amz-security-token"
}

fn header_field<'a>(fields: &'a str, name: &str) -> Option<&'a str> {
    fields
        .split(',')
        .filter_map(|field| field.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

fn query_field(pairs: &[(Vec<u8>, Vec<u8>)], name: &str) -> Option<String> {
    let (_, value) = pairs.iter().find(|(key, _)| key == name.as_bytes())?;
    String::from_utf8(value.clone()).ok()
}

fn header_text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

fn header_time(headers: &HeaderMap) -> Option<SigningTime> {
    if let Some(text) = header_text(headers, "x-amz-date") {
        return SigningTime::parse(&text);
    }
    let text = header_text(headers, "date")?;
    SigningTime::parse(&text).or_else(|| SigningTime::parse_http_date(&text))
}

fn split_credential(credential: &str) -> Result<(String, Scope), ClaimError> {
    let malformed = || ClaimError::MalformedScope(credential.to_owned());
    let (access_key_id, scope) = credential.split_once('/').ok_or_else(malformed)?;
    Ok((
        access_key_id.to_owned(),
        Scope::parse(scope).ok_or_else(malformed)?,
    ))
}

fn split_signed_headers(text: &str) -> Vec<String> {
    text.split(';').map(str::to_owned).collect()
}

/// Reads how long a presigned URL is good for; one that does not say is good for no time.
fn expires(text: Option<&str>) -> Result<Duration, ClaimError> {
    let Some(text) = text else {
        return Ok(Duration::ZERO);
    };
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ClaimError::BadExpires("X-Amz-Expires should be a number"));
    }
    if digits.len() < text.len() {
        let text = "X-Amz-Expires must be non-negative";
        return Err(ClaimError::BadExpires(text));
    }
    match text.parse() {
        Ok(seconds) if seconds <= MAX_EXPIRES_SECONDS => Ok(Duration::from_secs(seconds)),
        _ => Err(ClaimError::BadExpires(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires \
             must be less than 604800 seconds",
        )),
    }
}

fn incomplete(missing: &[(bool, &str)], tail: &str) -> ClaimError {
    let mut text: Vec<&str> = missing
        .iter()
        .filter(|(is_missing, _)| *is_missing)
        .map(|(_, text)| *text)
        .collect();
    text.push(tail);
    ClaimError::Incomplete(text.join(" "))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn presigned(service: &str, expires: &str) -> Result<Claim, ClaimError> {
        let url = format!(
            "/b/k?X-Amz-Algorithm={ALGORITHM}&X-Amz-Signature=0&X-Amz-SignedHeaders=host\
             &X-Amz-Credential=A/20260101/us-east-1/{service}/aws4_request\
             &X-Amz-Date=20260101T000000Z&X-Amz-Expires={expires}"
        );
        let (parts, ()) = Request::get(url).body(()).unwrap().into_parts();
        Claim::read(&parts).map(Option::unwrap)
    }

    #[test]
    fn presigned_url_is_good_for_a_week_at_most() {
        assert!(presigned("s3", "604800").is_ok());

        for (expires, words) in [
            ("604801", "less than a week"),
            ("99999999999999999999", "less than a week"),
            ("-1", "must be non-negative"),
            ("soon", "should be a number"),
            ("", "should be a number"),
        ] {
            let refusal = presigned("s3", expires).unwrap_err();
            assert!(refusal.to_string().contains(words), "{expires}: {refusal}");
        }
    }

    #[test]
    fn clock_may_be_further_off_at_s3() {
        let signed_at = SigningTime::parse("20260101T000000Z").unwrap();
        let early = |minutes: u64| signed_at.earlier(Duration::from_secs(minutes * 60));
        let (s3, lambda) = (presigned("s3", "60"), presigned("lambda", "60"));
        let (s3, lambda) = (s3.unwrap(), lambda.unwrap());

        assert_eq!(s3.check_time(early(15)), Ok(()));
        assert!(s3.check_time(early(16)).is_err());
        assert_eq!(lambda.check_time(early(5)), Ok(()));
        assert!(lambda.check_time(early(6)).is_err());
    }
}
