//! What a directory is written for: the family of its runtime, and its handler.
//!
//! It looks where people put their entry, in the order of habit: an executable `bootstrap`, then Python's and
//! Node.js's usual file names, and takes the first file that defines a function with one of the usual names.

use std::path::PathBuf;
use std::sync::LazyLock;

use firelight_runtimes::Family;
use regex::Regex;
use serde_json::Value;

use super::files::{EntryKind, PackageFiles};

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detected {
    pub family: Family,
    pub handler: String,
}

/// The directory does not show what it is written for.
#[derive(Debug, thiserror::Error)]
pub enum DetectError {
    #[error("{0}/bootstrap is not executable")]
    BootstrapNotExecutable(PathBuf),
    #[error("{directory} holds {language} sources, and no bootstrap built from them")]
    NotBuilt {
        directory: PathBuf,
        language: &'static str,
        build: &'static str,
    },
    #[error("{file} in {directory} defines neither handler nor lambda_handler")]
    NoHandler { directory: PathBuf, file: String },
    #[error("{0} holds no file that a function usually begins in")]
    Unknown(PathBuf),
}

impl DetectError {
    /// Says what a person can do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::BootstrapNotExecutable(directory) => {
                format!("chmod +x {}/bootstrap", directory.display())
            }
            Self::NotBuilt { build, .. } => (*build).to_owned(),
            Self::NoHandler { .. } => "name it with --handler FILE.FUNCTION".to_owned(),
            Self::Unknown(_) => {
                "name --runtime and --handler, or put the entry into app.py, index.mjs or bootstrap"
                    .to_owned()
            }
        }
    }
}

const PYTHON_FILES: &[&str] = &[
    "app.py",
    "lambda_function.py",
    "main.py",
    "handler.py",
    "index.py",
    "function.py",
];
const NODE_FILES: &[&str] = &[
    "index.mjs",
    "index.js",
    "index.cjs",
    "app.mjs",
    "app.js",
    "handler.mjs",
    "handler.js",
    "src/index.mjs",
    "src/index.js",
    "dist/index.mjs",
    "dist/index.js",
];
const SOURCES: &[(&str, &str, &str)] = &[
    (
        "Cargo.toml",
        "Rust",
        "cargo build --release --target x86_64-unknown-linux-musl, copy the program to \
         `bootstrap` in a directory of its own, and deploy that",
    ),
    (
        "go.mod",
        "Go",
        "CGO_ENABLED=0 go build -tags lambda.norpc -o dist/bootstrap . && firelight deploy dist",
    ),
    (
        "CMakeLists.txt",
        "C++",
        "build it, name the program `bootstrap`, and deploy its directory",
    ),
];

static PYTHON_HANDLER: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"(?m)^(?:async\s+)?def\s+(handler|lambda_handler)\s*\(|^(handler|lambda_handler)\s*=")
});
static NODE_HANDLER: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r"(?m)\bexports\.(handler|lambdaHandler)\s*=",
        r"|^export\s+(?:const|let|var|async\s+function|function)\s+(handler|lambdaHandler)\b",
        r"|\bexport\s*\{[^}]*\b(handler|lambdaHandler)\b",
        r"|\bmodule\.exports\s*=\s*\{[^}]*\b(handler|lambdaHandler)\b",
    ))
});

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the patterns here are constant")
}

/// Finds the runtime family and the handler of a directory.
pub fn detect(files: &PackageFiles) -> Result<Detected, DetectError> {
    if let Some(found) = bootstrap(files)? {
        return Ok(found);
    }
    let mut without_handler = None;
    for (family, candidates) in [
        (Family::Python, owned(PYTHON_FILES)),
        (Family::Node, node_files(files)),
    ] {
        for file in candidates.into_iter().filter(|file| files.has(file)) {
            match handler_in(&files.text(&file), family) {
                Some(function) => return Ok(found(family, &file, &function)),
                None => without_handler = without_handler.or(Some(file)),
            }
        }
    }
    Err(nothing_found(files, without_handler))
}

fn bootstrap(files: &PackageFiles) -> Result<Option<Detected>, DetectError> {
    let entry = files.entries.iter().find(|entry| entry.name == "bootstrap");
    match entry.map(|entry| &entry.kind) {
        None => Ok(None),
        Some(EntryKind::File { executable: false }) => {
            Err(DetectError::BootstrapNotExecutable(files.root.clone()))
        }
        Some(_) => Ok(Some(Detected {
            family: Family::Provided,
            handler: "bootstrap".to_owned(),
        })),
    }
}

/// The file that `package.json` names comes before the usual ones.
fn node_files(files: &PackageFiles) -> Vec<String> {
    let package: Value = serde_json::from_str(&files.text("package.json")).unwrap_or_default();
    let main = package["main"]
        .as_str()
        .map(|main| main.trim_start_matches("./").to_owned());
    let with_extension = main
        .into_iter()
        .flat_map(|main| [main.clone(), format!("{main}.js"), format!("{main}.mjs")]);
    with_extension.chain(owned(NODE_FILES)).collect()
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn handler_in(source: &str, family: Family) -> Option<String> {
    let pattern = if family == Family::Python {
        &PYTHON_HANDLER
    } else {
        &NODE_HANDLER
    };
    let captures = pattern.captures(source)?;
    let name = captures.iter().skip(1).flatten().next()?;
    Some(name.as_str().to_owned())
}

fn found(family: Family, file: &str, function: &str) -> Detected {
    let module = file.rsplit_once('.').map_or(file, |(module, _)| module);
    Detected {
        family,
        handler: format!("{module}.{function}"),
    }
}

fn nothing_found(files: &PackageFiles, without_handler: Option<String>) -> DetectError {
    let directory = files.root.clone();
    if let Some(file) = without_handler {
        return DetectError::NoHandler { directory, file };
    }
    match SOURCES.iter().find(|(manifest, ..)| files.has(manifest)) {
        Some((_, language, build)) => DetectError::NotBuilt {
            directory,
            language,
            build,
        },
        None => DetectError::Unknown(directory),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn detected(entries: &[(&str, &str)]) -> Result<Detected, DetectError> {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in entries {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            let mode = if text.starts_with("#!") { 0o755 } else { 0o644 };
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        detect(&PackageFiles::of_directory(directory.path()).unwrap())
    }

    fn handler(entries: &[(&str, &str)]) -> String {
        detected(entries).unwrap().handler
    }

    #[test]
    fn python_entries_are_found_by_file_and_function() {
        assert_eq!(
            handler(&[("app.py", "import x\ndef handler(e, c): ...")]),
            "app.handler"
        );
        assert_eq!(
            handler(&[("lambda_function.py", "async def lambda_handler(e, c): ...")]),
            "lambda_function.lambda_handler"
        );
        assert_eq!(
            handler(&[("main.py", "handler = wrap(inner)")]),
            "main.handler"
        );
    }

    #[test]
    fn node_entries_are_found_in_every_form_of_export() {
        assert_eq!(
            handler(&[("index.mjs", "export const handler = async () => 1")]),
            "index.handler"
        );
        assert_eq!(
            handler(&[("index.js", "exports.handler = () => 1")]),
            "index.handler"
        );
        assert_eq!(
            handler(&[("app.js", "module.exports = { handler }")]),
            "app.handler"
        );
        assert_eq!(
            handler(&[(
                "index.mjs",
                "async function handler() {}\nexport { handler };"
            )]),
            "index.handler"
        );
    }

    #[test]
    fn the_main_file_of_package_json_comes_first() {
        let entries = [
            ("package.json", r#"{"main":"./lib/start.js"}"#),
            ("lib/start.js", "exports.handler = 1"),
            ("index.js", "exports.handler = 2"),
        ];

        assert_eq!(handler(&entries), "lib/start.handler");
    }

    #[test]
    fn a_bootstrap_wins_and_must_be_executable() {
        let python = ("app.py", "def handler(e, c): ...");

        let custom = detected(&[("bootstrap", "#!/bin/sh"), python]).unwrap();
        let error = detected(&[("bootstrap", "text"), python]).unwrap_err();

        assert_eq!(custom.family, Family::Provided);
        assert!(
            matches!(error, DetectError::BootstrapNotExecutable(_)),
            "{error}"
        );
    }

    #[test]
    fn a_method_is_no_handler() {
        let error = detected(&[("app.py", "class A:\n    def handler(self): ...")]).unwrap_err();

        assert!(matches!(error, DetectError::NoHandler { .. }), "{error}");
    }

    #[test]
    fn sources_that_are_not_built_come_with_the_command_that_builds_them() {
        let error = detected(&[("go.mod", ""), ("main.go", "")]).unwrap_err();

        assert!(error.remedy().contains("go build"), "{error}");
    }

    #[test]
    fn anything_else_is_unknown() {
        let error = detected(&[("notes.txt", "")]).unwrap_err();

        assert!(matches!(error, DetectError::Unknown(_)), "{error}");
    }
}
