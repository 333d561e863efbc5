//! AWS Signature Version 4: what a request signs, how it is signed, and how a signature is checked.
//!
//! ```text
//!  request ──► Claim::read ──► Claim::check_time ──► Claim::verify(secret) ──► genuine
//!              (what it says)   (still valid?)        (same canonical request?)
//! ```
//!
//! Pure: the time and the secret come in from outside; who owns an access key, and what its owner
//! may do, is decided elsewhere.

mod canonical;
mod claim;
mod key;
mod sign;
#[cfg(test)]
mod test_suite;
mod time;

use key::SigningKey;

pub use canonical::{PathRule, payload_sha256};
pub(crate) use claim::MAX_SKEW_S3;
pub use claim::{ChunkSeed, Claim, ClaimError, Form, Mismatch, Payload, SkewError, VerifyError};
pub use sign::{Signer, SigningCredentials};
pub use time::SigningTime;

/// The one algorithm spoken here.
pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// Payload hash of a request whose body is not part of its signature.
pub const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// The signature of a text, such as the policy of a form, and what its key is good for.
pub(crate) struct PolicySignature {
    pub(crate) scope: Scope,
    pub(crate) signature: String,
}

impl PolicySignature {
    /// Tells whether the holder of the secret signed the text.
    pub(crate) fn is_of(&self, text: &str, secret_access_key: &str) -> bool {
        SigningKey::derive(secret_access_key, &self.scope).accepts(text, &self.signature)
    }
}

/// Day, region and service that a signing key is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The day, `YYYYMMDD`.
    pub date: String,
    pub region: String,
    pub service: String,
}

impl Scope {
    /// Reads `date/region/service/aws4_request`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let scope = Self {
            date: parts.next()?.to_owned(),
            region: parts.next()?.to_owned(),
            service: parts.next()?.to_owned(),
        };
        (parts.next() == Some("aws4_request") && parts.next().is_none()).then_some(scope)
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}/{}/{}/aws4_request",
            self.date, self.region, self.service
        )
    }
}
