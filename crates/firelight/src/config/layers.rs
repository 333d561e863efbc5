//! The layers of the configuration, laid over one another with their provenance kept.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::settings::{self, RUNTIMES_PREFIX, SETTINGS};
use super::{ConfigError, file};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Default,
    File(PathBuf),
    Variable(String),
    Flag(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

/// A value as text, and who set it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sourced {
    pub value: String,
    pub source: Source,
}

/// What the command line sets: key, flag and value.
pub type FlagValues = Vec<(String, &'static str, String)>;

/// Variables of other programs that stand in for a setting nobody set: they rank just above the default.
const BORROWED: &[(&str, &str)] = &[
    ("endpoint", "AWS_ENDPOINT_URL_LAMBDA"),
    ("endpoint", "AWS_ENDPOINT_URL"),
    ("endpoints.access_key_id", "AWS_ACCESS_KEY_ID"),
    ("endpoints.secret_access_key", "AWS_SECRET_ACCESS_KEY"),
    ("endpoints.session_token", "AWS_SESSION_TOKEN"),
    ("traces.endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT"),
    ("traces.headers", "OTEL_EXPORTER_OTLP_HEADERS"),
    ("traces.service", "OTEL_SERVICE_NAME"),
];

/// The effective values, key by key.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    values: BTreeMap<String, Sourced>,
}

impl Layers {
    /// Reads the file, this process's variables and the flags.
    pub fn of_process(config: Option<&Path>, flags: FlagValues) -> Result<Self, ConfigError> {
        let variables: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self::read(config, variables, flags)
    }

    /// Lays file, variables and flags over the defaults.
    pub fn read(
        config: Option<&Path>,
        mut variables: BTreeMap<String, String>,
        flags: FlagValues,
    ) -> Result<Self, ConfigError> {
        let named = variables.remove("FIRELIGHT_CONFIG").map(PathBuf::from);
        let config_home = config_home(&variables);
        let path = config
            .map(Path::to_owned)
            .or(named)
            .or_else(|| file::find(config_home.as_deref()));
        let mut layers = Self::defaults(&variables);
        if let Some(path) = path {
            layers.lay_file(&path)?;
        }
        layers.lay_variables(&variables)?;
        layers.lay_flags(flags);
        Ok(layers)
    }

    /// Returns the value of a key, if anyone set it or it has a default.
    pub fn get(&self, key: &str) -> Option<&Sourced> {
        self.values.get(key)
    }

    /// Returns the interpreters mapped under `[runtimes]`.
    pub fn runtimes(&self) -> impl Iterator<Item = (&str, &Sourced)> {
        self.values
            .iter()
            .filter_map(|(key, value)| Some((key.strip_prefix(RUNTIMES_PREFIX)?, value)))
    }

    /// Returns the lists under `[egress.tags]`: tag, `allow` or `deny`, value.
    pub fn egress_tags(&self) -> impl Iterator<Item = (&str, &str, &Sourced)> {
        self.values.iter().filter_map(|(key, value)| {
            let (tag, list) = settings::egress_tag(key)?;
            Some((tag, list, value))
        })
    }

    fn defaults(variables: &BTreeMap<String, String>) -> Self {
        let mut layers = Self::default();
        for setting in SETTINGS {
            if let Some(value) = setting.default {
                layers.set(setting.key, Source::Default, value);
            }
        }
        if let Some(directory) = data_home(variables) {
            layers.set("data_dir", Source::Default, directory);
        }
        let borrowed = BORROWED.iter().rev().filter_map(|(key, variable)| {
            Some((
                key,
                variable,
                variables.get(*variable).filter(|value| !value.is_empty())?,
            ))
        });
        for (key, variable, value) in borrowed {
            layers.set(key, Source::Variable((*variable).to_owned()), value);
        }
        layers
    }

    fn lay_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        for (key, value) in file::read(path)? {
            self.set(&key, Source::File(path.to_owned()), value);
        }
        Ok(())
    }

    fn lay_variables(&mut self, variables: &BTreeMap<String, String>) -> Result<(), ConfigError> {
        let ours = variables
            .iter()
            .filter(|(name, _)| name.starts_with("FIRELIGHT_") && !is_of_tests(name));
        for (name, value) in ours {
            let source = Source::Variable(name.clone());
            if name == "FIRELIGHT_RUNTIMES" {
                self.lay_runtimes(source, value)?;
                continue;
            }
            let key = settings::key_of_variable(name).ok_or_else(|| ConfigError::UnknownKey {
                source_name: "the environment".to_owned(),
                key: name.clone(),
                nearest: settings::nearest_variable(name),
            })?;
            self.set(key, source, value);
        }
        Ok(())
    }

    /// Lays `name=path,name=path`, the only form a table can have in a variable.
    fn lay_runtimes(&mut self, source: Source, value: &str) -> Result<(), ConfigError> {
        for pair in value.split(',').filter(|pair| !pair.trim().is_empty()) {
            let (name, path) = pair.split_once('=').ok_or_else(|| ConfigError::Invalid {
                key: "runtimes".to_owned(),
                value: pair.to_owned(),
                source_name: source.to_string(),
                expected: "a list like python3.12=/usr/bin/python3.12,nodejs20.x=/usr/bin/node",
            })?;
            self.set(
                &format!("{RUNTIMES_PREFIX}{}", name.trim()),
                source.clone(),
                path.trim(),
            );
        }
        Ok(())
    }

    fn lay_flags(&mut self, flags: FlagValues) {
        for (key, flag, value) in flags {
            self.set(&key, Source::Flag(flag), value);
        }
    }

    fn set(&mut self, key: &str, source: Source, value: impl Into<String>) {
        self.values.insert(
            key.to_owned(),
            Sourced {
                value: value.into(),
                source,
            },
        );
    }
}

/// The tests' own variables share the prefix; they configure the tests, not Firelight.
fn is_of_tests(variable: &str) -> bool {
    variable.starts_with("FIRELIGHT_TEST_")
}

fn config_home(variables: &BTreeMap<String, String>) -> Option<PathBuf> {
    xdg(variables, "XDG_CONFIG_HOME", ".config")
}

fn data_home(variables: &BTreeMap<String, String>) -> Option<String> {
    let directory = xdg(variables, "XDG_STATE_HOME", ".local/state")?.join("firelight");
    directory.into_os_string().into_string().ok()
}

fn xdg(variables: &BTreeMap<String, String>, variable: &str, below_home: &str) -> Option<PathBuf> {
    let set = |name: &str| {
        variables
            .get(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set(variable).or_else(|| Some(set("HOME")?.join(below_home)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("firelight.toml");
        std::fs::write(&path, text).unwrap();
        (directory, path)
    }

    #[test]
    fn flags_override_variables_and_variables_override_the_file() {
        let (_directory, path) = file("region = 'eu-a-1'\naccount = '111111111111'\n");
        let set = variables(&[
            ("FIRELIGHT_REGION", "eu-b-1"),
            ("FIRELIGHT_LISTEN", "[::1]:1"),
        ]);
        let flags = vec![("listen".to_owned(), "--listen", "127.0.0.1:2".to_owned())];

        let layers = Layers::read(Some(&path), set, flags).unwrap();

        assert_eq!(layers.get("account").unwrap().source, Source::File(path));
        assert_eq!(layers.get("region").unwrap().value, "eu-b-1");
        assert_eq!(
            layers.get("listen").unwrap().source,
            Source::Flag("--listen")
        );
        assert_eq!(layers.get("log.level").unwrap().source, Source::Default);
    }

    #[test]
    fn an_unknown_variable_is_an_error_that_names_the_nearest() {
        let set = variables(&[("FIRELIGHT_LISTN", "127.0.0.1:1")]);

        let error = Layers::read(None, set, Vec::new()).unwrap_err().to_string();

        assert!(
            error.contains("did you mean \"FIRELIGHT_LISTEN\"?"),
            "{error}"
        );
    }

    #[test]
    fn runtimes_come_from_a_variable_as_pairs() {
        let set = variables(&[(
            "FIRELIGHT_RUNTIMES",
            "python3.12=/a/python, nodejs20.x=/b/node",
        )]);

        let layers = Layers::read(None, set, Vec::new()).unwrap();

        let found: Vec<_> = layers
            .runtimes()
            .map(|(name, path)| (name, &*path.value))
            .collect();
        assert_eq!(
            found,
            [("nodejs20.x", "/b/node"), ("python3.12", "/a/python")]
        );
    }

    #[test]
    fn the_endpoint_of_the_aws_tools_is_used_when_nothing_of_ours_is_set() {
        let aws = ("AWS_ENDPOINT_URL", "http://127.0.0.1:9");

        let borrowed = Layers::read(None, variables(&[aws]), Vec::new()).unwrap();
        let own = ("FIRELIGHT_ENDPOINT", "http://127.0.0.1:8");
        let overridden = Layers::read(None, variables(&[aws, own]), Vec::new()).unwrap();

        assert_eq!(
            borrowed.get("endpoint").unwrap().value,
            "http://127.0.0.1:9"
        );
        assert_eq!(
            overridden.get("endpoint").unwrap().value,
            "http://127.0.0.1:8"
        );
    }

    #[test]
    fn data_lies_in_the_state_directory_by_default() {
        let xdg = Layers::read(None, variables(&[("XDG_STATE_HOME", "/s")]), Vec::new()).unwrap();
        let home = Layers::read(None, variables(&[("HOME", "/h")]), Vec::new()).unwrap();
        let neither = Layers::read(None, variables(&[]), Vec::new()).unwrap();

        assert_eq!(xdg.get("data_dir").unwrap().value, "/s/firelight");
        assert_eq!(
            home.get("data_dir").unwrap().value,
            "/h/.local/state/firelight"
        );
        assert!(neither.get("data_dir").is_none());
    }
}
