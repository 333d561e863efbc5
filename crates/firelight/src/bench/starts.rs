//! Bare starts: a runtime without a sandbox, from its spawn to its first request for an event.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use firelight_runtimes::{Family, Interpreter, Inventory, Layout, Runtime, SearchPaths, catalogue};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use super::instance::TemporaryDirectory;

/// A start that takes longer hangs.
const LONGEST_START: Duration = Duration::from_secs(30);

/// What bare starts stand on.
pub struct BareStarts {
    listener: TcpListener,
    binary: PathBuf,
    layout: Layout,
    inventory: Inventory,
    task: PathBuf,
    directory: TemporaryDirectory,
}

/// An interpreter of this host and the runtime that means it.
pub struct Language {
    pub runtime: &'static Runtime,
    pub interpreter: Interpreter,
}

impl Language {
    /// The newest interpreter of a family that some runtime identifier asks for.
    pub fn of_this_host(starts: &BareStarts, family: Family) -> Option<Self> {
        let today = crate::daemon::today();
        let runtimes = catalogue::CATALOGUE
            .iter()
            .filter(|runtime| runtime.family == family);
        let mut fitting: Vec<_> = runtimes
            .filter(|runtime| runtime.allows_create(today))
            .filter_map(|runtime| {
                let interpreter = starts.inventory.interpreter_for(runtime).ok()??;
                Some((runtime, interpreter.clone()))
            })
            .collect();
        fitting.sort_by_key(|(_, interpreter)| interpreter.version);
        let (runtime, interpreter) = fitting.pop()?;
        Some(Self {
            runtime,
            interpreter,
        })
    }
}

impl BareStarts {
    /// Writes the bootstraps and the function's files.
    pub async fn prepare(files: &[(&str, &[u8])]) -> anyhow::Result<Self> {
        let directory = TemporaryDirectory::new("starts")?;
        let task = directory.as_ref().join("task");
        std::fs::create_dir_all(&task)?;
        for (name, content) in files {
            std::fs::write(task.join(name), content)?;
        }
        let layout = Layout::install(&directory.as_ref().join("runtimes"))?;
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let path = std::env::var_os("PATH");
        let inventory = Inventory::discover(&SearchPaths::usual(path.as_deref(), home));
        for interpreter in inventory.found() {
            layout.compile_for(interpreter);
        }
        Ok(Self {
            listener: TcpListener::bind("127.0.0.1:0").await?,
            binary: std::env::current_exe()?,
            layout,
            inventory,
            task,
            directory,
        })
    }

    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    pub fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    /// The directory that everything written for the starts lies in.
    pub fn directory(&self) -> &Path {
        self.directory.as_ref()
    }

    /// The directory of the function's files.
    pub fn task(&self) -> &Path {
        &self.task
    }

    /// Starts the echo runtime.
    pub async fn echo(&self) -> anyhow::Result<Duration> {
        let api = self.listener.local_addr()?.to_string();
        self.time(super::echo_runtime_command(&self.binary, &api))
            .await
    }

    /// Starts an interpreter with our bootstrap.
    pub async fn start(&self, language: &Language) -> anyhow::Result<Duration> {
        let api = self.listener.local_addr()?.to_string();
        self.time(self.command(language, &api)).await
    }

    fn command(&self, language: &Language, api: &str) -> Command {
        let interpreter = &language.interpreter;
        let runtime = self.layout.directory(interpreter.family);
        let mut command = Command::new(&interpreter.program);
        match interpreter.family {
            Family::Python => command.args(["-S", "-s"]).arg(runtime.join("bootstrap.py")),
            _ => command.arg(runtime.join("index.cjs")),
        };
        let identifier = language.runtime.identifier;
        command
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", api)
            .env("LAMBDA_TASK_ROOT", &self.task)
            .env("LAMBDA_RUNTIME_DIR", &runtime)
            .env("PYTHONPATH", &runtime)
            .env("_HANDLER", "index.handler")
            .env("AWS_EXECUTION_ENV", format!("AWS_Lambda_{identifier}"))
            .current_dir(&self.task);
        command
    }

    /// Times from the spawn to the first byte of the first request. A program that ends before, or hangs, is an error.
    async fn time(&self, mut command: Command) -> anyhow::Result<Duration> {
        let program = command.get_program().display().to_string();
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut command = tokio::process::Command::from(command);
        command.kill_on_drop(true);
        let began = Instant::now();
        let mut child = command
            .spawn()
            .with_context(|| format!("could not start {program}"))?;
        let (_connection, elapsed) = tokio::select! {
            biased;
            requested = first_request(&self.listener) => {
                let elapsed = began.elapsed();
                (requested.with_context(|| format!("{program} made no request"))?, elapsed)
            }
            ended = child.wait() => bail!("{program} ended before its first request: {}", ended?),
            () = tokio::time::sleep(LONGEST_START) => {
                bail!("{program} made no request within {} s", LONGEST_START.as_secs())
            }
        };
        // It may have ended by itself since.
        let _ = child.kill().await;
        Ok(elapsed)
    }
}

/// Waits for the first bytes that a runtime sends. Once the connection is dropped, the runtime may make another.
pub async fn first_request(listener: &TcpListener) -> anyhow::Result<TcpStream> {
    let (mut stream, _) = listener.accept().await?;
    let read = stream.read(&mut [0; 1024]).await?;
    anyhow::ensure!(read > 0, "the connection ended before a request");
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn program_that_ends_without_a_request_is_an_error_that_names_it() {
        let starts = BareStarts::prepare(&[]).await.unwrap();

        let error = starts.time(Command::new("false")).await.unwrap_err();

        assert_eq!(
            error.to_string(),
            "false ended before its first request: exit status: 1"
        );
    }
}
