//! Patterns of words.

use super::InvalidPattern;
use super::cursor::Cursor;

#[derive(Debug, Default)]
pub(super) struct Words {
    required: Vec<Word>,
    excluded: Vec<Word>,
    /// Any of them is enough; they do not count beside required ones.
    optional: Vec<Word>,
}

#[derive(Debug)]
enum Word {
    Text(String),
    Regex(regex::Regex),
}

impl Words {
    pub(super) fn match_message(&self, message: &str) -> bool {
        let occurs = |word: &Word| word.occurs_in(message);
        let none_excluded = !self.excluded.iter().any(occurs);
        let all_required = self.required.iter().all(occurs);
        let any_optional = !self.required.is_empty()
            || self.optional.is_empty()
            || self.optional.iter().any(occurs);
        none_excluded && all_required && any_optional
    }
}

impl Word {
    fn occurs_in(&self, message: &str) -> bool {
        match self {
            Self::Text(text) => message.contains(text),
            Self::Regex(regex) => regex.is_match(message),
        }
    }
}

pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Words, InvalidPattern> {
    let mut words = Words::default();
    loop {
        cursor.skip_blanks();
        if cursor.is_at_end() {
            return Ok(words);
        }
        let list = if cursor.eat("-") {
            &mut words.excluded
        } else if cursor.eat("?") {
            &mut words.optional
        } else {
            &mut words.required
        };
        list.push(word(cursor)?);
    }
}

fn word(cursor: &mut Cursor<'_>) -> Result<Word, InvalidPattern> {
    match cursor.peek() {
        Some('"') => cursor.take_quoted('"').map(Word::Text),
        Some('%') => cursor.take_regex().map(Word::Regex),
        _ => match cursor.take_until(char::is_whitespace) {
            "" => Err(InvalidPattern),
            text => Ok(Word::Text(text.to_owned())),
        },
    }
}
