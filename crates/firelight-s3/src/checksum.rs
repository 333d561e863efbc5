//! Checksums of content: calculated while it passes, put together from those of parts, written in base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Sha1, Sha256};

use crate::record::ChecksumRecord;

/// What content is summed up with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

impl Algorithm {
    pub(crate) const ALL: [Self; 5] = [
        Self::Crc32,
        Self::Crc32c,
        Self::Crc64Nvme,
        Self::Sha1,
        Self::Sha256,
    ];

    /// As in `x-amz-checksum-algorithm`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    /// The header, or trailer, that carries a value.
    pub(crate) fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    fn length(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// Tells whether a text could be a value.
    pub(crate) fn accepts(self, value: &str) -> bool {
        STANDARD
            .decode(value)
            .is_ok_and(|bytes| bytes.len() == self.length())
    }

    /// The polynomial with its lowest power first, of those algorithms that can be put together from parts.
    fn polynomial(self) -> Option<u64> {
        match self {
            Self::Crc32 => Some(0xedb8_8320),
            Self::Crc32c => Some(0x82f6_3b78),
            Self::Crc64Nvme => Some(0x9a6c_9329_ac4b_c9b5),
            Self::Sha1 | Self::Sha256 => None,
        }
    }

    /// Tells whether the checksum of an object can be made of those of its parts.
    pub(crate) fn is_linear(self) -> bool {
        self.polynomial().is_some()
    }
}

/// A checksum in the making.
pub(crate) enum Hasher {
    Crc32(Crc32),
    Crc32c(Crc32c),
    Crc64Nvme(Crc64Nvme),
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Hasher {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Crc32 => Self::Crc32(Crc32::new()),
            Algorithm::Crc32c => Self::Crc32c(Crc32c::new()),
            Algorithm::Crc64Nvme => Self::Crc64Nvme(Crc64Nvme::new()),
            Algorithm::Sha1 => Self::Sha1(Sha1::new()),
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
        }
    }

    pub(crate) fn update(&mut self, content: &[u8]) {
        match self {
            Self::Crc32(hasher) => hasher.update(content),
            Self::Crc32c(hasher) => hasher.update(content),
            Self::Crc64Nvme(hasher) => hasher.update(content),
            Self::Sha1(hasher) => hasher.update(content),
            Self::Sha256(hasher) => hasher.update(content),
        }
    }

    /// Returns the value in base64.
    pub(crate) fn finish(self) -> String {
        match self {
            Self::Crc32(hasher) => STANDARD.encode(hasher.finalize()),
            Self::Crc32c(hasher) => STANDARD.encode(hasher.finalize()),
            Self::Crc64Nvme(hasher) => STANDARD.encode(hasher.finalize()),
            Self::Sha1(hasher) => STANDARD.encode(hasher.finalize()),
            Self::Sha256(hasher) => STANDARD.encode(hasher.finalize()),
        }
    }
}

/// Returns the checksum of an object made of parts: over their checksums, marked by their number.
pub(crate) fn composite(algorithm: Algorithm, parts: &[&ChecksumRecord]) -> Option<ChecksumRecord> {
    let mut hasher = Hasher::new(algorithm);
    for part in parts {
        hasher.update(&STANDARD.decode(&part.value).ok()?);
    }
    let value = format!("{}-{}", hasher.finish(), parts.len());
    Some(ChecksumRecord {
        algorithm: algorithm.name().to_owned(),
        value,
        composite: true,
    })
}

/// Returns the checksum of the whole content from those of its parts and their lengths.
pub(crate) fn joined(
    algorithm: Algorithm,
    parts: impl IntoIterator<Item = (String, u64)>,
) -> Option<ChecksumRecord> {
    let polynomial = algorithm.polynomial()?;
    let mut whole = 0;
    for (value, length) in parts {
        let part = number(&STANDARD.decode(value).ok()?);
        whole = shift(polynomial, algorithm.length(), whole, length) ^ part;
    }
    let bytes = whole.to_be_bytes();
    let value = STANDARD.encode(&bytes[8 - algorithm.length()..]);
    Some(ChecksumRecord {
        algorithm: algorithm.name().to_owned(),
        value,
        composite: false,
    })
}

fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Returns what a CRC becomes when `length` zero bytes follow: its product with `x` to the power of `8 * length`.
fn shift(polynomial: u64, width_bytes: usize, crc: u64, length: u64) -> u64 {
    let one = 1 << (8 * width_bytes - 1);
    // x to the power of 8: one byte of zeros.
    let mut power = (0..8).fold(one, |value, _| times_x(polynomial, value));
    let mut product = crc;
    let mut left = length;
    while left > 0 {
        if left & 1 == 1 {
            product = multiply(polynomial, one, product, power);
        }
        power = multiply(polynomial, one, power, power);
        left >>= 1;
    }
    product
}

fn times_x(polynomial: u64, value: u64) -> u64 {
    if value & 1 == 1 {
        value >> 1 ^ polynomial
    } else {
        value >> 1
    }
}

/// Multiplies modulo the polynomial; the highest bit is the lowest power.
fn multiply(polynomial: u64, one: u64, left: u64, right: u64) -> u64 {
    let (mut product, mut right, mut bit) = (0, right, one);
    while bit > 0 {
        if left & bit != 0 {
            product ^= right;
        }
        right = times_x(polynomial, right);
        bit >>= 1;
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(algorithm: Algorithm, content: &[u8]) -> String {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(content);
        hasher.finish()
    }

    #[test]
    fn the_checksum_of_the_whole_follows_from_those_of_its_parts() {
        let (first, second, third) = (vec![b'a'; 1000], vec![b'b'; 70_001], b"tail".to_vec());
        let whole = [first.as_slice(), &second, &third].concat();

        for algorithm in Algorithm::ALL.into_iter().filter(|a| a.is_linear()) {
            let parts =
                [&first, &second, &third].map(|part| (sum(algorithm, part), part.len() as u64));
            let joined = joined(algorithm, parts).unwrap();

            assert_eq!(joined.value, sum(algorithm, &whole), "{algorithm:?}");
        }
    }

    #[test]
    fn a_value_must_have_the_length_of_its_algorithm() {
        assert!(Algorithm::Crc32.accepts("NhCmhg=="));
        assert!(!Algorithm::Crc32.accepts("NhCmhg"));
        assert!(!Algorithm::Sha256.accepts("NhCmhg=="));
    }
}
