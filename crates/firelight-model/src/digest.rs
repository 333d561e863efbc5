//! The SHA-256 of a deployment package, with the two texts AWS gives it.

use std::fmt;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The SHA-256 of a zip (shown in base64) or of an image (shown in hex). It also names the blob that holds the zip.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CodeSha256([u8; 32]);

/// The text is not a SHA-256.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a SHA-256 in hex")]
pub struct CodeSha256Error {
    pub text: String,
}

impl CodeSha256 {
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads 64 lower-case hex digits.
    pub fn from_hex(text: &str) -> Result<Self, CodeSha256Error> {
        let error = || CodeSha256Error {
            text: text.to_owned(),
        };
        let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() != 64 || !text.bytes().all(is_hex) {
            return Err(error());
        }
        let mut bytes = [0; 32];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).map_err(|_| error())?;
        }
        Ok(Self(bytes))
    }

    pub fn to_hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Renders AWS's `CodeSha256` of a zip.
    pub fn to_base64(&self) -> String {
        let mut text = String::with_capacity(44);
        for chunk in self.0.chunks(3) {
            push_group(&mut text, chunk);
        }
        text
    }
}

/// Appends the four base64 characters of up to three bytes.
fn push_group(text: &mut String, chunk: &[u8]) {
    let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
    let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
    for position in 0..4 {
        let index = (bits >> (18 - 6 * position)) & 63;
        let used = position <= chunk.len();
        text.push(if used {
            char::from(ALPHABET[index as usize])
        } else {
            '='
        });
    }
}

impl std::str::FromStr for CodeSha256 {
    type Err = CodeSha256Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_hex(text)
    }
}

impl fmt::Display for CodeSha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl fmt::Debug for CodeSha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The SHA-256 of nothing, in both texts as any tool prints them.
    const EMPTY_HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const EMPTY_BASE64: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

    #[test]
    fn both_texts_are_those_of_other_tools() {
        let digest = CodeSha256::from_hex(EMPTY_HEX).unwrap();
        assert_eq!(digest.to_hex(), EMPTY_HEX);
        assert_eq!(digest.to_base64(), EMPTY_BASE64);
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "e3", &EMPTY_HEX.to_uppercase(), &"é".repeat(32)] {
            assert!(CodeSha256::from_hex(text).is_err(), "{text}");
        }
    }
}
