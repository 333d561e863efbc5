//! `firelight queue`: the asynchronous events that wait or run.

use serde_json::{Value, json};

use crate::client::Client;
use crate::failure::{Exit, Outcome};
use crate::terminal::{Terminal, table};

pub async fn run(client: &Client, terminal: &Terminal) -> Outcome {
    let functions = client
        .queue()
        .await
        .map_err(|error| error.while_doing("could not read the queue"))?;
    terminal.result(&json!({ "functions": functions }), || text(&functions))?;
    Ok(Exit::Success)
}

fn text(functions: &[Value]) -> String {
    if functions.is_empty() {
        return "no events wait or run\n".to_owned();
    }
    let rows: Vec<_> = functions.iter().map(row).collect();
    table(["FUNCTION", "EVENTS", "OLDEST"], &rows)
}

fn row(function: &Value) -> [String; 3] {
    [
        function["function"].as_str().unwrap_or("-").to_owned(),
        function["events"].to_string(),
        age(function["oldest_seconds"].as_u64().unwrap_or_default()),
    ]
}

/// Writes an age in its two largest units.
fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_at_most_two_units() {
        assert_eq!(
            [age(0), age(61), age(7_325)],
            ["0 s", "1 min 1 s", "2 h 2 min"]
        );
    }

    #[test]
    fn each_function_has_a_line() {
        let shown = text(&[json!({"function": "f", "events": 3, "oldest_seconds": 90})]);

        assert!(
            shown.contains("f") && shown.contains("1 min 30 s"),
            "{shown}"
        );
        assert_eq!(text(&[]), "no events wait or run\n");
    }
}
