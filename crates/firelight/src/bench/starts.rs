//! Bare starts: a runtime without a sandbox, from its spawn to its first request for an event.

use std::io::{self, Read};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use firelight_runtimes::{Family, Interpreter, Inventory, Layout, SearchPaths, catalogue};
use tokio::time::Instant;

use super::instance::TemporaryDirectory;

/// What bare starts stand on.
pub struct BareStarts {
    listener: TcpListener,
    binary: PathBuf,
    layout: Layout,
    inventory: Inventory,
    task: PathBuf,
    _directory: TemporaryDirectory,
}

/// An interpreter of this host and the runtime identifier that means it.
pub struct Language {
    pub runtime: &'static str,
    interpreter: Interpreter,
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
                Some((runtime.identifier, interpreter.clone()))
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
    pub fn prepare(files: &[(&str, &[u8])]) -> anyhow::Result<Self> {
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
            listener: TcpListener::bind("127.0.0.1:0")?,
            binary: std::env::current_exe()?,
            layout,
            inventory,
            task,
            _directory: directory,
        })
    }

    /// Starts the echo runtime.
    pub fn echo(&self) -> io::Result<Duration> {
        let api = self.listener.local_addr()?.to_string();
        self.time(|| super::spawn_echo_runtime(&self.binary, &api))
    }

    /// Starts an interpreter with our bootstrap.
    pub fn start(&self, language: &Language) -> io::Result<Duration> {
        let interpreter = &language.interpreter;
        let runtime = self.layout.directory(interpreter.family);
        let mut command = Command::new(&interpreter.program);
        match interpreter.family {
            Family::Python => command.args(["-S", "-s"]).arg(runtime.join("bootstrap.py")),
            _ => command.arg(runtime.join("index.cjs")),
        };
        command
            .env_clear()
            .env(
                "AWS_LAMBDA_RUNTIME_API",
                self.listener.local_addr()?.to_string(),
            )
            .env("LAMBDA_TASK_ROOT", &self.task)
            .env("LAMBDA_RUNTIME_DIR", &runtime)
            .env("PYTHONPATH", &runtime)
            .env("_HANDLER", "index.handler")
            .env(
                "AWS_EXECUTION_ENV",
                format!("AWS_Lambda_{}", language.runtime),
            )
            .current_dir(&self.task)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.time(|| command.spawn())
    }

    /// Times from the spawn to the first byte of the first request.
    fn time(&self, spawn: impl FnOnce() -> io::Result<Child>) -> io::Result<Duration> {
        let began = Instant::now();
        let mut child = spawn()?;
        let (mut stream, _) = self.listener.accept()?;
        let read = stream.read(&mut [0; 1024])?;
        let elapsed = began.elapsed();
        child.kill()?;
        child.wait()?;
        if read == 0 {
            Err(io::ErrorKind::UnexpectedEof.into())
        } else {
            Ok(elapsed)
        }
    }
}
