//! What a signed request says about itself, and whether it is true.

use std::time::Duration;

use http::HeaderMap;
use http::request::Parts;

use super::canonical::{CanonicalRequest, PathRule, payload_sha256, split_query};
use super::key::{SigningKey, string_to_sign};
use super::{Scope, SigningTime, UNSIGNED_PAYLOAD};

pub use self::reading::ClaimError;

mod reading;

/// How far a client's clock may be off.
const MAX_SKEW: Duration = Duration::from_secs(5 * 60);
/// How far it may be off at S3.
pub(crate) const MAX_SKEW_S3: Duration = Duration::from_secs(15 * 60);

/// The signature of a request and everything it refers to, not yet believed.
#[derive(Clone, Debug)]
pub struct Claim {
    pub access_key_id: String,
    pub scope: Scope,
    pub session_token: Option<String>,
    signed_at: SigningTime,
    signed_headers: Vec<String>,
    signature: String,
    /// How long a presigned URL is good for; a header is good while the clocks agree.
    life: Option<Duration>,
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
pub enum Form {
    /// In the `Authorization` header.
    Header,
    /// In the query of a presigned URL.
    Url,
}

/// The body, as far as it is known when the signature is checked.
#[derive(Clone, Copy, Debug)]
pub enum Payload<'a> {
    Bytes(&'a [u8]),
    /// The caller reads the body later and checks it against the signed digest itself.
    NotRead,
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
        form: Form,
        signed_at: SigningTime,
        bound: SigningTime,
        now: SigningTime,
    },
    #[error("Request has expired")]
    UrlExpired {
        /// How long it was good for, where it says so.
        life: Option<Duration>,
        until: SigningTime,
        now: SigningTime,
    },
}

/// The request is not what was signed, or was signed with another key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    #[error("signature does not match")]
    Mismatch(Box<Mismatch>),
    #[error("body does not have the signed digest")]
    BodyMismatch,
    #[error("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")]
    HostNotSigned,
    #[error("There were headers present in the request which were not signed: {0}")]
    HeaderNotSigned(String),
    #[error("the request does not say which digest its body has")]
    NoDigest,
    #[error("'{0}' is no digest of a body")]
    UnknownDigest(String),
    #[error(
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
         '{scope}' != '{date}', from '{signed_at}'."
    )]
    DateMismatch {
        form: Form,
        scope: String,
        date: String,
        signed_at: SigningTime,
    },
}

/// What was signed as we see it, beside what was given for it.
#[derive(Debug, PartialEq, Eq)]
pub struct Mismatch {
    pub access_key_id: String,
    pub string_to_sign: String,
    pub signature: String,
    /// Signatures of the second version have none.
    pub canonical_request: Option<String>,
}

impl Claim {
    /// Returns where the signature stands.
    pub fn form(&self) -> Form {
        match self.life {
            Some(_) => Form::Url,
            None => Form::Header,
        }
    }

    /// Checks that the signature is neither too old nor from the future.
    pub fn check_time(&self, now: SigningTime) -> Result<(), SkewError> {
        let (signed_at, latest) = (self.signed_at, now.later(self.max_skew()));
        if signed_at > latest {
            return Err(SkewError::NotYetCurrent {
                form: self.form(),
                signed_at,
                bound: latest,
                now,
            });
        }
        let earliest = now.earlier(self.max_skew());
        match self.life {
            None if signed_at < earliest => Err(SkewError::Expired {
                signed_at,
                bound: earliest,
                now,
            }),
            Some(life) if signed_at.later(life) < now => Err(SkewError::UrlExpired {
                life: Some(life),
                until: signed_at.later(life),
                now,
            }),
            _ => Ok(()),
        }
    }

    fn max_skew(&self) -> Duration {
        if self.is_of_s3() {
            MAX_SKEW_S3
        } else {
            MAX_SKEW
        }
    }

    fn is_of_s3(&self) -> bool {
        self.scope.service == "s3"
    }

    /// Checks that the holder of `secret_access_key` signed exactly this request.
    pub fn verify(
        &self,
        request: &Parts,
        payload: Payload<'_>,
        secret_access_key: &str,
    ) -> Result<(), VerifyError> {
        let verify = |rule| self.verify_by_rule(request, payload, secret_access_key, rule);
        match verify(self.path_rule()) {
            // A slash within a key may be escaped or not; signers of S3 sign the path as they send it.
            Err(VerifyError::Mismatch(mismatch)) if self.is_of_s3() => {
                verify(PathRule::AsSent).map_err(|_| VerifyError::Mismatch(mismatch))
            }
            verified => verified,
        }
    }

    pub(super) fn verify_by_rule(
        &self,
        request: &Parts,
        payload: Payload<'_>,
        secret_access_key: &str,
        path_rule: PathRule,
    ) -> Result<(), VerifyError> {
        self.check_coverage(&request.headers)?;
        let payload_hash = self.payload_hash(&request.headers, payload)?;
        let canonical = CanonicalRequest {
            method: request.method.as_str(),
            path: request.uri.path(),
            query: self.signed_query(request.uri.query().unwrap_or_default()),
            headers: &request.headers,
            signed_headers: &self.signed_headers,
            payload_hash: &payload_hash,
            path_rule,
        };
        let canonical = canonical.to_text();
        let text = string_to_sign(self.signed_at, &self.scope, &canonical);
        if !SigningKey::derive(secret_access_key, &self.scope).accepts(&text, &self.signature) {
            return Err(VerifyError::Mismatch(Box::new(Mismatch {
                access_key_id: self.access_key_id.clone(),
                string_to_sign: text,
                signature: self.signature.clone(),
                canonical_request: Some(canonical),
            })));
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
                form: self.form(),
                scope,
                date,
                signed_at,
            });
        }
        Ok(())
    }

    /// Returns what the request says of its body; S3 wants it said, and in words that it knows.
    fn payload_hash(
        &self,
        headers: &HeaderMap,
        payload: Payload<'_>,
    ) -> Result<String, VerifyError> {
        let given = header_text(headers, "x-amz-content-sha256");
        match (given, self.form(), payload) {
            (Some(given), ..) if self.is_of_s3() && !is_digest(&given) => {
                Err(VerifyError::UnknownDigest(given))
            }
            (Some(given), ..) => Ok(given),
            (None, Form::Url, _) if self.is_of_s3() => Ok(UNSIGNED_PAYLOAD.to_owned()),
            (None, _, Payload::Bytes(bytes)) => Ok(payload_sha256(bytes)),
            (None, _, Payload::NotRead) => Err(VerifyError::NoDigest),
        }
    }

    /// Compares the body with the digest its signature covers; only S3 lets it go unsigned.
    fn check_body(&self, payload_hash: &str, payload: Payload<'_>) -> Result<(), VerifyError> {
        let may_be_unsigned = self.is_of_s3();
        match payload {
            Payload::NotRead => Ok(()),
            Payload::Bytes(_) if may_be_unsigned && payload_hash == UNSIGNED_PAYLOAD => Ok(()),
            Payload::Bytes(bytes) if payload_sha256(bytes) == payload_hash => Ok(()),
            Payload::Bytes(_) => Err(VerifyError::BodyMismatch),
        }
    }

    fn signed_query(&self, query: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut pairs = split_query(query);
        if self.form() == Form::Url {
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

/// Tells whether this is a digest, or one of the words that S3 takes instead of one.
fn is_digest(text: &str) -> bool {
    let words = [
        UNSIGNED_PAYLOAD,
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    ];
    let is_hash = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash || words.contains(&text)
}

fn header_text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::sigv4::ALGORITHM;

    pub(super) fn presigned(service: &str, expires: &str) -> Result<Claim, ClaimError> {
        let url = format!(
            "/b/k?X-Amz-Algorithm={ALGORITHM}&X-Amz-Signature=0&X-Amz-SignedHeaders=host\
             &X-Amz-Credential=A/20260101/us-east-1/{service}/aws4_request\
             &X-Amz-Date=20260101T000000Z&X-Amz-Expires={expires}"
        );
        let (parts, ()) = Request::get(url).body(()).unwrap().into_parts();
        Claim::read(&parts).map(Option::unwrap)
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
