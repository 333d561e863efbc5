//! What a zip function is written for: runtime, handler, architecture.

use std::fmt;
use std::str::FromStr;

use crate::configuration::words;
use crate::text::text_type;

text_type! {
    /// The identifier of a runtime, such as `python3.13` or `provided.al2023`. Which ones exist is known elsewhere.
    RuntimeIdentifier
}

/// The text cannot be a runtime identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a runtime identifier")]
pub struct RuntimeIdentifierError {
    pub text: String,
}

/// The runtimes in the order in which AWS lists them when it refuses one; recorded in January 2026.
pub const RECORDED_RUNTIMES: [&str; 25] = [
    "nodejs20.x",
    "python3.14",
    "provided.al2023",
    "python3.12",
    "python3.13",
    "nodejs24.x",
    "nodejs22.x",
    "java25",
    "python3.10",
    "python3.11",
    "java21",
    "ruby3.3",
    "ruby3.4",
    "ruby3.2",
    "python3.8",
    "python3.9",
    "java17",
    "nodejs16.x",
    "dotnet10",
    "dotnet8",
    "java11",
    "dotnet6",
    "nodejs18.x",
    "provided.al2",
    "java8.al2",
];

impl FromStr for RuntimeIdentifier {
    type Err = RuntimeIdentifierError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.';
        if (1..=64).contains(&text.len()) && text.bytes().all(is_allowed) {
            Ok(Self(text.into()))
        } else {
            Err(RuntimeIdentifierError {
                text: text.to_owned(),
            })
        }
    }
}

impl RuntimeIdentifier {
    /// Tells whether the function brings its own `bootstrap`.
    pub fn is_provided(&self) -> bool {
        self.0.starts_with("provided")
    }
}

text_type! {
    /// The name that the runtime resolves to the function's entry: up to 128 characters without white space.
    Handler
}

/// The text cannot be a handler.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a handler")]
pub struct HandlerError {
    pub text: String,
}

impl FromStr for Handler {
    type Err = HandlerError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let length = text.chars().count();
        if (1..=128).contains(&length) && !text.contains(char::is_whitespace) {
            Ok(Self(text.into()))
        } else {
            Err(HandlerError {
                text: text.to_owned(),
            })
        }
    }
}

words! {
    /// The instruction set a function is built for.
    Architecture { X86_64 = "x86_64", Arm64 = "arm64" }
}

impl Architecture {
    pub const DEFAULT: Self = Self::X86_64;

    /// What the programs of this machine are built for.
    pub const HERE: Self = if cfg!(target_arch = "aarch64") {
        Self::Arm64
    } else {
        Self::X86_64
    };
}

/// Returns the ARN that names the version of a managed runtime here: stable, and different for each runtime.
///
/// AWS's own digests name its own builds, which no interpreter of a host can be.
pub fn runtime_version_arn(region: &str, identifier: &str) -> String {
    let digest: String = (0..4)
        .map(|part| format!("{:016x}", fnv(part, identifier.as_bytes())))
        .collect();
    format!("arn:aws:lambda:{region}::runtime:{digest}")
}

/// FNV-1a over the bytes, with a seed.
fn fnv(seed: u64, bytes: &[u8]) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bytes.iter().fold(start, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recorded_runtime_is_an_identifier() {
        for name in RECORDED_RUNTIMES {
            assert!(name.parse::<RuntimeIdentifier>().is_ok(), "{name}");
        }
        assert!("Python 3".parse::<RuntimeIdentifier>().is_err());
    }

    #[test]
    fn a_handler_has_no_white_space_and_an_end() {
        assert!("src/index.handler".parse::<Handler>().is_ok());
        assert!("a b".parse::<Handler>().is_err());
        assert!("a".repeat(129).parse::<Handler>().is_err());
    }
}
