//! Execution environments: one sandbox prepared to run one function version.
//!
//! ```text
//!  launch ──► init phase ──► idle ◄──► invoke phase ──► shutdown phase ──► gone
//!                 │ failed      ▲            │ timed out, crashed
//!                 ▼             │            ▼
//!               reset ──────────┴── (the next invocation repeats the init: suppressed init)
//! ```
//!
//! One task owns one environment, its sandbox and its sockets, from launch to the end; dropping the task destroys the
//! sandbox. The pool decides who it serves: the task asks it after each invocation and waits for an assignment
//! while idle.
//!
//! Deliberately absent: which environment serves an invocation, and concurrency limits.

mod conclusion;
mod init;
mod invocation;
mod launch;
mod output;
mod processes;
mod shared;
mod shutdown;
mod stream;
mod telemetry;
mod traffic;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use firelight_model::{FunctionVersion, WallTime};
use firelight_runtime_api::{Session, SessionEvent, SessionEvents, ShutdownReason};
use firelight_sandbox::{Exit, LaunchError, Sandbox, SandboxDriver};
use tokio::time::Instant;

use self::processes::{ProcessHappening, Processes, Role};
pub(crate) use self::shared::{Crash, Ended};
use self::traffic::Meter;
pub(crate) use self::traffic::Tell;
use crate::clock::Clock;
use crate::journal::Journal;
use crate::platform_event::{InitPhase, PlatformEvent};
use crate::prepare::{Blueprint, Program};
use crate::settings::Settings;
use crate::spans::{Beginnings, Phase as SpanPhase, PhaseSpan};

/// Whether the runtime is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No process runs: the next invocation begins with an init.
    NeedsInit,
    Ready,
}

/// Something that happened in an environment and has to be judged by the phase it is in.
#[derive(Debug)]
enum Happening {
    Session(SessionEvent),
    Exited(Role, Exit),
    /// The session ended: nothing can be expected from inside any more.
    SessionLost,
}

/// One environment, as its task holds it.
pub(crate) struct Environment<D: SandboxDriver> {
    version: Arc<FunctionVersion>,
    program: Program,
    sandbox: D::Sandbox,
    session: Session,
    events: SessionEvents,
    processes: Processes<<D::Sandbox as Sandbox>::Process>,
    journal: Journal,
    phase: Phase,
    frozen: bool,
    /// The init that the next invocation has to report, if it was the cold start's own.
    unreported_init: Option<Duration>,
    /// The most memory a failed init of this invocation used: the reset after it begins a new peak.
    failed_init_peak: u64,
    /// Set when processes ended while nobody needed them: what is left of them goes before the next init.
    dirty: bool,
    /// Whether code inside the runtime registered as an extension: it may want to end in good order.
    internal_extensions: bool,
    /// Whether an extension asked to be told of invocations: the invoke phase then lasts until it asks for more.
    extensions_take_part: bool,
    /// How long the init ahead of the first invocation took, if it succeeded.
    init_took: Option<Duration>,
    /// Set when the sandbox itself is gone: the environment cannot be kept.
    lost: bool,
    traffic: Meter,
    beginnings: Beginnings,
    clock: Clock,
    settings: Settings,
}

impl<D: SandboxDriver> Environment<D> {
    /// Makes the sandbox and its session. No process runs yet.
    pub(crate) async fn launch(
        driver: &D,
        blueprint: Blueprint,
        tell_traffic: Tell,
    ) -> Result<Self, LaunchError> {
        let Blueprint {
            version,
            mut program,
            journal,
            spec,
            started,
            clock,
            settings,
        } = blueprint;
        let began = Instant::now();
        let mut sandbox = launch::launch_sandbox(driver, spec, &program, started).await?;
        let (session, events) = launch::serve_session(&mut sandbox, &version, &mut program)?;
        let mut beginnings = Beginnings::default();
        beginnings.note(SpanPhase::Start, began);
        Ok(Self {
            version,
            program,
            sandbox,
            session,
            events,
            processes: Processes::new(),
            journal,
            phase: Phase::NeedsInit,
            frozen: false,
            unreported_init: None,
            failed_init_peak: 0,
            dirty: false,
            internal_extensions: false,
            extensions_take_part: false,
            init_took: None,
            lost: false,
            traffic: Meter::new(tell_traffic),
            beginnings,
            clock,
            settings,
        })
    }

    /// Runs the init phase ahead of the first invocation. A failed init is not the end: the invocation repeats it.
    pub(crate) async fn init_phase(&mut self) {
        let deadline = Instant::now() + self.settings.init_timeout;
        if let Ok(duration) = self.init(InitPhase::Init, deadline).await {
            self.unreported_init = Some(duration);
            self.init_took = Some(duration);
        }
        self.limit_cpu().await;
    }

    /// Brings the environment up ahead of any invocation; `false` if it cannot. Its init is reported with none.
    pub(crate) async fn provision(&mut self) -> bool {
        self.init_phase().await;
        self.beginnings.take();
        self.unreported_init.take().is_some()
    }

    /// What it did since the last invocation that was told of.
    pub(crate) fn take_beginnings(&mut self) -> Vec<PhaseSpan> {
        self.beginnings.take()
    }

    pub(crate) fn init_took(&self) -> Option<Duration> {
        self.init_took
    }

    /// Whether its runtime had been started before anybody asked for it.
    pub(crate) fn began_started(&self) -> bool {
        self.processes.began_started()
    }

    /// Takes the extra CPU of init away again.
    async fn limit_cpu(&mut self) {
        let share = self.settings.milli_cpus(self.version.memory.mb());
        if share != self.settings.init_milli_cpus
            && let Err(error) = self.sandbox.set_cpu(share).await
        {
            tracing::warn!(function = %self.version.arn, %error, "the CPU share could not be set");
        }
    }

    /// Whether the environment can serve another invocation at all.
    pub(crate) fn can_be_kept(&self) -> bool {
        !self.lost
    }

    /// Looks after the environment while nobody needs it. Returns only when it is lost. Cancel-safe.
    pub(crate) async fn idle(&mut self) {
        let mut freeze_at = Instant::now() + self.settings.freeze_after;
        while !self.lost {
            tokio::select! {
                happening = self.happening() => self.happened_while_idle(&happening),
                () = tokio::time::sleep_until(freeze_at), if self.may_freeze() => {
                    if self.session.is_idle() {
                        self.freeze().await;
                    }
                    freeze_at += self.settings.freeze_after;
                }
            }
        }
    }

    /// Kills the processes after a failure. The sandbox and its `/tmp` stay for the next init.
    pub(crate) async fn reset(&mut self, reason: ShutdownReason) {
        self.phase = Phase::NeedsInit;
        self.unreported_init = None;
        self.shut_down_processes(reason).await;
        self.session.reset().await;
        self.internal_extensions = false;
        self.extensions_take_part = false;
        self.dirty = false;
    }

    fn happened_while_idle(&mut self, happening: &Happening) {
        match happening {
            // The runtime came back for more work, or an extension did something that changes nothing.
            Happening::Session(_) => {}
            // Nobody is told now; the next invocation starts it again.
            Happening::Exited(..) => {
                self.phase = Phase::NeedsInit;
                self.dirty = true;
            }
            Happening::SessionLost => self.lost = true,
        }
    }

    /// Waits for the next thing to judge; what the processes print goes to the journal on the way. Cancel-safe.
    async fn happening(&mut self) -> Happening {
        loop {
            tokio::select! {
                biased;
                event = self.events.next() => {
                    return event.map_or(Happening::SessionLost, Happening::Session);
                }
                happening = self.processes.happening() => match happening {
                    ProcessHappening::Printed => self.collect_lines(),
                    ProcessHappening::Exited(_, Exit::SandboxLost) => return Happening::SessionLost,
                    ProcessHappening::Exited(role, exit) => return Happening::Exited(role, exit),
                }
            }
        }
    }

    /// Moves the complete lines in the pipes to the journal.
    fn collect_lines(&mut self) {
        let now = self.clock.now();
        let mut scribe = Scribe::of(&self.session, &mut self.journal, now);
        self.processes.drain(|role, line| scribe.line(role, line));
    }

    /// Moves everything in the pipes to the journal, unfinished lines too.
    fn collect_all(&mut self) {
        let now = self.clock.now();
        let mut scribe = Scribe::of(&self.session, &mut self.journal, now);
        self.processes
            .drain_all(|role, line| scribe.line(role, line));
    }

    fn platform(&mut self, event: &PlatformEvent) {
        let now = self.clock.now();
        self.journal.platform(event, now);
        telemetry::platform(&self.session, event, now);
    }

    /// The wall time of a moment not long ago.
    fn wall_time(&self, moment: Instant) -> WallTime {
        self.clock.now().before(moment.elapsed())
    }

    fn may_freeze(&self) -> bool {
        !self.frozen && self.phase == Phase::Ready
    }

    async fn freeze(&mut self) {
        // Set before, because this future may be dropped half-way; thawing what runs does no harm.
        self.frozen = true;
        self.session.pause_telemetry();
        if let Err(error) = self.sandbox.freeze().await {
            tracing::debug!(%error, "an idle environment could not be frozen and runs on");
        }
        self.tell_traffic().await;
    }

    async fn thaw(&mut self) {
        if !self.frozen {
            return;
        }
        if self.sandbox.thaw().await.is_err() {
            self.lost = true;
        }
        self.session.resume_telemetry();
        self.frozen = false;
    }
}

/// Writes what processes print into the log, and tells the telemetry subscribers.
struct Scribe<'a> {
    session: &'a Session,
    journal: &'a mut Journal,
    now: WallTime,
}

impl<'a> Scribe<'a> {
    fn of(session: &'a Session, journal: &'a mut Journal, now: WallTime) -> Self {
        Self {
            session,
            journal,
            now,
        }
    }

    fn line(&mut self, role: &Role, line: Bytes) {
        telemetry::line(self.session, role, &line, self.journal.form(), self.now);
        self.journal.function_line(line, self.now);
    }
}
