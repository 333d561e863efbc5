//! Other ways to put a program into a sandbox, timed with the same program: `bwrap` and `runc`, where installed.
//!
//! Each gets as little to do as it lets itself be given: the program's directory read-only, `/proc`, `/dev`, `/tmp`.

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::instance::TemporaryDirectory;

/// Times from the spawn to the first byte on standard output, then waits for the end.
pub fn first_byte(command: &mut Command) -> anyhow::Result<Duration> {
    let program = command.get_program().display().to_string();
    let began = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("could not start {program}"))?;
    let mut stdout = child.stdout.take().context("the pipe was asked for")?;
    let read = stdout.read(&mut [0; 1]);
    let elapsed = began.elapsed();
    let status = child.wait()?;
    ensure!(
        read? == 1 && status.success(),
        "{program} wrote nothing: {status}"
    );
    Ok(elapsed)
}

/// Finds a program as a shell would.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
}

/// The command that runs a program of `task` in all namespaces that bubblewrap knows.
pub fn bwrap(bwrap: &Path, task: &Path, program: &str) -> Command {
    let mut command = Command::new(bwrap);
    command
        .args(["--unshare-all", "--die-with-parent", "--ro-bind"])
        .arg(task)
        .args([
            "/var/task",
            "--proc",
            "/proc",
            "--dev",
            "/dev",
            "--tmpfs",
            "/tmp",
        ])
        .arg(Path::new("/var/task").join(program));
    command
}

/// A bundle of runc's, from which containers are run one after the other.
pub struct RuncBundle {
    runc: PathBuf,
    directory: TemporaryDirectory,
}

impl RuncBundle {
    /// Takes runc's own default specification and puts the program in.
    pub fn prepare(runc: PathBuf, task: &Path, program: &str) -> anyhow::Result<Self> {
        let directory = TemporaryDirectory::new("runc")?;
        let bundle = directory.as_ref();
        let root = bundle.join("rootfs");
        std::fs::create_dir_all(&root)?;
        std::fs::copy(task.join(program), root.join(program))?;
        let status = Command::new(&runc)
            .arg("spec")
            .current_dir(bundle)
            .status()?;
        ensure!(status.success(), "runc spec: {status}");
        let path = bundle.join("config.json");
        let mut config: Value = serde_json::from_slice(&std::fs::read(&path)?)?;
        config["process"]["terminal"] = json!(false);
        config["process"]["args"] = json!([format!("/{program}")]);
        std::fs::write(path, config.to_string())?;
        Ok(Self { runc, directory })
    }

    /// The command that runs the program in a container of its own.
    pub fn command(&self) -> Command {
        let name = OsString::from(format!("bench-{:032x}", rand::random::<u128>()));
        let mut command = Command::new(&self.runc);
        command
            .arg("--root")
            .arg(self.directory.as_ref().join("state"))
            .args(["run", "--bundle"])
            .arg(self.directory.as_ref())
            .arg(name);
        command
    }
}
