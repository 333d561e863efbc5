//! The invoke phase: one event through the runtime, with every way it can end.
//!
//! ```text
//!  START ─► (suppressed init) ─► event to the runtime ─► answer ─────────────► END, REPORT ─► kept
//!                 │ failed            │ deadline, exit, out of memory ─► reset ─► END, REPORT ─► kept
//! ```
//!
//! The caller gets its answer as soon as it is known; END, REPORT and the metering come after (`conclusion`), unless the
//! caller wants the tail of the log, which ends with REPORT.

use std::time::Duration;

use bytes::Bytes;
use firelight_runtime_api::{Answer, AnswerTime, Event, Invocation, ShutdownReason, StreamedBody};
use firelight_sandbox::{Exit, SandboxDriver};
use tokio::time::{Instant, timeout};

use super::conclusion::{Answered, sampled_trace};
use super::init::InitFailure;
use super::processes::Role;
use super::stream::Sink;
use super::{Environment, Happening, Phase};
use crate::call::{Call, FunctionResult, LogTail, ResponseMode};
use crate::clock::iso;
use crate::error_payload::{LARGEST_RESPONSE, PlatformError};
use crate::metering::InvocationMeter;
use crate::platform_event::{InitPhase, PlatformEvent, Status};
use crate::responder::Responder;

/// How long an answer may lag behind the exit of the process that sent it.
pub(super) const ANSWER_GRACE: Duration = Duration::from_millis(20);

/// How an invocation ended, before anybody is told.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) result: FunctionResult,
    pub(super) status: Status,
    /// Bytes of the response, streamed or not.
    pub(super) produced_bytes: u64,
    /// The processes cannot go on.
    pub(super) reset: Option<ShutdownReason>,
    /// What the platform adds to the text log before END.
    pub(super) log_text: Option<String>,
    /// When the answer came, if one did in time.
    pub(super) answered: Option<AnswerTime>,
    /// When the end of the runtime's part was reported, if it is already.
    pub(super) runtime_done: Option<Instant>,
}

impl Ending {
    pub(super) fn success(payload: Bytes) -> Self {
        Self::of(FunctionResult::Success(payload), Status::Success)
    }

    /// An ending after which everything goes on.
    fn of(result: FunctionResult, status: Status) -> Self {
        let payload = match &result {
            FunctionResult::Success(payload) | FunctionResult::Error(payload) => payload,
        };
        let produced_bytes = payload.len() as u64;
        Self {
            result,
            status,
            produced_bytes,
            reset: None,
            log_text: None,
            answered: None,
            runtime_done: None,
        }
    }

    /// The function answered with an error, and its processes go on.
    pub(super) fn function_error(payload: Bytes, error_type: Option<String>) -> Self {
        Self::of(FunctionResult::Error(payload), Status::Error(error_type))
    }

    pub(super) fn refused_response(error: &PlatformError) -> Self {
        Self::function_error(error.payload(), Some(error.error_type.clone()))
    }

    pub(super) fn crashed(error: &PlatformError) -> Self {
        let status = Status::Failure(Some(error.error_type.clone()));
        Self {
            reset: Some(ShutdownReason::Failure),
            log_text: Some(error.log_text()),
            ..Self::of(FunctionResult::Error(error.payload()), status)
        }
    }

    /// Processes that went on after the answer were cut off: the answer stays as it was given.
    pub(super) fn cut_off_after_answer(&mut self, cut_off: Self) {
        self.status = cut_off.status;
        self.reset = cut_off.reset;
        self.log_text = cut_off.log_text;
    }

    fn timed_out(error: &PlatformError, log_text: String) -> Self {
        Self {
            reset: Some(ShutdownReason::Timeout),
            log_text: Some(log_text),
            ..Self::of(FunctionResult::Error(error.payload()), Status::Timeout)
        }
    }
}

impl<D: SandboxDriver> Environment<D> {
    /// Runs one invocation to its end and answers the caller. `release` is called right before the answer, with
    /// whether the environment can be kept.
    pub(crate) async fn invoke(
        &mut self,
        call: Box<Call>,
        mut responder: Responder,
        release: impl FnOnce(bool) + Send,
    ) -> InvocationMeter {
        let request_id = call.request_id.to_string();
        let began = Instant::now();
        let wants_tail = call.log_tail == LogTail::Wanted;
        if wants_tail {
            self.journal.start_tail();
        }
        self.thaw().await;
        let version = self.version.version.to_string();
        self.platform(&PlatformEvent::Start {
            request_id: request_id.clone(),
            version,
            beside_others: false,
            trace: sampled_trace(&call),
        });

        let ending = self.run(&call, &mut responder, &request_id, began).await;
        let mut invocation = Answered {
            took: began.elapsed(),
            call,
            request_id,
            began,
            ending,
        };
        let over = self.is_over(&mut invocation, responder.mode()).await;
        if wants_tail {
            self.settle(&mut invocation, over).await;
            let meter = self.conclude_answered(&invocation).await;
            let log_tail = self.journal.take_tail();
            release(!self.lost);
            respond(responder, invocation.ending.result, log_tail).await;
            meter
        } else if over {
            release(!self.lost);
            respond(responder, invocation.ending.result.clone(), None).await;
            self.conclude_answered(&invocation).await
        } else {
            respond(responder, invocation.ending.result.clone(), None).await;
            self.settle(&mut invocation, over).await;
            let meter = self.conclude_answered(&invocation).await;
            release(!self.lost);
            meter
        }
    }

    /// A function that was cut off took exactly its time, whatever the cutting took.
    pub(super) fn reported(&self, ending: &Ending, elapsed: Duration) -> Duration {
        match ending.status {
            Status::Timeout => self.version.timeout.duration(),
            _ => elapsed,
        }
    }

    async fn run(
        &mut self,
        call: &Call,
        responder: &mut Responder,
        request_id: &str,
        began: Instant,
    ) -> Ending {
        let limit = self.version.timeout.duration();
        let deadline = began + limit;
        if tokio::time::timeout_at(deadline, self.back_for_more())
            .await
            .is_err()
        {
            return self.timed_out(request_id, limit);
        }
        if self.phase == Phase::NeedsInit
            && let Err(failure) = self.init(InitPhase::Invoke, deadline).await
        {
            return self.init_failed(&failure, request_id, limit);
        }
        let remaining = deadline.saturating_duration_since(Instant::now());
        let event = self.event(call, request_id, remaining);
        let mut invocation = match self.session.offer(event) {
            Ok(invocation) => invocation,
            Err(error) => {
                tracing::error!(%request_id, %error, "environment was assigned while busy");
                return Ending::crashed(&PlatformError::sandbox_failed(request_id, "busy"));
            }
        };
        let answered = self.wait_for_answer(&mut invocation, responder, request_id);
        match tokio::time::timeout_at(deadline, answered).await {
            Ok(ending) => Ending {
                answered: invocation.answer_time(),
                ..ending
            },
            Err(_) => self.timed_out(request_id, limit),
        }
    }

    /// Waits until the runtime answered or cannot answer any more.
    async fn wait_for_answer(
        &mut self,
        invocation: &mut Invocation,
        responder: &mut Responder,
        request_id: &str,
    ) -> Ending {
        loop {
            tokio::select! {
                biased;
                answer = invocation.answer() => {
                    return match answer {
                        Ok(answer) => self.judge(answer, responder, request_id, None).await,
                        Err(_) => Ending::crashed(&PlatformError::sandbox_failed(request_id, "session lost")),
                    };
                }
                happening = self.happening() => {
                    if let Some(error) = self.fatal(happening, request_id) {
                        return self.late_answer(invocation, responder, request_id, error).await;
                    }
                }
            }
        }
    }

    /// A process may answer and exit at once; the kernel tells of both on different descriptors.
    async fn late_answer(
        &mut self,
        invocation: &mut Invocation,
        responder: &mut Responder,
        request_id: &str,
        error: PlatformError,
    ) -> Ending {
        match timeout(ANSWER_GRACE, invocation.answer()).await {
            Ok(Ok(answer)) => {
                let mut ending = self.judge(answer, responder, request_id, Some(error)).await;
                ending.reset = Some(ShutdownReason::Failure);
                ending
            }
            _ => Ending::crashed(&error),
        }
    }

    /// Whether something that happened ends the invocation.
    pub(super) fn fatal(
        &mut self,
        happening: Happening,
        request_id: &str,
    ) -> Option<PlatformError> {
        let crash = self.crash_of(happening)?;
        Some(crash.platform_error(request_id))
    }

    /// Whether something that happened leaves nobody to run an invocation.
    pub(super) fn crash_of(&mut self, happening: Happening) -> Option<InitFailure> {
        match happening {
            Happening::Session(event) => {
                self.note_extension(&event);
                None
            }
            Happening::Exited(role, exit) => Some(InitFailure::Exited(role, exit)),
            Happening::SessionLost => {
                self.lost = true;
                Some(InitFailure::Exited(Role::Runtime, Exit::SandboxLost))
            }
        }
    }

    /// `died` says what became of the process, if that is known before its answer.
    async fn judge(
        &mut self,
        answer: Answer,
        responder: &mut Responder,
        request_id: &str,
        died: Option<PlatformError>,
    ) -> Ending {
        match judge(answer, request_id) {
            Judged::Ended(ending) => ending,
            Judged::Streams { content_type, body } => {
                let sink = Sink::new(responder, content_type, self.settings.stream_limits);
                self.take_stream(body, sink, request_id, died).await
            }
        }
    }

    pub(super) fn timed_out(&mut self, request_id: &str, limit: Duration) -> Ending {
        self.session.abort_invocation(request_id);
        let error = PlatformError::timed_out(request_id, limit);
        let now = iso(self.clock.now());
        let text = format!(
            "{now} {request_id} Task timed out after {:.2} seconds\n",
            limit.as_secs_f64()
        );
        Ending::timed_out(&error, text)
    }

    /// The environment is reset already; only the answer has to be found.
    pub(super) fn init_failed(
        &mut self,
        failure: &InitFailure,
        request_id: &str,
        limit: Duration,
    ) -> Ending {
        let mut ending = match failure {
            InitFailure::TimedOut => self.timed_out(request_id, limit),
            InitFailure::Reported(report) => Ending {
                status: Status::Failure(Some(report.error_type.to_string())),
                ..Ending::function_error(report.payload.clone(), None)
            },
            failure => Ending::crashed(&failure.platform_error(request_id)),
        };
        ending.reset = None;
        ending
    }

    pub(super) fn event(&self, call: &Call, request_id: &str, remaining: Duration) -> Event {
        Event {
            request_id: request_id.to_owned(),
            deadline_ms: self.clock.deadline_ms(remaining),
            invoked_function_arn: call.invoked_arn.clone(),
            trace_id: call.trace.clone(),
            client_context: call.client_context.clone(),
            cognito_identity: None,
            tenant_id: call.tenant_id.clone(),
            content_type: None,
            payload: call.payload.clone(),
        }
    }
}

/// What an answer of the runtime means for its invocation.
pub(super) enum Judged {
    Ended(Ending),
    /// The response has only begun.
    Streams {
        content_type: Option<String>,
        body: StreamedBody,
    },
}

pub(super) fn judge(answer: Answer, request_id: &str) -> Judged {
    Judged::Ended(match answer {
        Answer::Stream { content_type, body } => return Judged::Streams { content_type, body },
        Answer::Response { payload, .. } if payload.len() > LARGEST_RESPONSE => {
            Ending::refused_response(&PlatformError::response_too_large())
        }
        Answer::Response { payload, .. } => Ending::success(payload),
        Answer::Error(report) => {
            Ending::function_error(report.payload, Some(report.error_type.to_string()))
        }
        Answer::TooLarge { .. } => Ending::refused_response(&PlatformError::response_too_large()),
        Answer::Truncated => {
            Ending::refused_response(&PlatformError::truncated_response(request_id))
        }
        // Answered with an empty payload (lambda-facts §5.3).
        Answer::InvalidResponseMode => Ending::function_error(
            Bytes::new(),
            Some("Runtime.InvalidResponseModeHeader".into()),
        ),
    })
}

/// Answers the caller. A stream's reader may be slow to take the end, and the environment does not wait for it.
pub(super) async fn respond(responder: Responder, result: FunctionResult, log_tail: Option<Bytes>) {
    match responder.mode() {
        ResponseMode::Buffered => responder.finish(result, log_tail).await,
        ResponseMode::Streaming => {
            tokio::spawn(responder.finish(result, log_tail));
        }
    }
}
