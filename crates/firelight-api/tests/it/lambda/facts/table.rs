//! The tables of `tests/facts`, read; its README says what their words mean.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::lambda::plane::zip;

pub(super) type Exceptions = BTreeMap<String, Exception>;

/// One line of `exceptions.toml`.
pub(super) struct Exception {
    pub(super) status: u16,
    pub(super) key: String,
    pub(super) untyped: bool,
}

/// One file.
pub(super) struct Table {
    pub(super) functions: Vec<String>,
    base: Value,
    given: std::vec::IntoIter<Value>,
    rows: Vec<Value>,
    words: Vec<(String, String)>,
}

/// Calls that lead to what the rows need.
pub(super) struct Step {
    pub(super) calls: Vec<String>,
    pub(super) members: Value,
    keep: Value,
}

/// Calls that are refused.
pub(super) struct Row {
    pub(super) calls: Vec<String>,
    pub(super) members: Value,
    pub(super) error: String,
    pub(super) text: String,
    pub(super) untyped: bool,
}

pub(super) fn exceptions() -> Exceptions {
    let text = include_str!("../../../../../../tests/facts/exceptions.toml");
    let Value::Object(exceptions) = parse(text) else {
        panic!("no table")
    };
    let read = |(name, value): (String, Value)| {
        let exception = Exception {
            status: value["status"].as_u64().unwrap().try_into().unwrap(),
            key: text_of(&value["key"]),
            untyped: value["untyped"] == true,
        };
        (name, exception)
    };
    exceptions.into_iter().map(read).collect()
}

fn parse(text: &str) -> Value {
    toml::from_str(text).unwrap()
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

impl Table {
    pub(super) fn read(text: &str) -> Self {
        let table = parse(text);
        let arn = |kind: &str| format!("arn:aws:lambda:us-east-1:000000000000:{kind}");
        let words = [
            ("fn", arn("function")),
            ("layer", arn("layer")),
            ("mapping", arn("event-source-mapping")),
            ("csc", arn("code-signing-config")),
            ("zip", zip("one")),
            ("text", "bm90IGEgemlw".to_owned()),
            ("runtime", "python3.13".to_owned()),
        ];
        Self {
            functions: list(&table["functions"]).iter().map(text_of).collect(),
            base: table["base"].clone(),
            given: list(&table["given"]).into_iter(),
            rows: list(&table["row"]),
            words: words.map(|(word, text)| (word.to_owned(), text)).into(),
        }
    }

    pub(super) fn next_given(&mut self) -> Option<Step> {
        let step = self.given.next()?;
        Some(Step {
            calls: calls(&step),
            members: self.members(&step),
            keep: step["keep"].clone(),
        })
    }

    /// Takes what a step says out of its answer, for the rows to name.
    pub(super) fn keep(&mut self, step: &Step, answer: &Value) {
        let kept = step.keep.as_object().into_iter().flatten();
        for (word, member) in kept {
            let found = text_of(&answer[text_of(member)]);
            self.words.push((word.clone(), found));
        }
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = Row> {
        self.rows.iter().map(|row| Row {
            calls: calls(row),
            members: self.members(row),
            error: text_of(&row["error"]),
            text: self.filled_text(&text_of(&row["text"])),
            untyped: row["untyped"] == true,
        })
    }

    fn members(&self, row: &Value) -> Value {
        let base = &self.base[&calls(row)[0]];
        let mut members: Map<String, Value> = base.as_object().cloned().unwrap_or_default();
        if let Some(whole) = row["with"].as_object() {
            members.clone_from(whole);
        }
        for left_out in list(&row["without"]) {
            members.remove(&text_of(&left_out));
        }
        members.extend(row["change"].as_object().cloned().unwrap_or_default());
        self.filled(&Value::Object(members))
    }

    fn filled(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.filled_text(text)),
            Value::Array(items) => items.iter().map(|item| self.filled(item)).collect(),
            Value::Object(members) => members
                .iter()
                .map(|(name, value)| (name.clone(), self.filled(value)))
                .collect(),
            other => other.clone(),
        }
    }

    fn filled_text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (word, value) in &self.words {
            text = text.replace(&format!("<{word}>"), value);
        }
        while let Some((before, rest)) = text.split_once("<x:") {
            let (count, after) = rest.split_once('>').unwrap();
            text = format!("{before}{}{after}", "x".repeat(count.parse().unwrap()));
        }
        text
    }
}

fn calls(row: &Value) -> Vec<String> {
    match &row["call"] {
        Value::String(call) => vec![call.clone()],
        _ => list(&row["calls"]).iter().map(text_of).collect(),
    }
}
