//! Patterns with `*`, `?` and policy variables.
//!
//! The value of a variable is literal: wildcards that came in with a user name do not act as such.

use std::borrow::Cow;
use std::str::Chars;

use crate::request::Context;

/// A parsed pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    pieces: Vec<Piece>,
    /// The same where there is no variable, which is nearly always; then nothing has to be filled in.
    fixed: Option<Vec<Flat>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Char(char),
    /// `*`
    Any,
    /// `?`
    One,
    /// `${key}` or `${key, 'default'}`
    Variable {
        key: String,
        default: Option<String>,
    },
}

/// How letters compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    Heeded,
    Ignored,
}

/// Whether `${…}` in a pattern means a variable; it did not before version 2012-10-17.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variables {
    Expanded,
    Literal,
}

/// Whether `*` and `?` stand for other characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wildcards {
    Expanded,
    Literal,
}

impl Pattern {
    pub(crate) fn parse(text: &str, variables: Variables) -> Self {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            if variables == Variables::Expanded
                && let Some((piece, behind)) = variable(rest)
            {
                pieces.push(piece);
                rest = behind;
                continue;
            }
            pieces.push(match character {
                '*' => Piece::Any,
                '?' => Piece::One,
                character => Piece::Char(character),
            });
            rest = &rest[character.len_utf8()..];
        }
        let is_variable = |piece: &Piece| matches!(piece, Piece::Variable { .. });
        let is_fixed = !pieces.iter().any(is_variable);
        let mut pattern = Self {
            pieces,
            fixed: None,
        };
        if is_fixed {
            pattern.fixed = pattern.expand(&Context::new(), Wildcards::Expanded);
        }
        pattern
    }

    /// Tells whether only one text fits.
    pub(crate) fn is_fixed(&self) -> bool {
        let is_char = |piece: &Piece| matches!(piece, Piece::Char(_));
        self.pieces.iter().all(is_char)
    }

    /// Tells whether what fits depends on the context.
    pub(crate) fn has_variable(&self) -> bool {
        self.fixed.is_none()
    }

    /// Tells whether the whole of `text` fits. A variable without a value fits nothing.
    pub(crate) fn matches(&self, text: &str, case: Case, context: &Context) -> bool {
        self.filled(context)
            .is_some_and(|pieces| matches(&pieces, text, case))
    }

    /// Tells whether `text` is the same, with wildcards meaning themselves.
    pub(crate) fn equals(&self, text: &str, case: Case, context: &Context) -> bool {
        self.expand(context, Wildcards::Literal)
            .is_some_and(|pieces| matches(&pieces, text, case))
    }

    /// Tells whether an ARN fits, part by part: a `*` in the region does not reach the account.
    pub(crate) fn matches_arn(&self, arn: &str, context: &Context) -> bool {
        let Some(pieces) = self.filled(context) else {
            return false;
        };
        let colons = pieces.iter().filter(|piece| is_colon(piece)).take(5);
        let is_whole = colons.count() == 5 && arn.bytes().filter(|&byte| byte == b':').count() >= 5;
        if !is_whole {
            return matches(&pieces, arn, Case::Heeded);
        }
        // Split at the first five colons, as an ARN is.
        pieces
            .splitn(6, is_colon)
            .zip(arn.splitn(6, ':'))
            .all(|(pattern, part)| matches(pattern, part, Case::Heeded))
    }

    fn filled(&self, context: &Context) -> Option<Cow<'_, [Flat]>> {
        match &self.fixed {
            Some(fixed) => Some(Cow::Borrowed(fixed)),
            None => self.expand(context, Wildcards::Expanded).map(Cow::Owned),
        }
    }

    /// Returns the text with variables filled in, for values that are no patterns.
    pub(crate) fn text(&self, context: &Context) -> Option<String> {
        let pieces = self.expand(context, Wildcards::Literal)?;
        let char_of = |piece: &Flat| match piece {
            Flat::Char(character) => *character,
            Flat::Any => '*',
            Flat::One => '?',
        };
        Some(pieces.iter().map(char_of).collect())
    }

    fn expand(&self, context: &Context, wildcards: Wildcards) -> Option<Vec<Flat>> {
        let literal = wildcards == Wildcards::Literal;
        let mut flat = Vec::with_capacity(self.pieces.len());
        for piece in &self.pieces {
            match piece {
                Piece::Char(character) => flat.push(Flat::Char(*character)),
                Piece::Any => flat.push(if literal { Flat::Char('*') } else { Flat::Any }),
                Piece::One => flat.push(if literal { Flat::Char('?') } else { Flat::One }),
                Piece::Variable { key, default } => {
                    let value = context.single(key).or(default.as_deref())?;
                    flat.extend(value.chars().map(Flat::Char));
                }
            }
        }
        Some(flat)
    }
}

/// A piece after its variables were filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flat {
    Char(char),
    Any,
    One,
}

/// Reads a variable at the start of `text`; returns it and what stands behind it.
fn variable(text: &str) -> Option<(Piece, &str)> {
    let (inside, behind) = text.strip_prefix("${")?.split_once('}')?;
    let piece = match inside {
        "*" | "?" | "$" => Piece::Char(inside.chars().next()?),
        _ => {
            let (key, default) = match inside.split_once(',') {
                Some((key, default)) => (key, Some(default.trim().trim_matches('\'').to_owned())),
                None => (inside, None),
            };
            Piece::Variable {
                key: key.trim().to_owned(),
                default,
            }
        }
    };
    Some((piece, behind))
}

fn is_colon(piece: &Flat) -> bool {
    *piece == Flat::Char(':')
}

/// Matches greedily with one point to return to, so time is at most the product of the lengths.
fn matches(pattern: &[Flat], text: &str, case: Case) -> bool {
    let (mut at, mut left) = (0, text.chars());
    let mut star: Option<(usize, Chars<'_>)> = None;
    loop {
        let mut rest = left.clone();
        let Some(next) = rest.next() else { break };
        match pattern.get(at) {
            Some(Flat::Any) => {
                star = Some((at, left.clone()));
                at += 1;
                continue;
            }
            Some(Flat::One) => {
                at += 1;
                left = rest;
                continue;
            }
            Some(Flat::Char(expected)) if same(*expected, next, case) => {
                at += 1;
                left = rest;
                continue;
            }
            _ => {}
        }
        // The star takes one character more.
        let Some((star_at, behind)) = &mut star else {
            return false;
        };
        behind.next();
        at = *star_at + 1;
        left = behind.clone();
    }
    pattern[at..].iter().all(|piece| *piece == Flat::Any)
}

fn same(a: char, b: char, case: Case) -> bool {
    match case {
        Case::Heeded => a == b,
        Case::Ignored if a.is_ascii() && b.is_ascii() => a.eq_ignore_ascii_case(&b),
        Case::Ignored => a.to_lowercase().eq(b.to_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &str, text: &str) -> bool {
        let context = Context::new().with("aws:username", "a*b");
        Pattern::parse(pattern, Variables::Expanded).matches(text, Case::Heeded, &context)
    }

    #[test]
    fn wildcards_stand_for_any_run_and_one_character() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abbcd", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b", "xaxaxb", true),
            ("", "x", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn value_of_a_variable_is_literal() {
        assert!(fits("home/${aws:username}/*", "home/a*b/x"));
        assert!(!fits("home/${aws:username}/*", "home/axb/x"));
    }

    #[test]
    fn variable_without_a_value_fits_nothing_unless_it_has_a_default() {
        assert!(!fits("${aws:userid}", ""));
        assert!(fits("${aws:userid, 'none'}", "none"));
        assert!(fits("${*}", "*"));
        assert!(!fits("${*}", "x"));
    }

    #[test]
    fn star_in_one_part_of_an_arn_does_not_reach_the_next() {
        let arn = "arn:aws:lambda:us-east-1:123456789012:function:f:1";
        let fits = |pattern: &str| {
            Pattern::parse(pattern, Variables::Expanded).matches_arn(arn, &Context::new())
        };

        assert!(fits("arn:aws:lambda:*:123456789012:function:*"));
        assert!(fits("arn:aws:lambda:*"));
        assert!(fits("*"));
        assert!(!fits("arn:aws:lambda:*:function:f:1"));
        assert!(!fits("arn:*:210987654321:function:*"));
    }
}
