//! Every operation of the model: what is said to be built answers for itself, everything else answers 501.

use firelight_wire::Operation;
use serde_json::json;

use super::plane::Api;

const STATUS: &str = include_str!("../../../../../docs/compat/status.toml");

/// Returns what the table says of an operation.
fn state(operation: Operation) -> &'static str {
    let name = format!("{} = ", operation.name());
    let line = STATUS
        .lines()
        .find_map(|line| line.strip_prefix(name.as_str()));
    let line = line.unwrap_or_else(|| panic!("{} is not in the table", operation.name()));
    line.split('"').nth(1).unwrap()
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
