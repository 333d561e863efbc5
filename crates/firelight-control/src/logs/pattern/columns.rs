//! Patterns over the columns of a line.

use super::InvalidPattern;
use super::compare::{Comparison, Value};
use super::cursor::Cursor;

/// What stands before and behind the ellipsis; without one, there is nothing behind.
#[derive(Debug)]
pub(super) struct Columns {
    before: Vec<Column>,
    behind: Option<Vec<Column>>,
}

/// Alternatives, each of which is a list of comparisons that must all hold.
#[derive(Debug)]
struct Column {
    alternatives: Vec<Vec<Comparison>>,
}

impl Columns {
    pub(super) fn match_message(&self, message: &str) -> bool {
        let values = split(message);
        let all_hold = |columns: &[Column], values: &[&str]| {
            columns
                .iter()
                .zip(values)
                .all(|(column, value)| column.holds(value))
        };
        match &self.behind {
            None => values.len() == self.before.len() && all_hold(&self.before, &values),
            Some(behind) => {
                let enough = values.len() >= self.before.len() + behind.len();
                enough
                    && all_hold(&self.before, &values)
                    && all_hold(behind, &values[values.len() - behind.len()..])
            }
        }
    }
}

impl Column {
    fn holds(&self, value: &str) -> bool {
        let all = |comparisons: &Vec<Comparison>| {
            comparisons
                .iter()
                .all(|comparison| comparison.holds(Value::Column(value)))
        };
        self.alternatives.is_empty() || self.alternatives.iter().any(all)
    }
}

/// Splits a line at blanks; what stands in quotes or brackets is one column.
fn split(message: &str) -> Vec<&str> {
    let mut columns = Vec::new();
    let mut rest = message.trim();
    while let Some(first) = rest.chars().next() {
        let closing = match first {
            '"' => Some('"'),
            '[' => Some(']'),
            _ => None,
        };
        let enclosed = closing.and_then(|closing| rest[1..].split_once(closing));
        let (column, behind) = match enclosed {
            Some((column, behind)) => (column, behind),
            None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        columns.push(column);
        rest = behind.trim_start();
    }
    columns
}

pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Columns, InvalidPattern> {
    cursor.expect("[")?;
    let (mut before, mut behind) = (Vec::new(), None);
    loop {
        cursor.skip_blanks();
        if cursor.eat("...") {
            if behind.replace(Vec::new()).is_some() {
                return Err(InvalidPattern);
            }
        } else {
            let column = column(cursor)?;
            behind.as_mut().unwrap_or(&mut before).push(column);
        }
        cursor.skip_blanks();
        if cursor.eat("]") {
            return Ok(Columns { before, behind });
        }
        cursor.expect(",")?;
    }
}

fn column(cursor: &mut Cursor<'_>) -> Result<Column, InvalidPattern> {
    let mut alternatives = vec![Vec::new()];
    loop {
        let name = cursor.take_until(|c| c.is_whitespace() || "=!<>,]&|".contains(c));
        cursor.skip_blanks();
        match cursor.peek() {
            Some(',' | ']') if alternatives.len() == 1 && alternatives[0].is_empty() => {
                return Ok(Column {
                    alternatives: Vec::new(),
                });
            }
            _ if name.is_empty() => return Err(InvalidPattern),
            _ => {}
        }
        let comparison = Comparison::parse(cursor, |c| ",]&|".contains(c))?;
        if let Some(last) = alternatives.last_mut() {
            last.push(comparison);
        }
        cursor.skip_blanks();
        if cursor.eat("||") {
            alternatives.push(Vec::new());
        } else if !cursor.eat("&&") {
            return Ok(Column { alternatives });
        }
        cursor.skip_blanks();
    }
}
