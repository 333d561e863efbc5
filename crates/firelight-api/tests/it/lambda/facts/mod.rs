//! Every refusal that is known of AWS, row by row, over raw HTTP: status, header, and the body to the letter.
//!
//! The rows are data (`tests/facts`), because boto3 runs the same ones against the real binary.

mod request;
mod table;

use serde_json::{Map, Value, json};

use self::table::{Exceptions, Row, Table};
use super::plane::{Api, Reply};

/// Returns an API with everything that a table asks for, and the table with what it keeps filled in.
async fn given(text: &str) -> (Api, Table) {
    let api = Api::start().await;
    let mut table = Table::read(text);
    let _completion = api.complete();
    for name in table.functions.clone() {
        api.active(&name).await;
    }
    while let Some(step) = table.next_given() {
        for call in &step.calls {
            let reply = send(&api, call, &step.members).await;
            assert!(reply.status < 300, "{call} {}: {reply:?}", step.members);
            table.keep(&step, &reply.body);
        }
        for name in &table.functions {
            api.settled(name).await;
        }
    }
    (api, table)
}

async fn send(api: &Api, call: &str, members: &Value) -> Reply {
    let (method, path, body) = request::of(call, members);
    Reply::read(&api.raw(method, &path, &body).await)
}

/// Returns the body that an exception with this text has.
fn body(exceptions: &Exceptions, row: &Row) -> Value {
    let exception = &exceptions[row.error.as_str()];
    let mut body = Map::new();
    if !exception.untyped && !row.untyped {
        body.insert("Type".to_owned(), json!("User"));
    }
    body.insert(exception.key.clone(), json!(row.text));
    Value::Object(body)
}

/// Runs all rows and shows all that differ, not only the first.
async fn hold(text: &str) {
    let (api, table) = given(text).await;
    let exceptions = table::exceptions();
    let mut differing = Vec::new();

    for row in table.rows() {
        let expected = Reply {
            status: exceptions[row.error.as_str()].status,
            error: Some(row.error.to_ascii_lowercase()),
            body: body(&exceptions, &row),
        };
        for call in &row.calls {
            let found = send(&api, call, &row.members).await;
            if found != expected {
                let members = &row.members;
                differing.push(format!(
                    "{call} {members}\n  found    {found:?}\n  expected {expected:?}"
                ));
            }
        }
    }

    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[tokio::test]
async fn functions_and_their_code() {
    hold(include_str!("../../../../../../tests/facts/functions.toml")).await;
}

#[tokio::test]
async fn values_that_no_value_of_their_kind_can_be() {
    hold(include_str!(
        "../../../../../../tests/facts/constraints.toml"
    ))
    .await;
}

#[tokio::test]
async fn layers() {
    hold(include_str!("../../../../../../tests/facts/layers.toml")).await;
}

#[tokio::test]
async fn aliases_versions_and_concurrency() {
    hold(include_str!("../../../../../../tests/facts/aliases.toml")).await;
}

#[tokio::test]
async fn what_is_attached_to_functions() {
    hold(include_str!(
        "../../../../../../tests/facts/attachments.toml"
    ))
    .await;
}

#[tokio::test]
async fn event_source_mappings() {
    hold(include_str!("../../../../../../tests/facts/mappings.toml")).await;
}

#[test]
fn every_exception_has_its_status_and_its_body() {
    for (name, expected) in table::exceptions() {
        let code = firelight_wire::ErrorCode::ALL
            .iter()
            .find(|code| code.name() == name);
        let code = code.unwrap_or_else(|| panic!("{name} is not known"));

        assert_eq!(code.status(), expected.status, "{name}");
        assert_eq!(code.message_key(), expected.key, "{name}");
        assert_eq!(code.has_type(), !expected.untyped, "{name}");
    }
}
