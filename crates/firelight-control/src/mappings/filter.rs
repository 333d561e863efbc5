//! Whether a text is a filter pattern: which forms exist, not what they match.

use serde_json::{Map, Value};

/// Tells whether a text is a pattern that a filter can have.
pub(super) fn is_filter(pattern: &str) -> bool {
    match serde_json::from_str(pattern) {
        Ok(Value::Object(pattern)) => is_pattern(&pattern),
        _ => false,
    }
}

fn is_pattern(pattern: &Map<String, Value>) -> bool {
    pattern.iter().all(|(name, value)| match value {
        Value::Array(branches) if name == "$or" => is_or(branches),
        Value::Array(matchers) => !matchers.is_empty() && matchers.iter().all(is_matcher),
        Value::Object(inner) => is_pattern(inner),
        _ => false,
    })
}

fn is_or(branches: &[Value]) -> bool {
    let is_branch = |branch: &Value| branch.as_object().is_some_and(is_pattern);
    branches.len() >= 2 && branches.iter().all(is_branch)
}

fn is_matcher(matcher: &Value) -> bool {
    match matcher {
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => true,
        Value::Array(_) => false,
        Value::Object(matcher) => match matcher.iter().next() {
            Some((name, operand)) if matcher.len() == 1 => is_operator(name, operand),
            _ => false,
        },
    }
}

fn is_operator(name: &str, operand: &Value) -> bool {
    match name {
        "prefix" | "suffix" => operand.is_string() || is_ignoring_case(operand),
        "equals-ignore-case" | "wildcard" | "cidr" => operand.is_string(),
        "exists" => operand.is_boolean(),
        "numeric" => is_numeric(operand),
        "anything-but" => is_anything_but(operand),
        _ => false,
    }
}

fn is_ignoring_case(operand: &Value) -> bool {
    let Some(operand) = operand.as_object() else {
        return false;
    };
    operand.len() == 1
        && operand
            .get("equals-ignore-case")
            .is_some_and(Value::is_string)
}

fn is_anything_but(operand: &Value) -> bool {
    match operand {
        Value::Array(values) => {
            !values.is_empty()
                && values
                    .iter()
                    .all(|value| value.is_string() || value.is_number())
        }
        Value::Object(inner) => inner.len() == 1,
        value => value.is_string() || value.is_number(),
    }
}

/// One or two comparisons: `[">", 0]` or `[">", 0, "<=", 5]`.
fn is_numeric(operand: &Value) -> bool {
    let Some(parts) = operand.as_array() else {
        return false;
    };
    let is_comparison = |pair: &[Value]| {
        let operator = pair[0].as_str().unwrap_or_default();
        ["<", "<=", "=", ">=", ">"].contains(&operator) && pair[1].is_number()
    };
    matches!(parts.len(), 2 | 4) && parts.chunks(2).all(is_comparison)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_form_is_a_filter() {
        for pattern in [
            r#"{}"#,
            r#"{"body":{"a":["x",1,null,true,""]}}"#,
            r#"{"a":[{"prefix":"x"},{"suffix":"y"}]}"#,
            r#"{"a":[{"prefix":{"equals-ignore-case":"x"}}]}"#,
            r#"{"a":[{"anything-but":["x"]}],"b":[{"anything-but":{"prefix":"y"}}]}"#,
            r#"{"a":[{"numeric":[">",0,"<=",5]}]}"#,
            r#"{"a":[{"exists":false}]}"#,
            r#"{"$or":[{"a":["x"]},{"b":["y"]}]}"#,
        ] {
            assert!(is_filter(pattern), "{pattern}");
        }
    }

    #[test]
    fn other_texts_are_none() {
        for pattern in [
            "",
            "x",
            "[]",
            r#"{"a":"x"}"#,
            r#"{"a":[]}"#,
            r#"{"a":[["x"]]}"#,
            r#"{"a":[{"near":"x"}]}"#,
            r#"{"a":[{"numeric":["!",1]}]}"#,
            r#"{"a":[{"prefix":"x","suffix":"y"}]}"#,
            r#"{"$or":[{"a":["x"]}]}"#,
        ] {
            assert!(!is_filter(pattern), "{pattern}");
        }
    }
}
