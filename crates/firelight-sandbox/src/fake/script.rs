//! The two kinds of program a fake sandbox runs.

use std::future::Future;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::Stdio;

use tokio::sync::mpsc;

use crate::{Exit, ProcessSpec, SandboxSpec};

type Run = dyn Fn(FakeProgram) -> Pin<Box<dyn Future<Output = Exit> + Send>> + Send + Sync;

pub(crate) enum Programs {
    Script(Box<Run>),
    Plain,
}

impl Programs {
    pub(crate) fn script<F, R>(script: F) -> Self
    where
        F: Fn(FakeProgram) -> R + Send + Sync + 'static,
        R: Future<Output = Exit> + Send + 'static,
    {
        Self::Script(Box::new(move |program| Box::pin(script(program))))
    }
}

/// What a script finds: what a program would find inside.
#[derive(Debug)]
pub struct FakeProgram {
    pub spec: ProcessSpec,
    /// Where the sandbox's listener really is.
    pub listener_address: SocketAddr,
    /// The write end of its pipe.
    pub output: io::PipeWriter,
    /// Signals sent to it. SIGKILL never arrives here: it ends the script.
    pub signals: mpsc::Receiver<i32>,
}

impl FakeProgram {
    /// The value of one of its variables.
    pub fn variable(&self, name: &str) -> Option<&str> {
        let found = self
            .spec
            .variables
            .iter()
            .find(|(found, _)| found == name)?;
        found.1.to_str()
    }

    /// Writes a line.
    pub fn print(&mut self, line: &str) {
        // A closed read end is the test's own business.
        let _ = writeln!(self.output, "{line}");
    }
}

/// The command of a plain process, its program found through the sandbox's mounts.
pub(crate) fn command(
    sandbox: &SandboxSpec,
    process: &ProcessSpec,
    output: io::PipeWriter,
) -> io::Result<tokio::process::Command> {
    let mut command = tokio::process::Command::new(on_host(sandbox, &process.program));
    if let Some((name, rest)) = process.arguments.split_first() {
        command.arg0(name).args(rest);
    }
    command
        .env_clear()
        .envs(process.variables.iter().map(|(name, value)| (name, value)))
        .current_dir(on_host(sandbox, &process.directory))
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .kill_on_drop(true);
    Ok(command)
}

/// Translates a path inside to the host's: the last mount that covers it decides.
fn on_host(sandbox: &SandboxSpec, path: &Path) -> PathBuf {
    let layers = sandbox.overlays.iter().flat_map(|overlay| {
        overlay
            .sources
            .iter()
            .map(|source| (source.as_path(), overlay.target.as_path()))
    });
    let mounts = sandbox
        .mounts
        .iter()
        .map(|mount| (mount.source.as_path(), mount.target.as_path()));
    let mut found = path.to_owned();
    for (source, target) in mounts.chain(layers) {
        let Ok(rest) = path.strip_prefix(target) else {
            continue;
        };
        let here = if rest.as_os_str().is_empty() {
            source.to_owned()
        } else {
            source.join(rest)
        };
        if here.exists() {
            found = here;
        }
    }
    found
}
