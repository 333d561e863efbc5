//! Binary members: base64 in JSON, bytes here.

use std::fmt;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::codec::{Decode, Present};

/// Java's decoder, which AWS uses, takes padding or leaves it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The bytes of a binary member.
#[derive(Clone, PartialEq, Eq)]
pub struct Blob(pub Vec<u8>);

impl Decode for Blob {
    fn decode(value: Value) -> Option<Self> {
        let Value::String(text) = value else {
            return None;
        };
        BASE64.decode(text).ok().map(Self)
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

impl Present for Blob {}

impl fmt::Debug for Blob {
    /// Code and payloads do not belong in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_with_and_without_padding() {
        assert_eq!(Blob::decode("Zmk=".into()), Some(Blob(b"fi".to_vec())));
        assert_eq!(Blob::decode("Zmk".into()), Some(Blob(b"fi".to_vec())));
        assert_eq!(Blob::decode("Z m k".into()), None);
    }
}
