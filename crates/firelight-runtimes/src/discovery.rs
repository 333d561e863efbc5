//! Searches the host for interpreters: the directories of the search path, and where version managers keep theirs.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::catalogue::Family;
use crate::interpreter::{Home, Interpreter, Version};

/// Where to search.
#[derive(Clone, Debug, Default)]
pub struct SearchPaths {
    /// Directories of programs, in order.
    pub directories: Vec<PathBuf>,
    /// The home directory whose version managers are looked into.
    pub home: Option<PathBuf>,
}

impl SearchPaths {
    /// The usual places, from the values of the caller's `PATH` and `HOME`.
    pub fn usual(path: Option<&OsStr>, home: Option<PathBuf>) -> Self {
        let mut directories: Vec<PathBuf> = path
            .map(|path| std::env::split_paths(path).collect())
            .unwrap_or_default();
        directories.extend(["/usr/local/bin", "/usr/bin"].map(PathBuf::from));
        directories.extend(
            children(Path::new("/opt"))
                .into_iter()
                .map(|one| one.join("bin")),
        );
        Self { directories, home }
    }
}

const FAMILIES: [Family; 5] = [
    Family::Python,
    Family::Node,
    Family::Java,
    Family::Ruby,
    Family::DotNet,
];

/// Finds every interpreter once.
pub(crate) fn search(paths: &SearchPaths) -> Vec<Interpreter> {
    let mut seen = BTreeSet::new();
    let candidates = FAMILIES.iter().flat_map(|family| {
        candidates(*family, paths)
            .into_iter()
            .map(|program| (*family, program))
    });
    candidates
        .filter_map(|(family, program)| Some((family, resolved(&program)?)))
        .filter(|found| seen.insert(found.clone()))
        .filter_map(|(family, program)| identify(family, program))
        .collect()
}

/// Takes a program, or the directory an interpreter is installed in.
pub(crate) fn at(family: Family, path: &Path) -> Option<Interpreter> {
    let program = if path.is_dir() {
        program_in(family, path)?
    } else {
        path.to_owned()
    };
    identify(family, resolved(&program)?)
}

fn program_in(family: Family, prefix: &Path) -> Option<PathBuf> {
    let folders = [prefix.join("bin"), prefix.to_owned()];
    folders
        .iter()
        .flat_map(|folder| programs_in(family, folder))
        .next()
}

/// Resolves links and keeps only what is a program itself: the shims of version managers are scripts.
fn resolved(program: &Path) -> Option<PathBuf> {
    let program = fs::canonicalize(program).ok()?;
    let mut magic = [0; 4];
    fs::File::open(&program).ok()?.read_exact(&mut magic).ok()?;
    (magic == *b"\x7fELF").then_some(program)
}

fn candidates(family: Family, paths: &SearchPaths) -> Vec<PathBuf> {
    let mut folders = paths.directories.clone();
    if let Some(home) = &paths.home {
        folders.extend(managed(family, home));
    }
    if family == Family::Java {
        folders.extend(
            children(Path::new("/usr/lib/jvm"))
                .into_iter()
                .map(|one| one.join("bin")),
        );
    }
    folders
        .iter()
        .flat_map(|folder| programs_in(family, folder))
        .collect()
}

/// The folders of programs that version managers made.
fn managed(family: Family, home: &Path) -> Vec<PathBuf> {
    let (versions, inner): (&[&str], &str) = match family {
        Family::Python => (&[".pyenv/versions", ".local/share/uv/python"], "bin"),
        Family::Node => (
            &[
                ".nvm/versions/node",
                ".volta/tools/image/node",
                "n/n/versions/node",
            ],
            "bin",
        ),
        Family::Ruby => (&[".rbenv/versions"], "bin"),
        Family::Java => (&[".sdkman/candidates/java", ".jdks"], "bin"),
        _ => (&[".dotnet"], ""),
    };
    let mut folders: Vec<_> = versions
        .iter()
        .flat_map(|versions| children(&home.join(versions)))
        .map(|version| version.join(inner))
        .collect();
    if family == Family::Node {
        let fnm = [".local/share/fnm/node-versions", ".fnm/node-versions"];
        let installed = fnm
            .iter()
            .flat_map(|versions| children(&home.join(versions)));
        folders.extend(installed.map(|version| version.join("installation/bin")));
        folders.push(home.join("node_modules/node/bin"));
    }
    if family == Family::DotNet {
        folders.push(home.join(".dotnet"));
    }
    folders
}

/// The entries of a directory, sorted; none if it cannot be read.
fn children(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// The programs of a folder that are named like interpreters of the family.
fn programs_in(family: Family, folder: &Path) -> Vec<PathBuf> {
    let name = match family {
        Family::Python => return pythons_in(folder),
        Family::Node => "node",
        Family::Java => "java",
        Family::Ruby => "ruby",
        Family::DotNet => "dotnet",
        Family::Go | Family::Provided | Family::Custom => return Vec::new(),
    };
    let program = folder.join(name);
    if program.is_file() {
        vec![program]
    } else {
        Vec::new()
    }
}

/// `python3.8` and newer, by their exact names.
fn pythons_in(folder: &Path) -> Vec<PathBuf> {
    let is_python = |path: &PathBuf| {
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let minor = name
            .strip_prefix("python3.")
            .and_then(|minor| minor.parse::<u32>().ok());
        minor.is_some_and(|minor| minor >= 8)
    };
    children(folder).into_iter().filter(is_python).collect()
}

/// Asks a program for its version.
fn identify(family: Family, program: PathBuf) -> Option<Interpreter> {
    let version = match family {
        Family::DotNet => dotnet_version(&printed(&program, &["--list-runtimes"])?)?,
        Family::Java => Version::parse(&printed(&program, &["-version"])?)?,
        _ => Version::parse(&printed(&program, &["--version"])?)?,
    };
    let home = home_of(family, version, &program);
    Some(Interpreter {
        family,
        version,
        program,
        home,
    })
}

/// What a program prints, on either output, if it ends well.
fn printed(program: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let both = [output.stdout, output.stderr].concat();
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&both).into_owned())
}

/// The newest runtime of a line such as `Microsoft.NETCore.App 8.0.1 [/usr/share/dotnet/shared/...]`.
fn dotnet_version(listed: &str) -> Option<Version> {
    let runtimes = listed
        .lines()
        .filter_map(|line| line.strip_prefix("Microsoft.NETCore.App "));
    runtimes.filter_map(Version::parse).max()
}

/// Decides what of the host the interpreter must see. As little as will do: a prefix may be somebody's home.
fn home_of(family: Family, version: Version, program: &Path) -> Home {
    let Some(prefix) = program.parent().and_then(Path::parent) else {
        return Home::System;
    };
    if prefix == Path::new("/usr") || prefix == Path::new("/") {
        return Home::System;
    }
    if program.starts_with("/usr/lib") || program.starts_with("/usr/share") {
        return Home::System;
    }
    if is_dedicated(prefix) {
        return Home::Directory(prefix.to_owned());
    }
    Home::Parts {
        prefix: prefix.to_owned(),
        parts: parts_of(family, version, prefix, program),
    }
}

/// Whether a prefix holds one interpreter and nothing else: such directories carry a version in their name.
fn is_dedicated(prefix: &Path) -> bool {
    let names = prefix.iter().rev().take(2).filter_map(OsStr::to_str);
    names
        .into_iter()
        .any(|name| name != "installation" && name.contains(|c: char| c.is_ascii_digit()))
        && prefix.iter().count() > 3
}

fn parts_of(family: Family, version: Version, prefix: &Path, program: &Path) -> Vec<PathBuf> {
    let mut parts = Vec::new();
    if let Ok(own) = program.strip_prefix(prefix) {
        parts.push(own.to_owned());
    }
    if family == Family::Python {
        parts.push(PathBuf::from(format!(
            "lib/python{}.{}",
            version.major, version.minor
        )));
        let library = format!("libpython{}.{}", version.major, version.minor);
        let is_own = |path: &PathBuf| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(&library))
        };
        let libraries = children(&prefix.join("lib")).into_iter().filter(is_own);
        parts.extend(
            libraries.filter_map(|path| path.strip_prefix(prefix).ok().map(Path::to_owned)),
        );
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    const V: Version = Version {
        major: 3,
        minor: 12,
        patch: 1,
    };

    fn home(program: &str) -> Home {
        home_of(Family::Python, V, Path::new(program))
    }

    #[test]
    fn system_interpreter_needs_no_mounts_of_its_own() {
        assert_eq!(home("/usr/bin/python3.12"), Home::System);
    }

    #[test]
    fn version_managers_directory_is_shown_whole() {
        let prefix = "/home/me/.pyenv/versions/3.12.1";

        assert_eq!(
            home(&format!("{prefix}/bin/python3.12")),
            Home::Directory(prefix.into())
        );
    }

    #[test]
    fn shared_prefix_shows_only_the_interpreters_parts() {
        let Home::Parts { prefix, parts } = home("/home/me/.local/bin/python3.12") else {
            panic!("a home directory must not be shown whole");
        };

        assert_eq!(prefix, Path::new("/home/me/.local"));
        assert_eq!(
            parts,
            [Path::new("bin/python3.12"), Path::new("lib/python3.12")]
        );
    }

    #[test]
    fn newest_dotnet_runtime_counts() {
        let listed = "Microsoft.AspNetCore.App 10.0.0 [/x]\nMicrosoft.NETCore.App 6.0.3 [/x]\nMicrosoft.NETCore.App 8.0.1 [/x]\n";

        assert_eq!(
            dotnet_version(listed),
            Some(Version {
                major: 8,
                minor: 0,
                patch: 1
            })
        );
    }
}
