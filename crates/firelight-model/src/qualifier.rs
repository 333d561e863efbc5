//! What may stand behind a function name: a version number, `$LATEST`, or an alias.

use std::fmt;
use std::str::FromStr;

use crate::text::{is_word, text_type};

/// The number of a published version. Numbers count up from 1 and are never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VersionNumber(u64);

impl VersionNumber {
    pub const FIRST: Self = Self(1);

    /// Returns `None` for zero: versions count from 1.
    pub fn new(number: u64) -> Option<Self> {
        (number > 0).then_some(Self(number))
    }

    pub fn get(self) -> u64 {
        self.0
    }

    /// Returns the number that follows.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Reads the one canonical spelling: digits without a leading zero.
    fn parse(text: &str) -> Option<Self> {
        let canonical = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
        canonical
            .then(|| text.parse().ok())
            .flatten()
            .and_then(Self::new)
    }
}

impl fmt::Display for VersionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

text_type! {
    /// The name of an alias: 1 to 128 letters, digits, `-` or `_`, and not digits alone.
    AliasName
}

/// The text cannot name an alias.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} cannot name an alias")]
pub struct AliasNameError {
    pub text: String,
}

impl FromStr for AliasName {
    type Err = AliasNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let only_digits = text.bytes().all(|b| b.is_ascii_digit());
        if is_word(text, "-_") && !only_digits && text.len() <= 128 {
            Ok(Self(text.into()))
        } else {
            Err(AliasNameError {
                text: text.to_owned(),
            })
        }
    }
}

/// One executable version of a function: the mutable one or a numbered one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    Latest,
    Number(VersionNumber),
}

impl Version {
    /// Returns the number of a published version, `None` for `$LATEST`.
    pub fn number(self) -> Option<VersionNumber> {
        match self {
            Self::Latest => None,
            Self::Number(number) => Some(number),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("$LATEST"),
            Self::Number(number) => number.fmt(f),
        }
    }
}

impl FromStr for Version {
    type Err = QualifierError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "$LATEST" {
            return Ok(Self::Latest);
        }
        let number = VersionNumber::parse(text).map(Self::Number);
        number.ok_or_else(|| QualifierError {
            text: text.to_owned(),
        })
    }
}

/// A version number, `$LATEST` or an alias name, as a request gives it.
///
/// A text that AWS accepts but nothing can bear (`007`, `a$b`) becomes an alias name that no alias can have, so that
/// the answer is *not found* with the text as it was given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Qualifier {
    Latest,
    LatestPublished,
    Version(VersionNumber),
    Alias(AliasName),
}

/// The text cannot be a qualifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a qualifier")]
pub struct QualifierError {
    pub text: String,
}

impl FromStr for Qualifier {
    type Err = QualifierError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "$LATEST" => Ok(Self::Latest),
            "$LATEST.PUBLISHED" => Ok(Self::LatestPublished),
            _ if !is_word(text, "-_$") || text.len() > 128 => Err(QualifierError {
                text: text.to_owned(),
            }),
            _ => Ok(VersionNumber::parse(text)
                .map_or_else(|| Self::Alias(AliasName(text.into())), Self::Version)),
        }
    }
}

impl From<Version> for Qualifier {
    fn from(version: Version) -> Self {
        match version {
            Version::Latest => Self::Latest,
            Version::Number(number) => Self::Version(number),
        }
    }
}

impl fmt::Display for Qualifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("$LATEST"),
            Self::LatestPublished => f.write_str("$LATEST.PUBLISHED"),
            Self::Version(number) => number.fmt(f),
            Self::Alias(name) => name.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_qualifier_is_told_apart() {
        let number = VersionNumber::new(12).unwrap();
        assert_eq!("$LATEST".parse(), Ok(Qualifier::Latest));
        assert_eq!("$LATEST.PUBLISHED".parse(), Ok(Qualifier::LatestPublished));
        assert_eq!("12".parse(), Ok(Qualifier::Version(number)));
        assert_eq!(
            "prod".parse(),
            Ok(Qualifier::Alias("prod".parse().unwrap()))
        );
    }

    #[test]
    fn a_qualifier_nothing_can_bear_keeps_its_text() {
        for text in ["0", "007", "a$b", "99999999999999999999999"] {
            let qualifier: Qualifier = text.parse().unwrap();
            assert!(matches!(qualifier, Qualifier::Alias(_)), "{text}");
            assert_eq!(qualifier.to_string(), text);
            assert!(text.parse::<AliasName>().is_err());
        }
    }

    #[test]
    fn texts_outside_the_pattern_are_refused() {
        for text in ["", "a b", "a.b", "a:b", "ü"] {
            assert!(text.parse::<Qualifier>().is_err(), "{text}");
        }
        assert!("a".repeat(129).parse::<Qualifier>().is_err());
    }
}
