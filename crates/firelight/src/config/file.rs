//! Reading `firelight.toml`: which file, and its keys as dotted names.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::ConfigError;
use super::settings::{is_known, is_list, nearest_key};

/// Returns the file to read when none is named: in the working directory, else in the user's configuration.
pub fn find(config_home: Option<&Path>) -> Option<PathBuf> {
    let local = PathBuf::from("firelight.toml");
    if local.is_file() {
        return Some(local);
    }
    config_home
        .map(|home| home.join("firelight/firelight.toml"))
        .filter(|path| path.is_file())
}

/// Reads a file into dotted keys and their values as text.
pub fn read(path: &Path) -> Result<Vec<(String, String)>, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    parse(&text, path)
}

fn parse(text: &str, path: &Path) -> Result<Vec<(String, String)>, ConfigError> {
    let table: Table = text.parse().map_err(|source| ConfigError::Syntax {
        path: path.to_owned(),
        source: Box::new(source),
    })?;
    let mut keys = Vec::new();
    flatten("", table, path, &mut keys)?;
    Ok(keys)
}

fn flatten(
    prefix: &str,
    table: Table,
    path: &Path,
    keys: &mut Vec<(String, String)>,
) -> Result<(), ConfigError> {
    for (name, value) in table {
        let key = format!("{prefix}{name}");
        match value {
            // Also right for a bare `python3.12 = ...`, which TOML reads as a table in a table.
            Value::Table(inner) => flatten(&format!("{key}."), inner, path, keys)?,
            value => keys.push((known(key.clone(), path)?, scalar(key, value, path)?)),
        }
    }
    Ok(())
}

fn known(key: String, path: &Path) -> Result<String, ConfigError> {
    if is_known(&key) {
        return Ok(key);
    }
    let nearest = nearest_key(&key);
    Err(ConfigError::UnknownKey {
        source_name: path.display().to_string(),
        key,
        nearest,
    })
}

fn scalar(key: String, value: Value, path: &Path) -> Result<String, ConfigError> {
    match value {
        Value::String(text) => Ok(text),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Boolean(truth) => Ok(truth.to_string()),
        Value::Array(items) if is_list(&key) => list(&key, items, path),
        _ => Err(ConfigError::NotScalar {
            key,
            path: path.to_owned(),
        }),
    }
}

fn list(key: &str, items: Vec<Value>, path: &Path) -> Result<String, ConfigError> {
    let items: Result<Vec<_>, _> = items
        .into_iter()
        .map(|item| scalar(key.to_owned(), item, path))
        .collect();
    Ok(items?.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RUNTIMES_PREFIX;

    fn parsed(text: &str) -> Result<Vec<(String, String)>, ConfigError> {
        parse(text, Path::new("firelight.toml"))
    }

    #[test]
    fn tables_become_dotted_keys() {
        let keys = parsed("listen = '127.0.0.1:0'\n[sandbox]\nidle_s = 5\n").unwrap();

        assert_eq!(
            keys,
            [
                ("listen".into(), "127.0.0.1:0".into()),
                ("sandbox.idle_s".into(), "5".into())
            ]
        );
    }

    #[test]
    fn runtime_identifiers_keep_their_dots_quoted_or_not() {
        let quoted = parsed("[runtimes]\n'python3.12' = '/usr/bin/python3'\n").unwrap();
        let bare = parsed("[runtimes]\npython3.12 = '/usr/bin/python3'\n").unwrap();

        assert_eq!(
            quoted,
            [(
                format!("{RUNTIMES_PREFIX}python3.12"),
                "/usr/bin/python3".into()
            )]
        );
        assert_eq!(bare, quoted);
    }

    #[test]
    fn an_unknown_key_names_the_nearest_known_one() {
        let error = parsed("[sandbox]\nidel_s = 5\n").unwrap_err().to_string();

        assert_eq!(
            error,
            "firelight.toml sets \"sandbox.idel_s\", which is not a setting; \
             did you mean \"sandbox.idle_s\"?"
        );
    }

    #[test]
    fn networks_are_a_list_and_stand_under_tags_too() {
        let keys = parsed(
            "[egress]\nallow = ['10.1.0.0/16', '10.2.0.1']\n[egress.tags.'team=pay.ments']\ndeny = '0.0.0.0/0'\n",
        );

        assert_eq!(
            keys.unwrap(),
            [
                ("egress.allow".into(), "10.1.0.0/16, 10.2.0.1".into()),
                ("egress.tags.team=pay.ments.deny".into(), "0.0.0.0/0".into()),
            ]
        );
        assert!(parsed("[egress.tags.a]\nalow = '10.0.0.0/8'\n").is_err());
    }

    #[test]
    fn a_list_is_no_value() {
        let error = parsed("region = ['a']\n").unwrap_err().to_string();

        assert_eq!(error, "region must be a single value in firelight.toml");
    }
}
