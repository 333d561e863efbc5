//! Single constraints of a shape: whether a value holds them, and how AWS words them.

use std::fmt;

use serde_json::Value;

use crate::pattern::Pattern;
use crate::schema::{Kind, Rule, Shape};

/// One constraint of a shape.
pub(crate) enum Constraint {
    OneOf(&'static [&'static str]),
    Matches(&'static Pattern),
    AtMost(Bound),
    AtLeast(Bound),
}

/// A limit on a length or on a value.
pub(crate) struct Bound {
    measure: Measure,
    limit: i64,
}

#[derive(Clone, Copy)]
enum Measure {
    Length,
    Whole,
    /// Doubles show their limits as `1.0`.
    Fraction,
}

/// Order in which violated constraints of one value are reported.
const REPORTED: [Rule; 4] = [Rule::Enum, Rule::Pattern, Rule::Max, Rule::Min];
/// Order in which the constraints of elements are listed.
const LISTED: [Rule; 4] = [Rule::Enum, Rule::Max, Rule::Min, Rule::Pattern];

/// Returns the constraints that a value violates.
pub(crate) fn violated<'a>(
    shape: &'static Shape,
    value: &'a Value,
    unchecked: &'a [Rule],
) -> impl Iterator<Item = Constraint> + 'a {
    let checked = REPORTED
        .into_iter()
        .filter(|rule| !unchecked.contains(rule));
    checked
        .filter_map(move |rule| of(shape, rule))
        .filter(|constraint| !constraint.holds(value))
}

/// Writes all constraints of an element: `[c1, c2, Member must not be null]`.
pub(crate) fn listed(shape: &'static Shape, nullable: bool) -> String {
    let constraints = LISTED.into_iter().filter_map(|rule| of(shape, rule));
    let mut texts: Vec<String> = constraints
        .map(|constraint| constraint.to_string())
        .collect();
    if !nullable {
        texts.push("Member must not be null".to_owned());
    }
    format!("[{}]", texts.join(", "))
}

fn of(shape: &'static Shape, rule: Rule) -> Option<Constraint> {
    let bound = |limit| Bound {
        measure: measure_of(shape),
        limit,
    };
    match rule {
        Rule::Enum => (!shape.values.is_empty()).then_some(Constraint::OneOf(shape.values)),
        Rule::Pattern => shape.pattern.map(Constraint::Matches),
        Rule::Max => shape.max.map(bound).map(Constraint::AtMost),
        Rule::Min => shape.min.map(bound).map(Constraint::AtLeast),
    }
}

fn measure_of(shape: &Shape) -> Measure {
    match shape.kind {
        Kind::Integer | Kind::Long => Measure::Whole,
        Kind::Double => Measure::Fraction,
        _ => Measure::Length,
    }
}

impl Constraint {
    fn holds(&self, value: &Value) -> bool {
        match self {
            Self::OneOf(values) => value.as_str().is_some_and(|text| values.contains(&text)),
            Self::Matches(pattern) => value.as_str().is_some_and(|text| pattern.is_match(text)),
            Self::AtMost(bound) => bound.measured(value) <= bound.as_f64(),
            Self::AtLeast(bound) => bound.measured(value) >= bound.as_f64(),
        }
    }
}

impl Bound {
    #[expect(clippy::cast_precision_loss, reason = "limits are far below 2^53")]
    fn as_f64(&self) -> f64 {
        self.limit as f64
    }

    fn noun(&self) -> &'static str {
        match self.measure {
            Measure::Length => "length",
            Measure::Whole | Measure::Fraction => "value",
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "no length reaches 2^53")]
    fn measured(&self, value: &Value) -> f64 {
        match self.measure {
            Measure::Length => length_of(value) as f64,
            Measure::Whole | Measure::Fraction => value.as_f64().unwrap_or_default(),
        }
    }
}

/// Strings are as long as in Java, which counts UTF-16 units.
fn length_of(value: &Value) -> usize {
    match value {
        Value::String(text) => text.encode_utf16().count(),
        Value::Array(items) => items.len(),
        Value::Object(entries) => entries.len(),
        _ => 0,
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneOf(values) => {
                write!(
                    f,
                    "Member must satisfy enum value set: [{}]",
                    values.join(", ")
                )
            }
            Self::Matches(pattern) => {
                write!(
                    f,
                    "Member must satisfy regular expression pattern: {}",
                    pattern.text
                )
            }
            Self::AtMost(bound) => write!(
                f,
                "Member must have {} less than or equal to {bound}",
                bound.noun()
            ),
            Self::AtLeast(bound) => {
                write!(
                    f,
                    "Member must have {} greater than or equal to {bound}",
                    bound.noun()
                )
            }
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fraction = if matches!(self.measure, Measure::Fraction) {
            ".0"
        } else {
            ""
        };
        write!(f, "{}{fraction}", self.limit)
    }
}
