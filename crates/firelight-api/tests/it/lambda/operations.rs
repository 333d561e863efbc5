//! Every operation of the model: what is said to be built answers for itself, everything else answers 501.

use firelight_wire::Operation;
use serde_json::json;

use super::plane::Api;

const STATUS: &str = include_str!("../../../../../docs/compat/status.toml");

/// Returns what the table says of an operation.
fn line(operation: Operation) -> &'static str {
    let name = format!("{} = ", operation.name());
    let line = STATUS
        .lines()
        .find_map(|line| line.strip_prefix(name.as_str()));
    line.unwrap_or_else(|| panic!("{} is not in the table", operation.name()))
}

fn state(operation: Operation) -> &'static str {
    line(operation).split('"').nth(1).unwrap()
}

#[test]
fn what_is_not_built_needs_an_engine_and_what_is_built_in_part_says_which() {
    assert_eq!(Operation::ALL.len(), 91);
    for operation in Operation::ALL {
        let note = line(*operation).split('"').nth(3).unwrap_or_default();
        match state(*operation) {
            "built" => assert_eq!(note, "", "{}", operation.name()),
            "partial" => assert_ne!(note, "", "{}", operation.name()),
            "not-built" => {
                let name = operation.name();
                assert!(name.contains("DurableExecution"), "{name} is configuration");
                assert_eq!(note, "needs the engine of durable executions", "{name}");
            }
            other => panic!("{}: {other}", operation.name()),
        }
    }
}

/// Fills the labels of a path with names that nothing has.
fn path(operation: Operation) -> String {
    let fill = |segment: &str| {
        if segment.starts_with('{') {
            "none".into()
        } else {
            segment.to_owned()
        }
    };
    operation
        .uri()
        .split('/')
        .map(fill)
        .collect::<Vec<String>>()
        .join("/")
}

#[tokio::test]
async fn the_table_of_operations_is_true() {
    let api = Api::start().await;

    for operation in Operation::ALL {
        let (method, path) = (operation.method(), path(*operation));
        let answer = api.raw(method, &path, &json!({}).to_string()).await;
        let is_built = ["built", "partial"].contains(&state(*operation));

        assert_eq!(
            answer.status != 501,
            is_built,
            "{method} {path}: {answer:?}"
        );
        if !is_built {
            assert!(answer.body.contains("is not built yet"), "{answer:?}");
        }
        assert_ne!(answer.status, 500, "{method} {path}: {answer:?}");
    }
}
