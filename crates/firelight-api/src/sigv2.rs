//! Presigned URLs of Signature Version 2, which some SDKs still make by default for S3.
//!
//! Only that: no headers, no other service, and SHA-1 as it was then.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::request::Parts;
use percent_encoding::percent_decode_str;
use sha1::Sha1;

use crate::sigv4::{Mismatch, VerifyError};

/// Parameters that are part of what is signed, beside the path.
const SIGNED_PARAMETERS: [&str; 44] = [
    "accelerate",
    "acl",
    "analytics",
    "cors",
    "defaultObjectAcl",
    "delete",
    "inventory",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "partNumber",
    "policy",
    "replication",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "select",
    "select-type",
    "storageClass",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
    "encryption",
    // What is younger than this version no client signs, so that none can be asked for by it.
    "abac",
    "attributes",
    "intelligent-tiering",
    "legal-hold",
    "ownershipControls",
    "policyStatus",
    "publicAccessBlock",
    "retention",
];

/// Tells whether the holder of the secret signed the text. Signatures are in base64.
pub(crate) fn is_of(text: &str, signature: &str, secret: &str) -> bool {
    let mut mac =
        Hmac::<Sha1>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of every length");
    mac.update(text.as_bytes());
    let signature = STANDARD.decode(signature).unwrap_or_default();
    mac.verify_slice(&signature).is_ok()
}

/// The signature of a URL, not yet believed.
#[derive(Clone, Debug)]
pub(crate) struct UrlClaim {
    pub(crate) access_key_id: String,
    pub(crate) session_token: Option<String>,
    pub(crate) expires_epoch_seconds: i64,
    signature: String,
    query: Vec<(String, String)>,
}

impl UrlClaim {
    /// Reads the signature of a URL; `None` when it has none of this kind.
    pub(crate) fn read(request: &Parts) -> Option<Self> {
        let query = decoded(request.uri.query()?);
        let field = |name: &str| {
            let found = query.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.clone())
        };
        Some(Self {
            access_key_id: field("AWSAccessKeyId")?,
            session_token: field("x-amz-security-token"),
            expires_epoch_seconds: field("Expires")?.parse().ok()?,
            signature: field("Signature")?,
            query,
        })
    }

    /// Checks that the holder of the secret signed exactly this request; `bucket` is the one that the host names.
    pub(crate) fn verify(
        &self,
        request: &Parts,
        bucket: Option<&str>,
        secret: &str,
    ) -> Result<(), VerifyError> {
        let string_to_sign = self.text(request, bucket);
        if is_of(&string_to_sign, &self.signature, secret) {
            return Ok(());
        }
        Err(VerifyError::Mismatch(Box::new(Mismatch {
            access_key_id: self.access_key_id.clone(),
            string_to_sign,
            signature: self.signature.clone(),
            canonical_request: None,
        })))
    }

    fn text(&self, request: &Parts, bucket: Option<&str>) -> String {
        let amz = self.amz_headers(request);
        let bucket = bucket
            .map(|bucket| format!("/{bucket}"))
            .unwrap_or_default();
        format!(
            "{}\n{}\n{}\n{}\n{amz}{bucket}{}{}",
            request.method,
            self.value(request, "content-md5"),
            self.value(request, "content-type"),
            self.expires_epoch_seconds,
            request.uri.path(),
            self.signed_parameters(),
        )
    }

    /// A presigned URL may carry in its query what else is a header.
    fn value(&self, request: &Parts, name: &str) -> String {
        let in_query = self.query.iter().find(|(key, _)| key == name);
        let in_header = || Some(request.headers.get(name)?.to_str().ok()?.to_owned());
        in_query
            .map(|(_, value)| value.clone())
            .or_else(in_header)
            .unwrap_or_default()
    }

    fn amz_headers(&self, request: &Parts) -> String {
        let of_headers = request.headers.keys().map(|name| name.as_str().to_owned());
        let of_query = self.query.iter().map(|(name, _)| name.to_ascii_lowercase());
        let mut names: Vec<String> = of_headers
            .chain(of_query)
            .filter(|name| name.starts_with("x-amz-"))
            .collect();
        names.sort();
        names.dedup();
        let line = |name: &String| format!("{name}:{}\n", self.value(request, name));
        names.iter().map(line).collect()
    }

    fn signed_parameters(&self) -> String {
        let mut signed: Vec<_> = self
            .query
            .iter()
            .filter(|(name, _)| SIGNED_PARAMETERS.contains(&&**name))
            .collect();
        signed.sort();
        let pairs: Vec<String> = signed
            .into_iter()
            .map(|(name, value)| match value.as_str() {
                "" => name.clone(),
                value => format!("{name}={value}"),
            })
            .collect();
        if pairs.is_empty() {
            String::new()
        } else {
            format!("?{}", pairs.join("&"))
        }
    }
}

fn decoded(query: &str) -> Vec<(String, String)> {
    let decode = |text: &str| {
        let blanks = text.replace('+', " ");
        percent_decode_str(&blanks).decode_utf8_lossy().into_owned()
    };
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of AWS's documentation of query string authentication.
    #[test]
    fn documented_url_is_genuine_for_its_method_and_secret() {
        let uri = "/photos/puppy.jpg?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE\
            &Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1175139620";
        let parts = |method: &str| {
            let request = http::Request::builder().method(method).uri(uri);
            request.body(()).unwrap().into_parts().0
        };
        let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

        let claim = UrlClaim::read(&parts("GET")).unwrap();

        assert_eq!(claim.expires_epoch_seconds, 1_175_139_620);
        let bucket = Some("johnsmith");
        assert!(claim.verify(&parts("GET"), bucket, secret).is_ok());
        assert!(claim.verify(&parts("PUT"), bucket, secret).is_err());
        assert!(claim.verify(&parts("GET"), None, secret).is_err());
        assert!(claim.verify(&parts("GET"), bucket, "guess").is_err());
    }

    /// Made by botocore 1.43, with a session token and parameters of both kinds.
    #[test]
    fn url_of_boto3_is_genuine_with_its_token_and_parameters() {
        let uri = "/bucket/a%20key?versionId=v1&response-content-type=x%2Fy&other=1\
            &AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=JA8Ayfg7U2dVL2IyBohZ6WbNE%2Bs%3D\
            &x-amz-security-token=tok%2Fen%3D&Expires=1175139620";
        let (parts, ()) = http::Request::get(uri).body(()).unwrap().into_parts();

        let claim = UrlClaim::read(&parts).unwrap();

        assert_eq!(claim.session_token.as_deref(), Some("tok/en="));
        assert!(
            claim
                .verify(&parts, None, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
                .is_ok()
        );
    }
}
