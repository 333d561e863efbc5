//! Invocations that run beside each other in one environment.
//!
//! ```text
//!  begin ─► START ─► event to the runtime ─► Running ─┬─ answer ──────► Ended ─► conclude: END, REPORT
//!                                                     ├─ deadline ────► Ended: the others go on
//!                                                     └─ crash ───────► Ended, as all the others are
//! ```
//!
//! A [`Running`] borrows nothing of its environment, so any number of them can be awaited together while the
//! environment's task looks after the processes and tells all of them of a crash.
//!
//! Deliberately absent: how many there are, and when the processes are reset; see `shared_keeper`. The tail of the log:
//! its lines belong to all that run.

use std::time::Duration;

use firelight_runtime_api::{Invocation, ShutdownReason, StreamEnd, StreamPart, StreamedBody};
use firelight_sandbox::SandboxDriver;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use super::conclusion::sampled_trace;
use super::init::InitFailure;
use super::invocation::{ANSWER_GRACE, Ending, Judged, judge, respond};
use super::stream::{Sink, TooLarge, stream_ending};
use super::{Environment, Phase};
use crate::bandwidth::StreamLimits;
use crate::call::Call;
use crate::error_payload::PlatformError;
use crate::metering::InvocationMeter;
use crate::platform_event::{InitPhase, PlatformEvent};
use crate::responder::Responder;

/// What took the processes away under all invocations.
#[derive(Clone, Debug)]
pub(crate) struct Crash(InitFailure);

/// Tells the invocations of one environment of a crash.
pub(crate) type CrashSignal = watch::Receiver<Option<Crash>>;

/// An invocation and its caller, from its begin to its report.
struct Started {
    call: Box<Call>,
    responder: Responder,
    request_id: String,
    began: Instant,
}

/// An invocation that the runtime has.
pub(crate) struct Running {
    started: Started,
    invocation: Invocation,
    deadline: Instant,
    stream_limits: StreamLimits,
}

/// An invocation of which it is known how it ended.
pub(crate) struct Ended {
    started: Started,
    how: How,
}

enum How {
    Ended(Ending),
    CutOff,
}

/// What is left of an invocation to be done.
pub(crate) struct Unreported {
    started: Started,
    ending: Ending,
    duration: Duration,
    /// Set where the processes cannot go on with it.
    pub(crate) reset: Option<ShutdownReason>,
}

impl Running {
    /// Waits for its end.
    pub(crate) async fn end(self, crash: CrashSignal) -> Ended {
        let Self {
            mut started,
            mut invocation,
            deadline,
            stream_limits,
        } = self;
        let answered = answered(&mut started, &mut invocation, crash, stream_limits);
        let how = match timeout_at(deadline, answered).await {
            Ok(ending) => How::Ended(Ending {
                answered: invocation.answer_time(),
                ..ending
            }),
            Err(_) => How::CutOff,
        };
        Ended { started, how }
    }
}

async fn answered(
    started: &mut Started,
    invocation: &mut Invocation,
    mut crash: CrashSignal,
    stream_limits: StreamLimits,
) -> Ending {
    let request_id = started.request_id.clone();
    let answer = tokio::select! {
        biased;
        answer = invocation.answer() => answer.ok(),
        () = crashed(&mut crash) => {
            // A process may answer and exit at once; the kernel tells of both on different descriptors.
            timeout(ANSWER_GRACE, invocation.answer()).await.ok().and_then(Result::ok)
        }
    };
    match answer.map(|answer| judge(answer, &request_id)) {
        Some(Judged::Ended(ending)) => ending,
        Some(Judged::Streams { content_type, body }) => {
            let sink = Sink::new(&mut started.responder, content_type, stream_limits);
            pass_on(body, sink, &mut crash, &request_id).await
        }
        None => Ending::crashed(&error_of(&crash, &request_id)),
    }
}

/// Returns once the processes are gone.
async fn crashed(crash: &mut CrashSignal) {
    if crash.wait_for(Option::is_some).await.is_err() {
        // Who tells of crashes outlives everybody who waits for one.
        std::future::pending::<()>().await;
    }
}

fn error_of(crash: &CrashSignal, request_id: &str) -> PlatformError {
    match &*crash.borrow() {
        Some(Crash(failure)) => failure.platform_error(request_id),
        None => PlatformError::sandbox_failed(request_id, "session lost"),
    }
}

/// Hands a streamed response on to its end. A crash breaks its connection, after what was sent before.
async fn pass_on(
    mut body: StreamedBody,
    mut sink: Sink,
    crash: &mut CrashSignal,
    request_id: &str,
) -> Ending {
    let mut produced_bytes = 0;
    let ending = loop {
        match body.next().await {
            Some(StreamPart::Data(data)) => {
                produced_bytes += data.len() as u64;
                if let Err(TooLarge) = sink.take(data).await {
                    break Ending::refused_response(&PlatformError::response_too_large());
                }
            }
            part => {
                let end = match part {
                    Some(StreamPart::End(end)) => end,
                    _ => StreamEnd::Truncated,
                };
                if end == StreamEnd::Truncated {
                    // A process whose connection broke may be seen to have ended only now.
                    let _ = timeout(ANSWER_GRACE, crashed(crash)).await;
                }
                let died = crash
                    .borrow()
                    .is_some()
                    .then(|| error_of(crash, request_id));
                break stream_ending(end, sink, died.as_ref(), request_id);
            }
        }
    };
    Ending {
        produced_bytes,
        ..ending
    }
}

impl<D: SandboxDriver> Environment<D> {
    /// Gives one more invocation to the runtime. It has ended already where the processes cannot be brought up.
    pub(crate) async fn begin(
        &mut self,
        call: Box<Call>,
        responder: Responder,
    ) -> Result<Running, Ended> {
        let began = Instant::now();
        let request_id = call.request_id.to_string();
        self.thaw().await;
        self.platform(&PlatformEvent::Start {
            request_id: request_id.clone(),
            version: self.version.version.to_string(),
            beside_others: true,
            trace: sampled_trace(&call),
        });
        let limit = self.version.timeout.duration();
        let deadline = began + limit;
        let started = Started {
            call,
            responder,
            request_id,
            began,
        };
        // Nobody else runs here then.
        if self.phase == Phase::NeedsInit
            && let Err(failure) = self.init(InitPhase::Invoke, deadline).await
        {
            let ending = self.init_failed(&failure, &started.request_id, limit);
            let how = How::Ended(ending);
            return Err(Ended { started, how });
        }
        let remaining = deadline.saturating_duration_since(Instant::now());
        let event = self.event(&started.call, &started.request_id, remaining);
        match self.session.offer(event) {
            Ok(invocation) => Ok(Running {
                started,
                invocation,
                deadline,
                stream_limits: self.settings.stream_limits,
            }),
            Err(error) => {
                let request_id = &started.request_id;
                tracing::error!(%request_id, %error, "environment was assigned while it was full");
                let error = PlatformError::sandbox_failed(request_id, "busy");
                let how = How::Ended(Ending::crashed(&error));
                Err(Ended { started, how })
            }
        }
    }

    /// Looks after the processes while invocations run. Returns when no invocation can go on. Cancel-safe.
    pub(crate) async fn crash(&mut self) -> Crash {
        loop {
            let happening = self.happening().await;
            if let Some(failure) = self.crash_of(happening) {
                return Crash(failure);
            }
        }
    }

    /// Takes note of an end. A late answer of one that was cut off is refused from now on.
    pub(crate) fn ended(&mut self, ended: Ended) -> Unreported {
        let Ended { started, how } = ended;
        let elapsed = started.began.elapsed();
        let mut ending = match how {
            How::Ended(ending) => ending,
            How::CutOff => {
                let limit = self.version.timeout.duration();
                self.timed_out(&started.request_id, limit)
            }
        };
        Unreported {
            reset: ending.reset.take(),
            duration: self.reported(&ending, elapsed),
            started,
            ending,
        }
    }

    /// Answers the caller, writes END and REPORT and measures what was used.
    pub(crate) async fn report(&mut self, unreported: Unreported) -> InvocationMeter {
        let Unreported {
            started,
            ending,
            duration,
            ..
        } = unreported;
        respond(started.responder, ending.result.clone(), None).await;
        self.conclude(&started.call, started.began, &ending, duration)
            .await
    }
}
