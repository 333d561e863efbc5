//! Comparing one value with what a pattern wants of it.

use super::InvalidPattern;
use super::cursor::Cursor;

/// `= 5`, `!= "x*"`, `> 3`.
#[derive(Debug)]
pub(super) struct Comparison {
    relation: Relation,
    wanted: Wanted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug)]
enum Wanted {
    Number(f64),
    /// Text, in which `*` stands for anything.
    Text(String),
    Regex(regex::Regex),
}

/// A value out of a message.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    Number(f64),
    Text(&'a str),
    /// Columns are texts that count as numbers where a number is wanted.
    Column(&'a str),
}

impl Comparison {
    /// Reads a comparison; a bare value ends at a character that `ends` accepts.
    pub(super) fn parse(
        cursor: &mut Cursor<'_>,
        ends: impl Fn(char) -> bool,
    ) -> Result<Self, InvalidPattern> {
        let relation = relation(cursor)?;
        cursor.skip_blanks();
        let wanted = match cursor.peek() {
            Some('"') => Wanted::Text(cursor.take_quoted('"')?),
            Some('%') => Wanted::Regex(cursor.take_regex()?),
            _ => bare(cursor.take_until(|c| c.is_whitespace() || ends(c)))?,
        };
        let ordered = !matches!(relation, Relation::Equal | Relation::NotEqual);
        if ordered && !matches!(wanted, Wanted::Number(_)) {
            return Err(InvalidPattern);
        }
        Ok(Self { relation, wanted })
    }

    pub(super) fn holds(&self, value: Value<'_>) -> bool {
        match (&self.wanted, value) {
            (Wanted::Number(wanted), Value::Number(number)) => self.orders(number, *wanted),
            (Wanted::Number(wanted), Value::Column(text)) => match text.parse() {
                Ok(number) => self.orders(number, *wanted),
                Err(_) => self.relation == Relation::NotEqual,
            },
            (Wanted::Text(wanted), Value::Text(text) | Value::Column(text)) => {
                self.is_wanted(fits(wanted, text))
            }
            (Wanted::Text(wanted), Value::Number(number)) if wanted.contains('*') => {
                self.is_wanted(fits(wanted, &number.to_string()))
            }
            (Wanted::Regex(regex), Value::Text(text) | Value::Column(text)) => {
                self.is_wanted(regex.is_match(text))
            }
            // Values of another kind are different, whatever they are.
            _ => self.relation == Relation::NotEqual,
        }
    }

    fn is_wanted(&self, fits: bool) -> bool {
        fits == (self.relation == Relation::Equal)
    }

    #[expect(
        clippy::float_cmp,
        reason = "numbers of a log are compared as they were written"
    )]
    fn orders(&self, number: f64, wanted: f64) -> bool {
        match self.relation {
            Relation::Equal => number == wanted,
            Relation::NotEqual => number != wanted,
            Relation::Less => number < wanted,
            Relation::LessOrEqual => number <= wanted,
            Relation::Greater => number > wanted,
            Relation::GreaterOrEqual => number >= wanted,
        }
    }
}

fn relation(cursor: &mut Cursor<'_>) -> Result<Relation, InvalidPattern> {
    let relations = [
        ("!=", Relation::NotEqual),
        ("<=", Relation::LessOrEqual),
        (">=", Relation::GreaterOrEqual),
        ("=", Relation::Equal),
        ("<", Relation::Less),
        (">", Relation::Greater),
    ];
    let found = relations.into_iter().find(|(text, _)| cursor.eat(text));
    found.map(|(_, relation)| relation).ok_or(InvalidPattern)
}

fn bare(text: &str) -> Result<Wanted, InvalidPattern> {
    if text.is_empty() {
        return Err(InvalidPattern);
    }
    let looks_numeric = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    match text.parse() {
        Ok(number) if looks_numeric => Ok(Wanted::Number(number)),
        _ => Ok(Wanted::Text(text.to_owned())),
    }
}

/// Tells whether a text fits one with stars in it.
fn fits(wanted: &str, text: &str) -> bool {
    let mut parts = wanted.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.split_once(part) {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    rest.ends_with(last)
}
