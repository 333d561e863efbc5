//! Our bootstraps on disk, as the directories that sandboxes see as `/var/runtime`.
//!
//! The directory is named by its content and made complete under a temporary name first, so that several daemons, or
//! one that died half-way, cannot leave a wrong one.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use crate::catalogue::Family;
use crate::interpreter::Interpreter;

/// One file of a bootstrap.
struct File {
    path: &'static str,
    text: &'static str,
}

const FILES: [File; 4] = [
    File {
        path: "python/bootstrap.py",
        text: include_str!("../bootstrap/python/bootstrap.py"),
    },
    File {
        path: "python/_firelight_runtime.py",
        text: include_str!("../bootstrap/python/_firelight_runtime.py"),
    },
    File {
        path: "node/index.cjs",
        text: include_str!("../bootstrap/node/index.cjs"),
    },
    File {
        path: "node/_firelight_rehearsal.js",
        text: include_str!("../bootstrap/node/_firelight_rehearsal.js"),
    },
];

/// Compiles the Python bootstrap without a check of its source at each import.
const COMPILE: &str = "import py_compile, sys; py_compile.compile(sys.argv[1], doraise=True, \
                       invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)";

/// The bootstraps could not be written.
#[derive(Debug, thiserror::Error)]
#[error("could not write the bootstraps to {path}", path = path.display())]
pub struct LayoutError {
    pub path: PathBuf,
    #[source]
    pub source: io::Error,
}

/// The bootstraps on disk.
#[derive(Clone, Debug)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Writes the bootstraps under `directory` unless they are there.
    pub fn install(directory: &Path) -> Result<Self, LayoutError> {
        let root = directory.join(content_name());
        if !root.is_dir() {
            write_all(directory, &root).map_err(|source| LayoutError {
                path: root.clone(),
                source,
            })?;
        }
        Ok(Self { root })
    }

    /// What sandboxes of a family see as `/var/runtime`.
    pub fn directory(&self, family: Family) -> PathBuf {
        self.root.join(match family {
            Family::Python => "python",
            Family::Node => "node",
            _ => "empty",
        })
    }

    /// Compiles the bootstrap ahead for an interpreter, which saves each of its starts some milliseconds. Without it
    /// everything works the same, so a failure is no error. Returns whether it is compiled.
    pub fn compile_for(&self, interpreter: &Interpreter) -> bool {
        if interpreter.family != Family::Python {
            return true;
        }
        let source = self.root.join("python/_firelight_runtime.py");
        let compiled = Command::new(&interpreter.program)
            .args(["-I", "-c", COMPILE])
            .arg(source)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        compiled.is_ok_and(|status| status.success())
    }
}

fn content_name() -> String {
    let mut hash = Sha256::new();
    for file in &FILES {
        hash.update(file.path);
        hash.update([0]);
        hash.update(file.text);
        hash.update([0]);
    }
    let digest = hash.finalize();
    digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn write_all(directory: &Path, root: &Path) -> io::Result<()> {
    let unfinished = directory.join(format!("unfinished-{}", std::process::id()));
    make_readable_directory(&unfinished)?;
    for folder in ["python", "node", "empty"] {
        make_readable_directory(&unfinished.join(folder))?;
    }
    for file in &FILES {
        let path = unfinished.join(file.path);
        fs::write(&path, file.text)?;
        fs::set_permissions(&path, Permissions::from_mode(0o644))?;
    }
    match fs::rename(&unfinished, root) {
        // Another daemon was faster; both wrote the same.
        Err(_) if root.is_dir() => fs::remove_dir_all(&unfinished),
        renamed => renamed,
    }
}

/// Makes a directory that the unprivileged user of a sandbox can read, whatever the mask of this process.
fn make_readable_directory(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o755))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bootstraps_are_written_once_and_found_again() {
        let folder = tempfile::tempdir().unwrap();

        let first = Layout::install(folder.path()).unwrap();
        let second = Layout::install(folder.path()).unwrap();

        assert_eq!(first.root, second.root);
        assert!(
            first
                .directory(Family::Python)
                .join("bootstrap.py")
                .is_file()
        );
        assert!(first.directory(Family::Node).join("index.cjs").is_file());
        assert!(first.directory(Family::Provided).is_dir());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
