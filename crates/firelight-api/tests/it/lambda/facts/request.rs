//! An operation and its members as the request that AWS's clients make of them.

use std::fmt::Write;

use firelight_wire::Operation;
use serde_json::{Map, Value};

/// Returns method, path with query, and body.
pub(super) fn of(call: &str, members: &Value) -> (&'static str, String, String) {
    let operation = Operation::ALL
        .iter()
        .find(|operation| operation.name() == call);
    let operation = operation.unwrap_or_else(|| panic!("no operation is named {call}"));
    let mut members = members.as_object().unwrap().clone();
    let mut path = path(operation.uri(), &mut members);
    let all_in_query = matches!(operation.method(), "GET" | "DELETE");
    let query: Vec<_> = members
        .iter()
        .filter(|(name, _)| all_in_query || is_always_in_query(call, name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    for (name, value) in query {
        members.remove(&name);
        add_to_query(&mut path, &name, &value);
    }
    let body = match members.is_empty() {
        true => String::new(),
        false => Value::Object(members).to_string(),
    };
    (operation.method(), path, body)
}

/// Fills the labels of a path.
fn path(uri: &str, members: &mut Map<String, Value>) -> String {
    let fill = |segment: &str| {
        let Some(label) = segment
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'))
        else {
            return segment.to_owned();
        };
        let value = members
            .remove(label)
            .unwrap_or_else(|| panic!("{label} is missing"));
        encoded(&text(&value))
    };
    uri.split('/').map(fill).collect::<Vec<_>>().join("/")
}

fn is_always_in_query(call: &str, name: &str) -> bool {
    name == "Qualifier" || (call == "AddLayerVersionPermission" && name == "RevisionId")
}

fn add_to_query(path: &mut String, name: &str, value: &Value) {
    let name = match name {
        "TagKeys" => "tagKeys",
        name => name,
    };
    let values = match value {
        Value::Array(values) => values.clone(),
        one => vec![one.clone()],
    };
    for value in values {
        let joint = if path.contains('?') { '&' } else { '?' };
        write!(path, "{joint}{name}={}", encoded(&text(&value))).unwrap();
    }
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    text.bytes().map(encode).collect()
}
