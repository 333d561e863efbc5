//! Filter patterns of CloudWatch Logs: parsed once, matched against many messages. Pure.
//!
//! ```text
//!  (blank)              everything
//!  ERROR -debug "a b"   words: all of them, none of those with a minus, any of those with ?
//!  %ERR(OR)?%           a regular expression, as a word
//!  { $.a.b[0] = "x*" && ($.n > 1 || $.c IS NULL) }     members of a JSON object
//!  [ip, user, ..., status = 4*, bytes > 1000]          columns between blanks
//! ```

mod columns;
mod compare;
mod cursor;
mod json;
mod words;

use columns::Columns;
use cursor::Cursor;
use json::JsonTest;
use words::Words;

/// A parsed pattern.
#[derive(Debug)]
pub struct FilterPattern(Kind);

#[derive(Debug)]
enum Kind {
    Everything,
    Words(Words),
    Json(JsonTest),
    Columns(Columns),
}

/// The text is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Invalid filter pattern")]
pub struct InvalidPattern;

const MAX_LENGTH: usize = 1_024;

impl FilterPattern {
    /// Reads a pattern.
    pub fn parse(text: &str) -> Result<Self, InvalidPattern> {
        let text = text.trim();
        if text.len() > MAX_LENGTH {
            return Err(InvalidPattern);
        }
        let mut cursor = Cursor::new(text);
        let kind = match text.chars().next() {
            None => Kind::Everything,
            Some('{') => Kind::Json(json::parse(&mut cursor)?),
            Some('[') => Kind::Columns(columns::parse(&mut cursor)?),
            Some(_) => Kind::Words(words::parse(&mut cursor)?),
        };
        cursor.skip_blanks();
        if cursor.is_at_end() {
            Ok(Self(kind))
        } else {
            Err(InvalidPattern)
        }
    }

    /// Tells whether a message fits.
    pub fn matches(&self, message: &str) -> bool {
        match &self.0 {
            Kind::Everything => true,
            Kind::Words(words) => words.match_message(message),
            Kind::Json(test) => json::matches(test, message),
            Kind::Columns(columns) => columns.match_message(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &str, message: &str) -> bool {
        FilterPattern::parse(pattern).unwrap().matches(message)
    }

    #[test]
    fn blank_pattern_fits_everything() {
        assert!(fits("", "anything") && fits("  ", ""));
    }

    #[test]
    fn words_must_all_occur_and_excluded_ones_must_not() {
        assert!(fits("ERROR 400", "[ERROR 400] bad"));
        assert!(!fits("ERROR 400", "[ERROR 500] bad"));
        assert!(!fits("error", "[ERROR 400]"));
        assert!(fits("ERROR -400", "[ERROR 500] bad"));
        assert!(!fits("ERROR -400", "[ERROR 400] bad"));
        assert!(fits(
            r#""Task timed out""#,
            "x Task timed out after 3.00 seconds"
        ));
        assert!(!fits(r#""Task timed out""#, "Task was timed out"));
        assert!(fits(r#""say \"hi\"""#, r#"they say "hi" to us"#));
    }

    #[test]
    fn one_of_the_optional_words_is_enough() {
        assert!(fits("?ERROR ?WARN", "a WARN b"));
        assert!(!fits("?ERROR ?WARN", "a INFO b"));
    }

    #[test]
    fn regular_expressions_stand_between_percent_signs() {
        assert!(fits("%ERR(OR)?%", "an ERR here"));
        assert!(!fits("%^ERR%", "an ERR here"));
    }

    #[test]
    fn json_members_are_compared_by_their_kind() {
        let message =
            r#"{"level":"ERROR","n":5,"deep":{"list":[{"x":"abc"}]},"nil":null,"t":true}"#;

        for (pattern, expected) in [
            (r#"{ $.level = "ERROR" }"#, true),
            (r#"{ $.level = ERR* }"#, true),
            (r#"{ $.level != "ERROR" }"#, false),
            (r#"{ $.n > 4 && $.n <= 5 }"#, true),
            (r#"{ $.n = 5.0 }"#, true),
            (r#"{ $.n = "5" }"#, false),
            (r#"{ ($.n = 1 || $.level = "ERROR") && $.t IS TRUE }"#, true),
            (r#"{ $.deep.list[0].x = "a*c" }"#, true),
            (r#"{ $.deep.list[1].x = "a*c" }"#, false),
            (r#"{ $.nil IS NULL }"#, true),
            (r#"{ $.level IS NULL }"#, false),
            (r#"{ $.missing NOT EXISTS }"#, true),
            (r#"{ $.level NOT EXISTS }"#, false),
            (r#"{ $.missing != "x" }"#, false),
            (r#"{ $.level = %^ERR% }"#, true),
            (r#"{ $['level'] = "ERROR" }"#, true),
        ] {
            assert_eq!(fits(pattern, message), expected, "{pattern}");
        }
        assert!(!fits("{ $.level = \"x\" }", "no json"));
    }

    #[test]
    fn columns_are_split_at_blanks_outside_quotes_and_brackets() {
        let line = r#"127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /a HTTP/1.0" 404 1534"#;

        for (pattern, expected) in [
            ("[ip, id, user, time, request, status, size]", true),
            ("[ip, id, user, time, request, status=4*, size]", true),
            ("[ip, id, user, time, request, status=5*, size]", false),
            ("[..., status=404, size > 1000]", true),
            ("[ip, ..., size < 1000]", false),
            ("[ip, id, user]", false),
            ("[ip, id, user!=root && user!=mary, ...]", true),
            ("[..., request = *GET*, status, size]", true),
        ] {
            assert_eq!(fits(pattern, line), expected, "{pattern}");
        }
    }

    #[test]
    fn broken_patterns_are_refused() {
        for text in [
            "{",
            "{ $.a = }",
            "{ a = 1 }",
            "[a",
            "[a = ]",
            "\"open",
            "%(%",
            "{ $.a = 1 } x",
        ] {
            assert!(FilterPattern::parse(text).is_err(), "{text}");
        }
    }
}
