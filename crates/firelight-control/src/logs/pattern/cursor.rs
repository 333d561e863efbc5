//! A place in the text of a pattern.

use super::InvalidPattern;

#[derive(Debug)]
pub(super) struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    pub(super) fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// Takes `expected` if it stands here.
    pub(super) fn eat(&mut self, expected: &str) -> bool {
        match self.rest.strip_prefix(expected) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Takes a word of letters, whatever their case, if it stands here.
    pub(super) fn eat_keyword(&mut self, expected: &str) -> bool {
        let head = self.rest.get(..expected.len());
        let found = head.is_some_and(|head| head.eq_ignore_ascii_case(expected));
        if found {
            self.rest = &self.rest[expected.len()..];
        }
        found
    }

    pub(super) fn expect(&mut self, expected: &str) -> Result<(), InvalidPattern> {
        if self.eat(expected) {
            Ok(())
        } else {
            Err(InvalidPattern)
        }
    }

    /// Takes everything up to the first character that ends it.
    pub(super) fn take_until(&mut self, ends: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(ends).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// Takes a text in quotes; a backslash makes the next character plain.
    pub(super) fn take_quoted(&mut self, quote: char) -> Result<String, InvalidPattern> {
        let mut text = String::new();
        let mut characters = self.rest.char_indices().skip(1);
        while let Some((index, character)) = characters.next() {
            if character == quote {
                self.rest = &self.rest[index + character.len_utf8()..];
                return Ok(text);
            }
            match character {
                '\\' => text.push(characters.next().ok_or(InvalidPattern)?.1),
                character => text.push(character),
            }
        }
        Err(InvalidPattern)
    }

    /// Takes a regular expression between percent signs.
    pub(super) fn take_regex(&mut self) -> Result<regex::Regex, InvalidPattern> {
        self.expect("%")?;
        let text = self.take_until(|character| character == '%');
        self.expect("%")?;
        let built = regex::RegexBuilder::new(text).size_limit(1 << 20).build();
        built.map_err(|_| InvalidPattern)
    }
}
