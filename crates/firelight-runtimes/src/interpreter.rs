//! Interpreters of this host, and which of them serves which runtime.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use firelight_sandbox::ReadOnlyMount;

use crate::catalogue::{Family, Runtime};
use crate::discovery::{self, SearchPaths};

/// Where AWS has the interpreter, and we put one that lives in a directory of its own.
pub(crate) const LANG_ROOT: &str = "/var/lang";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    pub major: u32,
    pub minor: u32,
    pub patch: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl Version {
    /// Finds the first version in a text such as `Python 3.11.7` or `v20.20.2`.
    pub fn parse(text: &str) -> Option<Self> {
        let begin = text.find(|c: char| c.is_ascii_digit())?;
        let digits = |c: char| c.is_ascii_digit() || c == '.';
        let number = text[begin..].split(|c| !digits(c)).next()?;
        let mut parts = number.split('.').map(|part| part.parse().unwrap_or(0));
        Some(Self {
            major: parts.next()?,
            minor: parts.next().unwrap_or(0),
            patch: parts.next().unwrap_or(0),
        })
    }

    /// Whether it is the version that a runtime asks for: `3.12` takes any patch, `20` any minor, `1.8` also what
    /// calls itself 8.
    pub fn satisfies(self, wanted: &str) -> bool {
        let wanted = wanted.strip_prefix("1.8").map_or(wanted, |_| "8");
        let own = [self.major, self.minor];
        let mut parts = wanted.split('.').map(str::parse::<u32>);
        own.iter()
            .all(|part| parts.next().is_none_or(|wanted| wanted == Ok(*part)))
    }
}

/// An interpreter on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interpreter {
    pub family: Family,
    pub version: Version,
    /// Its program on the host, symbolic links resolved.
    pub program: PathBuf,
    pub(crate) home: Home,
}

/// What of the host an interpreter needs to see of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    /// It came with the system: its files are in the directories that every sandbox sees.
    System,
    /// It has a directory of its own, shown whole as `/var/lang`.
    Directory(PathBuf),
    /// It shares its prefix with other things: only these paths under the prefix are shown, under `/var/lang`.
    Parts {
        prefix: PathBuf,
        parts: Vec<PathBuf>,
    },
}

impl Interpreter {
    /// What has to be mounted for it, beside what every sandbox has.
    pub fn mounts(&self) -> Vec<ReadOnlyMount> {
        match &self.home {
            Home::System => Vec::new(),
            Home::Directory(prefix) => {
                vec![ReadOnlyMount {
                    source: prefix.clone(),
                    target: LANG_ROOT.into(),
                }]
            }
            Home::Parts { prefix, parts } => parts
                .iter()
                .map(|part| ReadOnlyMount {
                    source: prefix.join(part),
                    target: Path::new(LANG_ROOT).join(part),
                })
                .collect(),
        }
    }

    /// Its program as seen inside.
    pub fn program_inside(&self) -> PathBuf {
        match &self.home {
            Home::System => self.program.clone(),
            Home::Directory(prefix) | Home::Parts { prefix, .. } => {
                let relative = self.program.strip_prefix(prefix).unwrap_or(&self.program);
                Path::new(LANG_ROOT).join(relative)
            }
        }
    }
}

impl fmt::Display for Interpreter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} {} ({})",
            self.family,
            self.version,
            self.program.display()
        )
    }
}

/// No interpreter on this host fits the runtime.
#[derive(Debug, thiserror::Error)]
#[error(
    "no interpreter for runtime {identifier} on this host: wanted {family:?} {wanted}, found {}; install it, or map \
     one to {identifier} under [runtimes] in the configuration",
    listed(.found)
)]
pub struct MissingInterpreter {
    pub identifier: &'static str,
    pub family: Family,
    pub wanted: &'static str,
    /// What there is of the same family.
    pub found: Vec<Interpreter>,
}

fn listed(found: &[Interpreter]) -> String {
    if found.is_empty() {
        return "none".to_owned();
    }
    let shown: Vec<_> = found
        .iter()
        .map(|one| format!("{} ({})", one.version, one.program.display()))
        .collect();
    shown.join(", ")
}

/// An entry of `[runtimes]` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    #[error("[runtimes] names {identifier}, which is no runtime identifier")]
    UnknownRuntime { identifier: String },
    #[error("[runtimes] maps {identifier} to {path}, which is not a {family:?} interpreter that runs", path = path.display())]
    NotAnInterpreter {
        identifier: String,
        family: Family,
        path: PathBuf,
    },
}

/// The interpreters of this host.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    found: Vec<Interpreter>,
    mapped: BTreeMap<&'static str, Interpreter>,
}

impl Inventory {
    /// Searches the host. Starts each candidate once to ask for its version.
    pub fn discover(paths: &SearchPaths) -> Self {
        let mut found = discovery::search(paths);
        // The newest first; the sort keeps the order of the search among equals.
        found.sort_by(|a, b| (a.family, b.version).cmp(&(b.family, a.version)));
        Self {
            found,
            mapped: BTreeMap::new(),
        }
    }

    /// Maps a runtime to an interpreter, whatever its version: a program, or the directory it is installed in.
    pub fn map(&mut self, identifier: &str, path: &Path) -> Result<(), MappingError> {
        let runtime =
            crate::catalogue::find(identifier).ok_or_else(|| MappingError::UnknownRuntime {
                identifier: identifier.to_owned(),
            })?;
        let interpreter =
            discovery::at(runtime.family, path).ok_or_else(|| MappingError::NotAnInterpreter {
                identifier: identifier.to_owned(),
                family: runtime.family,
                path: path.to_owned(),
            })?;
        self.mapped.insert(runtime.identifier, interpreter);
        Ok(())
    }

    /// Everything that was found, newest first within a family.
    pub fn found(&self) -> &[Interpreter] {
        &self.found
    }

    /// What the configuration maps.
    pub fn mapped(&self) -> &BTreeMap<&'static str, Interpreter> {
        &self.mapped
    }

    /// The interpreter of a runtime; `Ok(None)` for runtimes that need none.
    pub fn interpreter_for(
        &self,
        runtime: &'static Runtime,
    ) -> Result<Option<&Interpreter>, MissingInterpreter> {
        if matches!(
            runtime.family,
            Family::Provided | Family::Custom | Family::Go
        ) {
            return Ok(None);
        }
        let found = self.found.iter().filter(|one| one.family == runtime.family);
        let fitting = found
            .clone()
            .find(|one| one.version.satisfies(runtime.version));
        let interpreter = self.mapped.get(runtime.identifier).or(fitting);
        interpreter.map(Some).ok_or_else(|| MissingInterpreter {
            identifier: runtime.identifier,
            family: runtime.family,
            wanted: runtime.version,
            found: found.cloned().collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn python(version: &str, prefix: &str) -> Interpreter {
        Interpreter {
            family: Family::Python,
            version: Version::parse(version).unwrap(),
            program: PathBuf::from(format!("{prefix}/bin/python")),
            home: Home::Directory(prefix.into()),
        }
    }

    #[test]
    fn versions_are_read_from_what_interpreters_print() {
        let shown = |text| Version::parse(text).map(|version| version.to_string());

        assert_eq!(shown("Python 3.11.7"), Some("3.11.7".to_owned()));
        assert_eq!(shown("v20.20.2\n"), Some("20.20.2".to_owned()));
        assert_eq!(
            shown("openjdk version \"17.0.9\" 2023"),
            Some("17.0.9".to_owned())
        );
        assert_eq!(shown("ruby 3.1.2p20"), Some("3.1.2".to_owned()));
        assert_eq!(shown("none"), None);
    }

    #[test]
    fn wanted_version_is_compared_part_by_part() {
        let version = Version {
            major: 3,
            minor: 10,
            patch: 1,
        };

        assert!(version.satisfies("3.10"));
        assert!(!version.satisfies("3.1"));
        assert!(version.satisfies("3"));
        assert!(
            Version {
                major: 8,
                minor: 0,
                patch: 402
            }
            .satisfies("1.8")
        );
    }

    #[test]
    fn missing_version_is_an_error_that_lists_what_is_there() {
        let inventory = Inventory {
            found: vec![python("3.11.7", "/opt/a")],
            mapped: BTreeMap::new(),
        };

        let error = inventory
            .interpreter_for(crate::catalogue::find("python3.14").unwrap())
            .unwrap_err();

        assert_eq!(
            error.to_string(),
            "no interpreter for runtime python3.14 on this host: wanted Python 3.14, found 3.11.7 (/opt/a/bin/python); \
             install it, or map one to python3.14 under [runtimes] in the configuration"
        );
    }

    #[test]
    fn mapped_interpreter_wins_over_a_fitting_one() {
        let mapped = python("3.13.0", "/opt/b");
        let inventory = Inventory {
            found: vec![python("3.12.1", "/opt/a")],
            mapped: BTreeMap::from([("python3.12", mapped.clone())]),
        };

        let chosen = inventory.interpreter_for(crate::catalogue::find("python3.12").unwrap());

        assert_eq!(chosen.unwrap(), Some(&mapped));
    }

    #[test]
    fn interpreter_with_its_own_directory_appears_under_var_lang() {
        let interpreter = python("3.12.1", "/home/me/.pyenv/versions/3.12.1");

        assert_eq!(
            interpreter.program_inside(),
            Path::new("/var/lang/bin/python")
        );
        assert_eq!(interpreter.mounts()[0].target, Path::new("/var/lang"));
    }
}
