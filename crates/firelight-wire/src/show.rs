//! Values as Java prints them, which is how they stand in constraint messages.

use std::fmt::{self, Write as _};

use serde_json::Value;

use crate::schema::{Kind, Member, Shape};

/// Returns `Value 'v'`, `Value null`, or `Value` alone where the value is sensitive.
pub(crate) fn subject(shape: &Shape, value: &Value) -> String {
    if is_sensitive(shape) {
        return "Value".to_owned();
    }
    if value.is_null() {
        return "Value null".to_owned();
    }
    format!("Value '{}'", Shown { shape, value })
}

fn is_sensitive(shape: &Shape) -> bool {
    shape.is_sensitive
        || match shape.kind {
            Kind::List { element, .. } => is_sensitive(element),
            Kind::Map { key, value } => is_sensitive(key) || is_sensitive(value),
            _ => false,
        }
}

/// A value with the shape it is printed by.
struct Shown<'a> {
    shape: &'a Shape,
    value: &'a Value,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.shape.kind, self.value) {
            (_, Value::String(text)) => f.write_str(text),
            (Kind::Double, Value::Number(number)) => write_double(f, number.as_f64()),
            (Kind::List { element, .. }, Value::Array(items)) => write_list(f, element, items),
            (Kind::Map { value, .. }, Value::Object(entries)) => write_map(f, value, entries),
            (Kind::Structure { name, members }, value) => write_structure(f, name, members, value),
            (_, value) => write!(f, "{value}"),
        }
    }
}

fn write_double(f: &mut fmt::Formatter<'_>, number: Option<f64>) -> fmt::Result {
    // Rust's debug form of a double keeps the `.0`, as Java does.
    write!(f, "{:?}", number.unwrap_or_default())
}

fn write_list(f: &mut fmt::Formatter<'_>, shape: &Shape, items: &[Value]) -> fmt::Result {
    f.write_char('[')?;
    for (index, value) in items.iter().enumerate() {
        let comma = if index > 0 { ", " } else { "" };
        write!(f, "{comma}{}", Shown { shape, value })?;
    }
    f.write_char(']')
}

fn write_map(
    f: &mut fmt::Formatter<'_>,
    shape: &Shape,
    entries: &serde_json::Map<String, Value>,
) -> fmt::Result {
    f.write_char('{')?;
    for (index, (key, value)) in entries.iter().enumerate() {
        let comma = if index > 0 { ", " } else { "" };
        write!(f, "{comma}{key}={}", Shown { shape, value })?;
    }
    f.write_char('}')
}

fn write_structure(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    members: &[Member],
    structure: &Value,
) -> fmt::Result {
    write!(f, "{name}(")?;
    for (index, member) in members.iter().enumerate() {
        let comma = if index > 0 { ", " } else { "" };
        write!(f, "{comma}{}=", lower_camel(member.name))?;
        match structure.get(member.name) {
            _ if is_sensitive(member.shape) => f.write_str("***Sensitive Data Redacted***")?,
            None => f.write_str("null")?,
            Some(value) => write!(
                f,
                "{}",
                Shown {
                    shape: member.shape,
                    value
                }
            )?,
        }
    }
    f.write_char(')')
}

/// Returns a member's name as messages have it: only the first letter is lowered.
pub(crate) fn lower_camel(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    static TEXT: Shape = Shape::string();
    static SECRET: Shape = Shape::string().sensitive();
    static WEIGHT: Shape = Shape::double();
    static TEXTS: Shape = Shape::list(&TEXT);
    static SECRETS: Shape = Shape::list(&SECRET);
    static WEIGHTS: Shape = Shape::map(&TEXT, &WEIGHT);
    static TARGET: Shape = Shape::structure(
        "OnSuccess",
        &[
            Member::body("Destination", &TEXT),
            Member::body("Key", &SECRET),
        ],
    );
    static TARGETS: Shape = Shape::list(&TARGET);

    #[test]
    fn collections_are_printed_as_in_java() {
        assert_eq!(
            subject(&TEXTS, &json!(["x86_64", "arm64"])),
            "Value '[x86_64, arm64]'"
        );
        assert_eq!(subject(&TEXTS, &json!([])), "Value '[]'");
        assert_eq!(
            subject(&WEIGHTS, &json!({"2": 2, "3": 0.5})),
            "Value '{2=2.0, 3=0.5}'"
        );
        assert_eq!(
            subject(&TARGETS, &json!([{"Key": "k"}])),
            "Value '[OnSuccess(destination=null, key=***Sensitive Data Redacted***)]'"
        );
    }

    #[test]
    fn sensitive_values_are_not_printed() {
        assert_eq!(subject(&SECRET, &json!("password")), "Value");
        assert_eq!(subject(&SECRETS, &json!(["password"])), "Value");
    }

    #[test]
    fn only_the_first_letter_of_a_name_is_lowered() {
        assert_eq!(lower_camel("FunctionName"), "functionName");
        assert_eq!(lower_camel("KMSKeyArn"), "kMSKeyArn");
    }
}
