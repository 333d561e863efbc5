//! Random ids. The bytes come from outside; this module only gives them their form.

use std::fmt;
use std::str::FromStr;

/// The text is not an id of the expected form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a UUID")]
pub struct IdError {
    pub text: String,
}

macro_rules! uuid_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// Makes an id of 16 random bytes, marked as a random UUID (version 4).
            pub fn from_random(mut bytes: [u8; 16]) -> Self {
                bytes[6] = (bytes[6] & 0x0f) | 0x40;
                bytes[8] = (bytes[8] & 0x3f) | 0x80;
                Self(bytes)
            }

            pub fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                parse(text).map(Self).ok_or_else(|| IdError { text: text.to_owned() })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write(&self.0, f)
            }
        }
    };
}

uuid_type! {
    /// One request. Made once at the front door, then carried through every hop, log line and queue row.
    RequestId
}

uuid_type! {
    /// One state of a resource, for conditional updates.
    RevisionId
}

uuid_type! {
    /// One state of the code and configuration of a function version: it changes with every change of either, and
    /// with nothing else, so that an environment pool never serves old code.
    ConfigIdentity
}

const HYPHENS: [usize; 4] = [4, 6, 8, 10];

fn parse(text: &str) -> Option<[u8; 16]> {
    let has_form = text.len() == 36
        && [8, 13, 18, 23]
            .iter()
            .all(|&at| text.as_bytes()[at] == b'-');
    let digits: Vec<u8> = text.bytes().filter(|&byte| byte != b'-').collect();
    if !has_form || digits.len() != 32 {
        return None;
    }
    let mut bytes = [0; 16];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = hex(pair[0])? << 4 | hex(pair[1])?;
    }
    Some(bytes)
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// Writes all digits at once: an invocation names its request several times.
fn write(bytes: &[u8; 16], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [b'-'; 36];
    let mut at = 0;
    for (index, byte) in bytes.iter().enumerate() {
        at += usize::from(HYPHENS.contains(&index));
        text[at] = DIGITS[usize::from(byte >> 4)];
        text[at + 1] = DIGITS[usize::from(byte & 15)];
        at += 2;
    }
    f.write_str(str::from_utf8(&text).map_err(|_| fmt::Error)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_text() {
        let id = RequestId::from_random([0xab; 16]);
        assert_eq!(id.to_string(), "abababab-abab-4bab-abab-abababababab");
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "abababab-abab-4bab-abab-ababababab-b",
            "ABABABAB-abab-4bab-abab-abababababab",
        ] {
            assert!(text.parse::<RevisionId>().is_err(), "{text}");
        }
    }
}
