//! `firelight config`: each setting, its value, and who set it.

use serde_json::{Map, Value, json};

use crate::config::{
    ConfigError, EGRESS_TAGS_PREFIX, Layers, Mode, RUNTIMES_PREFIX, SETTINGS, ServerConfig,
    Sourced, is_secret,
};
use crate::failure::{Exit, Outcome};
use crate::terminal::{Terminal, table};

pub fn run(layers: &Layers, terminal: &Terminal) -> Outcome {
    terminal.result(&document(layers), || text(layers))?;
    check(layers)?;
    Ok(Exit::Success)
}

/// Refuses what neither daemon could be started with; what only one of them refuses may be meant for the other.
fn check(layers: &Layers) -> Result<(), ConfigError> {
    let resolve = |mode| ServerConfig::resolve(layers, mode, None).map(drop);
    resolve(Mode::Dev).or_else(|_| resolve(Mode::Serve))
}

fn document(layers: &Layers) -> Value {
    let settings = rows(layers).into_iter().map(|row| {
        let entry = json!({
            "value": row.value(),
            "source": row.sourced.map(|sourced| sourced.source.to_string()),
            "help": row.help,
        });
        (row.key, entry)
    });
    Value::Object(Map::from_iter(settings))
}

fn text(layers: &Layers) -> String {
    let cells = rows(layers).into_iter().map(|row| {
        let value = row.value().unwrap_or("(not set)");
        let source = row
            .sourced
            .map_or_else(String::new, |sourced| sourced.source.to_string());
        [
            row.key.clone(),
            value.to_owned(),
            source,
            row.help.to_owned(),
        ]
    });
    table(
        ["SETTING", "VALUE", "FROM", "WHAT IT IS"],
        &cells.collect::<Vec<_>>(),
    )
}

struct Row<'a> {
    key: String,
    sourced: Option<&'a Sourced>,
    help: &'static str,
}

impl Row<'_> {
    /// The value as it may be shown.
    fn value(&self) -> Option<&str> {
        let value = &self.sourced?.value;
        Some(if is_secret(&self.key) {
            "(secret)"
        } else {
            value
        })
    }
}

fn rows(layers: &Layers) -> Vec<Row<'_>> {
    let settings = SETTINGS.iter().map(|setting| Row {
        key: setting.key.to_owned(),
        sourced: layers.get(setting.key),
        help: setting.help,
    });
    let runtimes = layers.runtimes().map(|(name, sourced)| Row {
        key: format!("{RUNTIMES_PREFIX}{name}"),
        sourced: Some(sourced),
        help: "interpreter of this runtime",
    });
    let tags = layers.egress_tags().map(|(tag, list, sourced)| Row {
        key: format!("{EGRESS_TAGS_PREFIX}{tag}.{list}"),
        sourced: Some(sourced),
        help: "the same, for functions with this tag",
    });
    settings.chain(runtimes).chain(tags).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(name: &str, value: &str) -> Result<(), ConfigError> {
        let variables = [
            (name.to_owned(), value.to_owned()),
            ("HOME".into(), "/".into()),
        ];
        check(&Layers::read(None, variables.into(), Vec::new()).unwrap())
    }

    #[test]
    fn value_that_no_daemon_takes_is_refused() {
        assert!(checked("FIRELIGHT_LISTEN", "nonsense").is_err());
        assert!(checked("FIRELIGHT_LIMITS_CONCURRENCY", "many").is_err());
    }

    #[test]
    fn value_that_only_one_of_them_refuses_is_not() {
        assert!(checked("FIRELIGHT_LISTEN", "192.0.2.1:4566").is_ok());
        assert!(checked("FIRELIGHT_AUTHENTICATION", "any").is_ok());
    }
}
