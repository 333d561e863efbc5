//! Patterns of strings: the text AWS shows in messages, and a matcher compiled on first use.
//!
//! AWS's patterns are Java's. Ours are the same strings, except where they use look-around: those
//! have a hand-written matcher in the overrides of the generator.

use std::fmt;
use std::sync::OnceLock;

use regex::Regex;

/// A pattern that a whole string must match.
pub(crate) struct Pattern {
    /// The pattern as messages show it.
    pub(crate) text: &'static str,
    matches: &'static str,
    unless: Option<&'static str>,
    compiled: OnceLock<Compiled>,
}

struct Compiled {
    matches: Regex,
    unless: Option<Regex>,
}

impl Pattern {
    /// A pattern that is matched as it is shown.
    pub(crate) const fn new(text: &'static str) -> Self {
        Self::matched_by(text, text)
    }

    /// A pattern whose matcher is written differently.
    pub(crate) const fn matched_by(text: &'static str, matches: &'static str) -> Self {
        Self {
            text,
            matches,
            unless: None,
            compiled: OnceLock::new(),
        }
    }

    /// Takes strings away from what the matcher accepts.
    pub(crate) const fn unless(mut self, unless: &'static str) -> Self {
        self.unless = Some(unless);
        self
    }

    /// Returns true if the whole string matches.
    pub(crate) fn is_match(&self, value: &str) -> bool {
        let compiled = self.compiled.get_or_init(|| Compiled {
            matches: anchored(self.matches),
            unless: self.unless.map(anchored),
        });
        compiled.matches.is_match(value)
            && !compiled
                .unless
                .as_ref()
                .is_some_and(|unless| unless.is_match(value))
    }
}

/// Java's `\d` is ASCII, ours is not, and Java's `matches` covers the whole string.
fn anchored(pattern: &str) -> Regex {
    let ascii_digits = pattern.replace(r"\d", "[0-9]");
    Regex::new(&format!(r"\A(?:{ascii_digits})\z"))
        .expect("every generated pattern compiles, which patterns::all_compile tests")
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pattern").field(&self.text).finish()
    }
}

#[cfg(test)]
mod tests {
    use crate::generated::patterns;

    #[test]
    fn all_compile() {
        for pattern in patterns::ALL {
            pattern.is_match("");
        }
    }

    #[test]
    fn an_alias_name_is_not_only_digits() {
        assert!(patterns::ALIAS.is_match("live-2"));
        assert!(patterns::ALIAS.is_match("2x"));
        assert!(!patterns::ALIAS.is_match("2"));
        assert!(!patterns::ALIAS.is_match(""));
        assert!(!patterns::ALIAS.is_match("a b"));
    }

    #[test]
    fn a_qualifier_of_a_function_url_is_an_alias() {
        assert!(patterns::FUNCTION_URL_QUALIFIER.is_match("prod"));
        assert!(!patterns::FUNCTION_URL_QUALIFIER.is_match("17"));
        assert!(!patterns::FUNCTION_URL_QUALIFIER.is_match("$LATEST"));
    }

    #[test]
    fn a_function_name_of_a_url_operation_takes_an_alias_but_no_version() {
        let pattern = &patterns::FUNCTION_URL_FUNCTION_NAME;

        assert!(pattern.is_match("123456789012:function:resize:prod"));
        assert!(pattern.is_match("function:123"));
        assert!(!pattern.is_match("resize:1"));
    }

    #[test]
    fn a_bucket_name_does_not_end_with_a_dot() {
        assert!(patterns::S3_BUCKET.is_match("my.bucket"));
        assert!(!patterns::S3_BUCKET.is_match("my.bucket."));
    }

    #[test]
    fn a_collection_name_does_not_begin_with_system() {
        assert!(patterns::COLLECTION_NAME.is_match("systems"));
        assert!(!patterns::COLLECTION_NAME.is_match("system.users"));
    }

    #[test]
    fn digits_are_ascii() {
        assert!(!patterns::FUNCTION_NAME.is_match("٠١٢٣٤٥٦٧٨٩٠١:function:f"));
    }
}
