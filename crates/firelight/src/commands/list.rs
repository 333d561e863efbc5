//! `firelight ls`: the functions.

use serde_json::{Value, json};

use crate::client::Client;
use crate::failure::{Exit, Outcome};
use crate::terminal::{Terminal, table};

pub async fn run(client: &Client, terminal: &Terminal) -> Outcome {
    let functions = client
        .list_functions()
        .await
        .map_err(|error| error.while_doing("could not list the functions"))?;
    terminal.result(&json!({ "functions": functions }), || text(&functions))?;
    Ok(Exit::Success)
}

fn text(functions: &[Value]) -> String {
    if functions.is_empty() {
        return "no functions yet; `firelight deploy DIR` makes one\n".to_owned();
    }
    let rows: Vec<_> = functions.iter().map(row).collect();
    table(
        [
            "NAME", "RUNTIME", "HANDLER", "MEMORY", "TIMEOUT", "CODE", "CHANGED",
        ],
        &rows,
    )
}

fn row(function: &Value) -> [String; 7] {
    let text = |key: &str| function[key].as_str().unwrap_or("-").to_owned();
    [
        text("FunctionName"),
        text("Runtime"),
        text("Handler"),
        format!("{} MB", function["MemorySize"]),
        format!("{} s", function["Timeout"]),
        size(function["CodeSize"].as_u64().unwrap_or_default()),
        text("LastModified")
            .chars()
            .take("2026-11-23T10:00:00".len())
            .collect(),
    ]
}

/// Writes a size with the unit that keeps it short.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes.div_ceil(1024)),
        _ => format!("{} MiB", bytes.div_ceil(1_048_576)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_rounded_up_to_their_unit() {
        assert_eq!(
            [size(0), size(1025), size(1_048_577)],
            ["0 B", "2 KiB", "2 MiB"]
        );
    }

    #[test]
    fn no_functions_is_said_with_what_to_do() {
        assert!(text(&[]).contains("firelight deploy"));
    }
}
