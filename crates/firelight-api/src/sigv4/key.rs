//! The chain of keyed hashes between a secret and a signature.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::canonical::sha256_hex;
use super::{ALGORITHM, Scope, SigningTime};

type HmacSha256 = Hmac<Sha256>;

/// The key of one secret for one scope.
pub(super) struct SigningKey([u8; 32]);

impl SigningKey {
    pub(super) fn derive(secret_access_key: &str, scope: &Scope) -> Self {
        let secret = format!("AWS4{secret_access_key}");
        let date = keyed_hash(secret.as_bytes(), &scope.date);
        let region = keyed_hash(&date, &scope.region);
        let service = keyed_hash(&region, &scope.service);
        Self(keyed_hash(&service, "aws4_request"))
    }

    pub(super) fn into_bytes(self) -> [u8; 32] {
        self.0
    }

    /// Returns the signature of `string_to_sign` in lower-case hexadecimal.
    pub(super) fn sign(&self, string_to_sign: &str) -> String {
        hex(&keyed_hash(&self.0, string_to_sign))
    }

    /// Compares in time that does not depend on where the signatures differ.
    pub(super) fn accepts(&self, string_to_sign: &str, signature_hex: &str) -> bool {
        let Some(signature) = unhex(signature_hex) else {
            return false;
        };
        let mut mac = new_mac(&self.0);
        mac.update(string_to_sign.as_bytes());
        mac.verify_slice(&signature).is_ok()
    }
}

/// Joins what is signed: algorithm, time, scope and the digest of the canonical request.
pub(super) fn string_to_sign(time: SigningTime, scope: &Scope, canonical_request: &str) -> String {
    let digest = sha256_hex(canonical_request.as_bytes());
    format!("{ALGORITHM}\n{time}\n{scope}\n{digest}")
}

fn keyed_hash(key: &[u8], data: &str) -> [u8; 32] {
    let mut mac = new_mac(key);
    mac.update(data.as_bytes());
    mac.finalize().into_bytes().into()
}

fn new_mac(key: &[u8]) -> HmacSha256 {
    HmacSha256::new_from_slice(key).expect("HMAC takes keys of every length")
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits
        .chunks(2)
        .map(|pair| Some(nibble(pair[0])? << 4 | nibble(pair[1])?))
        .collect()
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}
