//! Where the files of the repository are, and how generated ones are written or compared.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Whether generated files are written, or only compared with what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Write,
    Check,
}

/// One generated file, with its path below the root of the repository.
#[derive(Debug)]
pub(crate) struct GeneratedFile {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// Returns the root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Returns the path of one of xtask's data files.
pub(crate) fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("data")
        .join(name)
}

/// Writes the files, or fails with the names of those that differ.
pub(crate) fn settle(files: &[GeneratedFile], mode: Mode) -> Result<()> {
    let mut stale = Vec::new();
    for file in files {
        let path = root().join(&file.path);
        if std::fs::read_to_string(&path).is_ok_and(|current| current == file.text) {
            continue;
        }
        match mode {
            Mode::Write => write(&path, &file.text)?,
            Mode::Check => stale.push(file.path.display().to_string()),
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    bail!(
        "not as generated, run the xtask command again without --check: {}",
        stale.join(", ")
    )
}

/// Returns the files of a directory that are not among the generated ones.
pub(crate) fn strays(directory: &str, files: &[GeneratedFile]) -> Result<Vec<PathBuf>> {
    let mut strays = Vec::new();
    for entry in std::fs::read_dir(root().join(directory))? {
        let path = Path::new(directory).join(entry?.file_name());
        let is_generated = files.iter().any(|file| file.path.starts_with(&path));
        if !is_generated {
            strays.push(path);
        }
    }
    Ok(strays)
}

fn write(path: &Path, text: &str) -> Result<()> {
    let directory = path
        .parent()
        .context("a generated file stands in a directory")?;
    std::fs::create_dir_all(directory)?;
    std::fs::write(path, text).with_context(|| format!("could not write {}", path.display()))
}

/// Formats Rust source with the rustfmt of the toolchain.
pub(crate) fn rustfmt(source: &str) -> Result<String> {
    let mut child = Command::new("rustfmt")
        .args(["--edition", "2024"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("could not start rustfmt (rustup component add rustfmt)")?;
    let mut stdin = child
        .stdin
        .take()
        .context("rustfmt has no standard input")?;
    let source = source.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(source.as_bytes()));
    let output = child.wait_with_output()?;
    writer
        .join()
        .map_err(|_| anyhow::anyhow!("the writer to rustfmt panicked"))??;
    if !output.status.success() {
        bail!("rustfmt rejected the generated source");
    }
    Ok(String::from_utf8(output.stdout)?)
}
