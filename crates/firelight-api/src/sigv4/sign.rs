//! Signing: for our own command line, for URLs we hand out, and for calls we make.

use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use super::canonical::{CanonicalRequest, PathRule, canonical_query, payload_sha256, split_query};
use super::key::{SigningKey, string_to_sign};
use super::{ALGORITHM, Scope, SigningTime, UNSIGNED_PAYLOAD};

const X_AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
const X_AMZ_SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
const X_AMZ_CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");

/// An access key with its secret.
#[derive(Clone)]
pub struct SigningCredentials {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: Option<String>,
}

/// Signs requests to one service in one region at one time.
pub struct Signer<'a> {
    pub credentials: &'a SigningCredentials,
    pub region: &'a str,
    pub service: &'a str,
    pub time: SigningTime,
}

impl Signer<'_> {
    /// Adds the headers that make `request` a signed one.
    pub fn sign(&self, request: &mut Parts, body: &[u8]) {
        self.sign_by_rule(request, body, PathRule::of_service(self.service));
    }

    pub(super) fn sign_by_rule(&self, request: &mut Parts, body: &[u8], path_rule: PathRule) {
        let payload_hash = payload_sha256(body);
        self.add_headers(request, &payload_hash);
        let signed_headers = signable(&request.headers);
        let canonical = CanonicalRequest {
            method: request.method.as_str(),
            path: request.uri.path(),
            query: split_query(request.uri.query().unwrap_or_default()),
            headers: &request.headers,
            signed_headers: &signed_headers,
            payload_hash: &payload_hash,
            path_rule,
        };
        let signature = self.signature(&canonical);
        let authorization = format!(
            "{ALGORITHM} Credential={}/{}, SignedHeaders={}, Signature={signature}",
            self.credentials.access_key_id,
            self.scope(),
            signed_headers.join(";"),
        );
        insert(&mut request.headers, AUTHORIZATION, &authorization);
    }

    /// Returns `uri` with a signature in its query that lets its holder send it for a while.
    pub fn presign(&self, method: &Method, uri: &Uri, expires: Duration) -> String {
        let host = uri.authority().map_or("", http::uri::Authority::as_str);
        let mut headers = HeaderMap::new();
        insert(&mut headers, HOST, host);
        let query = self.presigned_query(uri, expires);
        let payload_hash = match self.service {
            "s3" => UNSIGNED_PAYLOAD.to_owned(),
            _ => payload_sha256(b""),
        };
        let signed_query = canonical_query(&query);
        let canonical = CanonicalRequest {
            method: method.as_str(),
            path: uri.path(),
            query,
            headers: &headers,
            signed_headers: &["host".to_owned()],
            payload_hash: &payload_hash,
            path_rule: PathRule::of_service(self.service),
        };
        let signature = self.signature(&canonical);
        let scheme = uri.scheme_str().unwrap_or("http");
        format!(
            "{scheme}://{host}{}?{signed_query}&X-Amz-Signature={signature}",
            uri.path()
        )
    }

    fn presigned_query(&self, uri: &Uri, expires: Duration) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut query = split_query(uri.query().unwrap_or_default());
        let credential = format!("{}/{}", self.credentials.access_key_id, self.scope());
        let mut add = |name: &str, value: String| query.push((name.into(), value.into_bytes()));
        add("X-Amz-Algorithm", ALGORITHM.to_owned());
        add("X-Amz-Credential", credential);
        add("X-Amz-Date", self.time.to_string());
        add("X-Amz-Expires", expires.as_secs().to_string());
        add("X-Amz-SignedHeaders", "host".to_owned());
        if let Some(token) = &self.credentials.session_token {
            add("X-Amz-Security-Token", token.clone());
        }
        query
    }

    fn add_headers(&self, request: &mut Parts, payload_hash: &str) {
        if let Some(authority) = request.uri.authority()
            && !request.headers.contains_key(HOST)
        {
            let host = authority.as_str().to_owned();
            insert(&mut request.headers, HOST, &host);
        }
        insert(&mut request.headers, X_AMZ_DATE, &self.time.to_string());
        if let Some(token) = &self.credentials.session_token {
            insert(&mut request.headers, X_AMZ_SECURITY_TOKEN, token);
        }
        if self.service == "s3" {
            insert(&mut request.headers, X_AMZ_CONTENT_SHA256, payload_hash);
        }
    }

    fn signature(&self, canonical: &CanonicalRequest<'_>) -> String {
        let scope = self.scope();
        let text = string_to_sign(self.time, &scope, &canonical.to_text());
        SigningKey::derive(&self.credentials.secret_access_key, &scope).sign(&text)
    }

    fn scope(&self) -> Scope {
        Scope {
            date: self.time.date(),
            region: self.region.to_owned(),
            service: self.service.to_owned(),
        }
    }
}

/// Returns the headers worth signing: those that a proxy has no business changing.
fn signable(headers: &HeaderMap) -> Vec<String> {
    let worth = |name: &&HeaderName| {
        **name == HOST || **name == CONTENT_TYPE || name.as_str().starts_with("x-amz-")
    };
    let mut names: Vec<_> = headers
        .keys()
        .filter(worth)
        .map(|name| name.as_str().to_owned())
        .collect();
    names.sort();
    names
}

/// Adds a header; a value that cannot stand in one is left out, so the signature will not match.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
