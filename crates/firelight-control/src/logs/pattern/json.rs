//! Patterns over the members of a JSON object.

use serde_json::Value as Json;

use super::InvalidPattern;
use super::compare::{Comparison, Value};
use super::cursor::Cursor;

/// How deep parentheses may nest.
const MAX_DEPTH: usize = 16;

#[derive(Debug)]
pub(super) enum JsonTest {
    All(Vec<JsonTest>),
    Any(Vec<JsonTest>),
    Member {
        selector: Vec<Step>,
        test: MemberTest,
    },
}

#[derive(Debug)]
pub(super) enum Step {
    Name(String),
    Index(usize),
    /// `[*]`: any element.
    Each,
}

#[derive(Debug)]
pub(super) enum MemberTest {
    Compare(Comparison),
    IsNull,
    IsTrue,
    IsFalse,
    NotExists,
    Exists,
}

pub(super) fn matches(test: &JsonTest, message: &str) -> bool {
    let message = message.trim();
    if !message.starts_with('{') {
        return false;
    }
    serde_json::from_str(message).is_ok_and(|object| test.holds(&object))
}

impl JsonTest {
    fn holds(&self, object: &Json) -> bool {
        match self {
            Self::All(tests) => tests.iter().all(|test| test.holds(object)),
            Self::Any(tests) => tests.iter().any(|test| test.holds(object)),
            Self::Member { selector, test } => {
                let mut found = Vec::new();
                select(object, selector, &mut found);
                match test {
                    MemberTest::NotExists => found.is_empty(),
                    test => found.iter().any(|value| test.holds(value)),
                }
            }
        }
    }
}

impl MemberTest {
    fn holds(&self, value: &Json) -> bool {
        match (self, value) {
            (Self::Exists, _)
            | (Self::IsNull, Json::Null)
            | (Self::IsTrue, Json::Bool(true))
            | (Self::IsFalse, Json::Bool(false)) => true,
            (Self::Compare(comparison), Json::String(text)) => comparison.holds(Value::Text(text)),
            (Self::Compare(comparison), Json::Number(number)) => number
                .as_f64()
                .is_some_and(|number| comparison.holds(Value::Number(number))),
            _ => false,
        }
    }
}

fn select<'a>(value: &'a Json, selector: &[Step], found: &mut Vec<&'a Json>) {
    let Some((step, rest)) = selector.split_first() else {
        found.push(value);
        return;
    };
    match step {
        Step::Name(name) => {
            if let Some(value) = value.get(name) {
                select(value, rest, found);
            }
        }
        Step::Index(index) => {
            if let Some(value) = value.get(index) {
                select(value, rest, found);
            }
        }
        Step::Each => {
            for value in value.as_array().into_iter().flatten() {
                select(value, rest, found);
            }
        }
    }
}

pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<JsonTest, InvalidPattern> {
    cursor.expect("{")?;
    let test = any(cursor, 0)?;
    cursor.skip_blanks();
    cursor.expect("}")?;
    Ok(test)
}

fn any(cursor: &mut Cursor<'_>, depth: usize) -> Result<JsonTest, InvalidPattern> {
    let mut tests = vec![all(cursor, depth)?];
    while next_is(cursor, "||") {
        tests.push(all(cursor, depth)?);
    }
    Ok(JsonTest::Any(tests))
}

fn all(cursor: &mut Cursor<'_>, depth: usize) -> Result<JsonTest, InvalidPattern> {
    let mut tests = vec![one(cursor, depth)?];
    while next_is(cursor, "&&") {
        tests.push(one(cursor, depth)?);
    }
    Ok(JsonTest::All(tests))
}

fn next_is(cursor: &mut Cursor<'_>, operator: &str) -> bool {
    cursor.skip_blanks();
    cursor.eat(operator)
}

fn one(cursor: &mut Cursor<'_>, depth: usize) -> Result<JsonTest, InvalidPattern> {
    cursor.skip_blanks();
    if cursor.eat("(") {
        if depth == MAX_DEPTH {
            return Err(InvalidPattern);
        }
        let test = any(cursor, depth + 1)?;
        cursor.skip_blanks();
        cursor.expect(")")?;
        return Ok(test);
    }
    let selector = selector(cursor)?;
    cursor.skip_blanks();
    Ok(JsonTest::Member {
        selector,
        test: member_test(cursor)?,
    })
}

fn selector(cursor: &mut Cursor<'_>) -> Result<Vec<Step>, InvalidPattern> {
    cursor.expect("$")?;
    let mut steps = Vec::new();
    loop {
        if cursor.eat(".") {
            if cursor.peek() == Some('[') {
                continue;
            }
            let name = cursor.take_until(|c| c.is_whitespace() || ".[=!<>)&|}".contains(c));
            if name.is_empty() {
                return Err(InvalidPattern);
            }
            steps.push(Step::Name(name.to_owned()));
        } else if cursor.eat("[") {
            steps.push(subscript(cursor)?);
            cursor.expect("]")?;
        } else if steps.is_empty() {
            return Err(InvalidPattern);
        } else {
            return Ok(steps);
        }
    }
}

fn subscript(cursor: &mut Cursor<'_>) -> Result<Step, InvalidPattern> {
    match cursor.peek() {
        Some(quote @ ('"' | '\'')) => cursor.take_quoted(quote).map(Step::Name),
        Some('*') => cursor.expect("*").map(|()| Step::Each),
        _ => {
            let index = cursor.take_until(|c| c == ']');
            index.parse().map(Step::Index).map_err(|_| InvalidPattern)
        }
    }
}

fn member_test(cursor: &mut Cursor<'_>) -> Result<MemberTest, InvalidPattern> {
    if cursor.eat_keyword("NOT") {
        cursor.skip_blanks();
        return keyword(cursor, "EXISTS", MemberTest::NotExists);
    }
    if cursor.eat_keyword("EXISTS") {
        return Ok(MemberTest::Exists);
    }
    if cursor.eat_keyword("IS") {
        cursor.skip_blanks();
        return keyword(cursor, "NULL", MemberTest::IsNull)
            .or_else(|_| keyword(cursor, "TRUE", MemberTest::IsTrue))
            .or_else(|_| keyword(cursor, "FALSE", MemberTest::IsFalse));
    }
    Comparison::parse(cursor, |c| ")&|}".contains(c)).map(MemberTest::Compare)
}

fn keyword(
    cursor: &mut Cursor<'_>,
    word: &str,
    test: MemberTest,
) -> Result<MemberTest, InvalidPattern> {
    if cursor.eat_keyword(word) {
        Ok(test)
    } else {
        Err(InvalidPattern)
    }
}
