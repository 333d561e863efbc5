//! Reading a claim from the head of a request, or from a presigned URL.

use std::time::Duration;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;

use super::{Claim, Form, header_text};
use crate::sigv4::canonical::split_query;
use crate::sigv4::{ALGORITHM, Scope, SigningTime};

/// The longest life of a presigned URL.
const MAX_EXPIRES_SECONDS: u64 = 7 * 24 * 3600;

/// The request does not carry a complete signature.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    #[error("{0}")]
    Incomplete(String),
    /// Nothing but the time is missing.
    #[error("{0}")]
    Undated(String),
    #[error("{0}")]
    IncompleteUrl(String),
    #[error("the request is signed in its head and in its URL: {0}")]
    Twice(String),
    #[error("unsupported authorization type")]
    UnsupportedAlgorithm(Form),
    #[error("credential scope is malformed: {credential}")]
    MalformedScope { form: Form, credential: String },
    #[error("{0}")]
    BadExpires(&'static str),
}

impl Claim {
    /// Reads the signature of a request; `None` when it has none.
    pub fn read(request: &Parts) -> Result<Option<Self>, ClaimError> {
        let query = split_query(request.uri.query().unwrap_or_default());
        let is_presigned = query
            .iter()
            .any(|(name, _)| name == b"X-Amz-Signature" || name == b"X-Amz-Credential");
        let Some(header) = request.headers.get(AUTHORIZATION) else {
            let claim = is_presigned.then(|| Self::from_query(&query));
            return claim.transpose();
        };
        let text = String::from_utf8_lossy(header.as_bytes());
        let claim = Self::from_header(&text, &request.headers)?;
        if is_presigned && claim.is_of_s3() {
            return Err(ClaimError::Twice(text.into_owned()));
        }
        Ok(Some(claim))
    }

    fn from_header(authorization: &str, headers: &HeaderMap) -> Result<Self, ClaimError> {
        let fields = authorization
            .strip_prefix(ALGORITHM)
            .filter(|rest| rest.starts_with(' '));
        let fields = fields.ok_or(ClaimError::UnsupportedAlgorithm(Form::Header))?;
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
            let text = named(&missing, &format!("Authorization={ALGORITHM}"));
            let lacks_component = missing[..3].iter().any(|(is_missing, _)| *is_missing);
            return Err(match lacks_component {
                true => ClaimError::Incomplete(text),
                false => ClaimError::Undated(text),
            });
        };
        let (access_key_id, scope) = split_credential(credential, Form::Header)?;
        Ok(Self {
            access_key_id,
            scope,
            session_token: header_text(headers, "x-amz-security-token"),
            signed_at,
            signed_headers: split_signed_headers(signed_headers),
            signature: signature.to_owned(),
            life: None,
        })
    }

    fn from_query(query: &[(Vec<u8>, Vec<u8>)]) -> Result<Self, ClaimError> {
        let field = |name: &str| query_field(query, name);
        if field("X-Amz-Algorithm").is_some_and(|algorithm| algorithm != ALGORITHM) {
            return Err(ClaimError::UnsupportedAlgorithm(Form::Url));
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
            let tail = "Re-examine the query-string parameters.";
            return Err(ClaimError::IncompleteUrl(named(&missing, tail)));
        };
        let (access_key_id, scope) = split_credential(&credential, Form::Url)?;
        let life = field("X-Amz-Expires");
        if life.is_none() && scope.service == "s3" {
            let text = "AWS query-string parameters must include 'X-Amz-Expires'.";
            return Err(ClaimError::IncompleteUrl(text.to_owned()));
        }
        let life = expires(life.as_deref())?;
        Ok(Self {
            access_key_id,
            scope,
            session_token: field("X-Amz-Security-Token"),
            signed_at,
            signed_headers: split_signed_headers(&signed_headers),
            signature,
            life: Some(life),
        })
    }
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

fn header_time(headers: &HeaderMap) -> Option<SigningTime> {
    if let Some(text) = header_text(headers, "x-amz-date") {
        return SigningTime::parse(&text);
    }
    let text = header_text(headers, "date")?;
    SigningTime::parse(&text).or_else(|| SigningTime::parse_http_date(&text))
}

fn split_credential(credential: &str, form: Form) -> Result<(String, Scope), ClaimError> {
    let malformed = || ClaimError::MalformedScope {
        form,
        credential: credential.to_owned(),
    };
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

/// Names everything that is missing.
fn named(missing: &[(bool, &str)], tail: &str) -> String {
    let mut text: Vec<&str> = missing
        .iter()
        .filter(|(is_missing, _)| *is_missing)
        .map(|(_, text)| *text)
        .collect();
    text.push(tail);
    text.join(" ")
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::sigv4::claim::tests::presigned;

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
    fn presigned_url_of_s3_says_how_long_it_is_good_for() {
        let url = format!(
            "/b/k?X-Amz-Algorithm={ALGORITHM}&X-Amz-Signature=0&X-Amz-SignedHeaders=host\
             &X-Amz-Credential=A/20260101/us-east-1/s3/aws4_request&X-Amz-Date=20260101T000000Z"
        );
        let (parts, ()) = Request::get(url).body(()).unwrap().into_parts();

        let refusal = Claim::read(&parts).unwrap_err();

        assert!(matches!(refusal, ClaimError::IncompleteUrl(_)), "{refusal}");
    }
}
