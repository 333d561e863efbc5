//! The init phase: extensions, then the runtime, until all of them ask for work.
//!
//! ```text
//!  start extensions ─► each registers ─► start runtime ─► runtime and extensions ask for next ─► ready
//!                          any exit, reported error or the deadline ─► reset, INIT_REPORT
//! ```
//!
//! It runs ahead of the first invocation with a limit of 10 s, and again inside an invocation when that failed or the
//! environment was reset (suppressed init); there the function's own timeout counts (lambda-facts §6.4).

use std::io;
use std::time::Duration;

use firelight_model::Architecture;
use firelight_runtime_api::{
    ErrorReport, ExtensionEvent, ExtensionKind, SessionEvent, ShutdownReason,
};
use firelight_sandbox::{Exit, SandboxDriver, SpawnError};
use tokio::time::{Instant, timeout, timeout_at};

use super::processes::{Role, StartError};
use super::{Environment, Happening, Phase};
use crate::error_payload::PlatformError;
use crate::platform_event::{InitPhase, PlatformEvent, Status};
use crate::spans::Phase as SpanPhase;

/// How long a report may lag behind the exit of the process that sent it: the kernel tells of both at once, on
/// different descriptors.
const REPORT_GRACE: Duration = Duration::from_millis(50);

/// The kernel knows no way to run a program; the standard library has no kind for it.
const ENOEXEC: i32 = 8;

/// What is tried where a custom runtime brought no bootstrap.
const LAST_BOOTSTRAP: &str = "/var/runtime/bootstrap";

/// Why an init did not end with everyone ready.
#[derive(Clone, Debug)]
pub(super) enum InitFailure {
    TimedOut,
    /// The runtime said what was wrong.
    Reported(ErrorReport),
    Exited(Role, Exit),
    /// The program cannot be executed.
    NotExecutable {
        role: Role,
        cause: String,
    },
    /// An extension said what was wrong.
    Extension {
        error_type: String,
    },
    SandboxLost,
}

impl InitFailure {
    pub(super) fn status(&self) -> Status {
        match self {
            Self::TimedOut => Status::Timeout,
            Self::Reported(report) => Status::Error(Some(report.error_type.to_string())),
            failure => Status::Error(Some(failure.platform_error("").error_type)),
        }
    }

    /// The error for the caller of the invocation that needed this init.
    pub(super) fn platform_error(&self, request_id: &str) -> PlatformError {
        match self {
            Self::Exited(Role::Runtime, exit) => PlatformError::runtime_exited(request_id, *exit),
            Self::Exited(Role::Extension(_), exit) => {
                PlatformError::extension("Extension.Crash", request_id, &extension_exit(*exit))
            }
            Self::NotExecutable {
                role: Role::Runtime,
                cause,
            } => PlatformError::invalid_entrypoint(request_id, cause),
            Self::NotExecutable {
                role: Role::Extension(_),
                cause,
            } => PlatformError::extension("Extension.LaunchError", request_id, cause),
            Self::Extension { error_type } => {
                PlatformError::extension(error_type, request_id, "exit code 0")
            }
            Self::SandboxLost => PlatformError::sandbox_failed(request_id, "sandbox lost"),
            // Both are answered with other payloads; see `invocation`.
            Self::TimedOut | Self::Reported(_) => {
                PlatformError::sandbox_failed(request_id, "init failed")
            }
        }
    }
}

/// Says why a program cannot be executed, in the words of AWS's supervisor.
fn not_executable(program: &str, error: &io::Error) -> String {
    if program == LAST_BOOTSTRAP && error.kind() == io::ErrorKind::NotFound {
        return "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]".into();
    }
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    format!("fork/exec {program}: {}", text.to_lowercase())
}

fn extension_exit(exit: Exit) -> String {
    match exit {
        Exit::Code(0) => "exit code 0".into(),
        Exit::Code(code) => format!("exit status {code}"),
        Exit::Signal(_) | Exit::OutOfMemory | Exit::SandboxLost => "signal: killed".into(),
    }
}

impl<D: SandboxDriver> Environment<D> {
    /// Brings the processes up. On failure the environment is reset and the reason is in the log.
    pub(super) async fn init(
        &mut self,
        phase: InitPhase,
        deadline: Instant,
    ) -> Result<Duration, InitFailure> {
        if self.dirty {
            self.reset(ShutdownReason::Failure).await;
        }
        let began = Instant::now();
        self.announce_init(phase);
        let result = timeout_at(deadline, self.bring_up())
            .await
            .unwrap_or(Err(InitFailure::TimedOut));
        let duration = began.elapsed();
        self.beginnings.note(SpanPhase::Init, began);
        self.collect_all();
        self.report_init(phase, &result, duration);
        match result {
            Ok(()) => {
                self.session.end_init_telemetry();
                self.phase = Phase::Ready;
                Ok(duration)
            }
            Err(failure) => {
                let reason = match failure {
                    InitFailure::TimedOut => ShutdownReason::Timeout,
                    _ => ShutdownReason::Failure,
                };
                self.lost |= matches!(failure, InitFailure::SandboxLost);
                if phase == InitPhase::Invoke {
                    self.failed_init_peak = self.memory_peak().await;
                }
                self.reset(reason).await;
                Err(failure)
            }
        }
    }

    async fn bring_up(&mut self) -> Result<(), InitFailure> {
        let extensions = self.program.extensions.clone();
        let mut unregistered = extensions.len();
        for (name, spec) in extensions {
            self.start(Role::Extension(name), spec).await?;
        }
        while unregistered > 0 {
            let event = self.next_init_event().await?;
            if let SessionEvent::ExtensionRegistered {
                kind: ExtensionKind::External,
                ..
            } = event
            {
                unregistered -= 1;
            }
        }
        self.start(Role::Runtime, self.program.runtime.clone())
            .await?;
        while !matches!(self.next_init_event().await?, SessionEvent::Idle) {}
        Ok(())
    }

    async fn start(
        &mut self,
        role: Role,
        spec: firelight_sandbox::ProcessSpec,
    ) -> Result<(), InitFailure> {
        let started = self
            .processes
            .start(&self.sandbox, role.clone(), spec)
            .await;
        started.map_err(|error| match error {
            StartError::Spawn(SpawnError::Exec { program, source }) => {
                self.note_other_machine(&program, &source);
                InitFailure::NotExecutable { role, cause: not_executable(&program, &source) }
            }
            error => {
                tracing::error!(function = %self.version.arn, error = &error as &dyn std::error::Error, "could not start a process");
                InitFailure::SandboxLost
            }
        })
    }

    /// Tells the operator when a program did not start because it is for the other machine.
    fn note_other_machine(&self, program: &str, error: &io::Error) {
        let architecture = self.version.architecture;
        if error.raw_os_error() == Some(ENOEXEC) && architecture != Architecture::HERE {
            tracing::warn!(
                function = %self.version.arn,
                "{program} did not start: the function is for {}, and this host runs programs for {}",
                architecture.as_str(),
                Architecture::HERE.as_str(),
            );
        }
    }

    /// Waits for the next event that init waits for; everything that ends it is an error.
    async fn next_init_event(&mut self) -> Result<SessionEvent, InitFailure> {
        match self.happening().await {
            Happening::Session(SessionEvent::InitError(report)) => {
                Err(InitFailure::Reported(report))
            }
            Happening::Session(
                SessionEvent::ExtensionInitError { error_type, .. }
                | SessionEvent::ExtensionExitError { error_type, .. },
            ) => Err(InitFailure::Extension {
                error_type: error_type.to_string(),
            }),
            Happening::Session(event) => {
                self.note_extension(&event);
                Ok(event)
            }
            Happening::Exited(role, exit) => Err(self.explain_exit(role, exit).await),
            Happening::SessionLost => Err(InitFailure::SandboxLost),
        }
    }

    /// A runtime that reports its error exits right after: the report says more than the exit.
    async fn explain_exit(&mut self, role: Role, exit: Exit) -> InitFailure {
        let reported = async {
            while let Some(event) = self.events.next().await {
                if let SessionEvent::InitError(report) = event {
                    return Some(report);
                }
            }
            None
        };
        match timeout(REPORT_GRACE, reported).await {
            Ok(Some(report)) if role == Role::Runtime => InitFailure::Reported(report),
            _ => InitFailure::Exited(role, exit),
        }
    }

    /// Writes what an extension's registration leaves in the log.
    pub(super) fn note_extension(&mut self, event: &SessionEvent) {
        let platform_event = match event {
            SessionEvent::ExtensionRegistered { name, kind, events } => {
                self.internal_extensions |= *kind == ExtensionKind::Internal;
                self.extensions_take_part |= events.contains(&ExtensionEvent::Invoke);
                PlatformEvent::Extension {
                    name: name.clone(),
                    state: "Registered".into(),
                    events: events
                        .iter()
                        .map(|event| event.as_str().to_owned())
                        .collect(),
                    error_type: None,
                }
            }
            SessionEvent::TelemetrySubscribed {
                name,
                api,
                categories,
            } => PlatformEvent::TelemetrySubscription {
                api: *api,
                name: name.clone(),
                types: categories
                    .iter()
                    .map(|category| category.as_str().to_owned())
                    .collect(),
            },
            _ => return,
        };
        self.platform(&platform_event);
    }

    fn announce_init(&mut self, phase: InitPhase) {
        let event = PlatformEvent::InitStart {
            phase,
            initialization_type: self.program.initialization_type,
            runtime_version: self.program.runtime_version.clone(),
            function_name: self.version.arn.name.to_string(),
            function_version: self.version.version.to_string(),
            instance_id: self.journal.stream_name().to_owned(),
            instance_max_memory: u64::from(self.version.memory.mb()) * 1024 * 1024,
        };
        self.platform(&event);
    }

    fn report_init(
        &mut self,
        phase: InitPhase,
        result: &Result<(), InitFailure>,
        duration: Duration,
    ) {
        let initialization_type = self.program.initialization_type;
        let status = result
            .as_ref()
            .err()
            .map_or(Status::Success, InitFailure::status);
        self.platform(&PlatformEvent::InitRuntimeDone {
            phase,
            initialization_type,
            status: status.clone(),
        });
        self.platform(&PlatformEvent::InitReport {
            phase,
            initialization_type,
            status,
            duration,
        });
    }
}
