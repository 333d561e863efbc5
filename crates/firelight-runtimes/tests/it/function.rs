//! A function under test: its code in a temporary folder, its runtime a child process, its Runtime API a session.

use std::io;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use firelight_runtime_api::{
    Answer, Connecting, ErrorReport, Event, InitializationType, Limits, Session, SessionConfig,
    SessionEvent, SessionEvents,
};
use firelight_runtimes::{Family, Interpreter, Inventory, Layout, SearchPaths};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// No runtime here takes this long for anything unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

static INVENTORY: LazyLock<Inventory> = LazyLock::new(|| {
    let home = std::env::var_os("HOME").map(Into::into);
    Inventory::discover(&SearchPaths::usual(
        std::env::var_os("PATH").as_deref(),
        home,
    ))
});

/// One interpreter of each version that the family's runtimes ask for. Says so when there is none.
pub(crate) fn interpreters(family: Family) -> Vec<&'static Interpreter> {
    let runtimes = firelight_runtimes::catalogue::CATALOGUE.iter();
    let wanted = runtimes.filter(|runtime| runtime.family == family && runtime.has_bootstrap());
    let found: Vec<_> = wanted
        .filter_map(|runtime| INVENTORY.interpreter_for(runtime).ok().flatten())
        .collect();
    if found.is_empty() {
        println!("there is no {family:?} interpreter on this host: its bootstrap is not tested");
    }
    found
}

/// A function whose runtime was started.
pub(crate) struct Function {
    pub(crate) session: Session,
    pub(crate) events: SessionEvents,
    child: Child,
    invocations: u32,
    _folder: TempDir,
}

/// What a runtime said and how it ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) output: String,
}

/// What a function is made of.
pub(crate) struct Code<'a> {
    pub(crate) handler: &'a str,
    pub(crate) files: &'a [(&'a str, &'a str)],
    pub(crate) variables: &'a [(&'a str, &'a str)],
}

impl<'a> Code<'a> {
    pub(crate) fn new(handler: &'a str, files: &'a [(&'a str, &'a str)]) -> Self {
        Self {
            handler,
            files,
            variables: &[],
        }
    }
}

impl Function {
    /// Starts our bootstrap on an interpreter.
    pub(crate) fn start(interpreter: &Interpreter, code: &Code<'_>) -> Self {
        Self::start_command(code, |layout| bootstrap_command(interpreter, layout))
    }

    /// Starts any runtime.
    pub(crate) fn start_command(code: &Code<'_>, command: impl FnOnce(&Layout) -> Command) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let task = folder.path().join("task");
        write_files(&task, code.files);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (session, events) =
            Session::serve(listener, configuration(), Arc::new(no_telemetry)).unwrap();
        let layout = Layout::install(folder.path()).unwrap();
        let mut command = command(&layout);
        set_environment(&mut command, &task, &address, code);
        let child = command.spawn().unwrap();
        Self {
            session,
            events,
            child,
            invocations: 0,
            _folder: folder,
        }
    }

    pub(crate) fn event(&mut self, payload: impl Into<Bytes>) -> Event {
        self.invocations += 1;
        Event {
            request_id: format!("request-{}", self.invocations),
            deadline_ms: u64::MAX / 2,
            invoked_function_arn: "arn:aws:lambda:us-east-1:000000000000:function:f".to_owned(),
            payload: payload.into(),
            ..Event::default()
        }
    }

    pub(crate) async fn invoke(&mut self, payload: impl Into<Bytes>) -> Answer {
        let event = self.event(payload);
        self.invoke_with(event).await
    }

    pub(crate) async fn invoke_with(&mut self, event: Event) -> Answer {
        let mut invocation = self.session.offer(event).unwrap();
        tokio::select! {
            answer = invocation.answer() => answer.unwrap(),
            status = self.child.wait() => panic!("the runtime ended with {status:?}"),
            () = tokio::time::sleep(PATIENCE) => panic!("no answer: {}", self.kill().await.output),
        }
    }

    /// Invokes with JSON and gives back the result, which must be one.
    pub(crate) async fn result(&mut self, payload: &str) -> Value {
        match self.invoke(payload.to_owned()).await {
            Answer::Response { payload, .. } => serde_json::from_slice(&payload).unwrap(),
            other => panic!("no result but {other:?}: {}", self.kill().await.output),
        }
    }

    /// Invokes with JSON and gives back the error, which must be one, with its payload parsed.
    pub(crate) async fn error(&mut self, payload: &str) -> (ErrorReport, Value) {
        match self.invoke(payload.to_owned()).await {
            Answer::Error(report) => parsed(report),
            other => panic!("no error but {other:?}: {}", self.kill().await.output),
        }
    }

    /// Waits for the report of a failed init.
    pub(crate) async fn init_error(&mut self) -> (ErrorReport, Value) {
        match timeout(PATIENCE, self.events.next()).await {
            Ok(Some(SessionEvent::InitError(report))) => parsed(report),
            other => panic!("no init error but {other:?}: {}", self.kill().await.output),
        }
    }

    /// Invokes a function that does not survive it.
    pub(crate) async fn invoke_to_death(mut self, payload: &str) -> Ended {
        let event = self.event(payload.to_owned());
        let _invocation = self.session.offer(event).unwrap();
        self.ended().await
    }

    /// Waits until the runtime ends by itself.
    pub(crate) async fn ended(mut self) -> Ended {
        let mut output = self.child.stdout.take().unwrap();
        let mut text = Vec::new();
        timeout(PATIENCE, output.read_to_end(&mut text))
            .await
            .expect("the runtime ends")
            .unwrap();
        let status = self.child.wait().await.unwrap();
        Ended {
            code: status.code(),
            output: String::from_utf8(text).unwrap(),
        }
    }

    /// Kills the runtime and gives back what it wrote.
    pub(crate) async fn kill(&mut self) -> Ended {
        let _ = self.child.start_kill();
        let mut text = Vec::new();
        if let Some(mut output) = self.child.stdout.take() {
            output.read_to_end(&mut text).await.unwrap();
        }
        Ended {
            code: None,
            output: String::from_utf8_lossy(&text).into_owned(),
        }
    }
}

fn parsed(report: ErrorReport) -> (ErrorReport, Value) {
    let payload = serde_json::from_slice(&report.payload).unwrap();
    (report, payload)
}

fn no_telemetry(_port: u16) -> Connecting {
    Box::pin(async { Err(io::ErrorKind::Unsupported.into()) })
}

fn configuration() -> SessionConfig {
    SessionConfig {
        function_name: "f".to_owned(),
        function_version: "$LATEST".to_owned(),
        handler: String::new(),
        account_id: "000000000000".to_owned(),
        initialization_type: InitializationType::OnDemand,
        external_extensions: Vec::new(),
        max_concurrency: 1,
        limits: Limits::default(),
    }
}

fn write_files(task: &Path, files: &[(&str, &str)]) {
    std::fs::create_dir(task).unwrap();
    for (path, text) in files {
        let path = task.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

/// The command of the plan, with host paths in place of those inside a sandbox.
fn bootstrap_command(interpreter: &Interpreter, layout: &Layout) -> Command {
    let bootstrap = layout.directory(interpreter.family);
    let mut command = Command::new(&interpreter.program);
    match interpreter.family {
        Family::Python => command
            .args(["-S", "-s"])
            .arg(bootstrap.join("bootstrap.py")),
        _ => command.arg(bootstrap.join("index.cjs")),
    };
    command
}

fn set_environment(command: &mut Command, task: &Path, address: &str, code: &Code<'_>) {
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("LC_CTYPE", "C.UTF-8")
        .env("AWS_LAMBDA_RUNTIME_API", address)
        .env("AWS_LAMBDA_FUNCTION_NAME", "f")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        .env("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/f")
        .env("AWS_LAMBDA_LOG_STREAM_NAME", "2026/11/23/[$LATEST]0")
        .env("LAMBDA_TASK_ROOT", task)
        .env("_HANDLER", code.handler)
        .envs(code.variables.iter().copied())
        .current_dir(task)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
}
