//! Function names without any ARN around them.

use std::str::FromStr;

use crate::text::{is_word, text_type};

text_type! {
    /// The bare name of a function: 1 to 64 letters, digits, `-`, `_` or `.`.
    ///
    /// The dot is there because AWS lets a caller *ask* for such a name; creating one is refused by the wire
    /// validation, so that it is simply never found.
    FunctionName
}

/// The text cannot be a function name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FunctionNameError {
    #[error("a function name has at most 64 characters, not {length}")]
    TooLong { name: String, length: usize },
    #[error("{name:?} has characters that a function name cannot have")]
    Malformed { name: String },
}

impl FunctionName {
    pub const MAX_LENGTH: usize = 64;
}

impl FromStr for FunctionName {
    type Err = FunctionNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = || text.to_owned();
        if !is_word(text, "-_.") || text.bytes().all(|b| b == b'.') {
            return Err(FunctionNameError::Malformed { name: name() });
        }
        if text.len() > Self::MAX_LENGTH {
            return Err(FunctionNameError::TooLong {
                name: name(),
                length: text.len(),
            });
        }
        Ok(Self(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixty_four_characters_fit_and_one_more_does_not() {
        assert!("a".repeat(64).parse::<FunctionName>().is_ok());
        let error = "a".repeat(65).parse::<FunctionName>().unwrap_err();
        assert!(matches!(
            error,
            FunctionNameError::TooLong { length: 65, .. }
        ));
    }

    #[test]
    fn names_that_could_leave_a_directory_are_refused() {
        for text in ["", ".", "..", "a/b", "a:b", "a b", "ä"] {
            assert!(text.parse::<FunctionName>().is_err(), "{text}");
        }
    }
}
