//! The end of the invoke phase: from the answer until the runtime and every extension asked for more.
//!
//! ```text
//!  answer ─┬─► plain ───────────────────────────────────────────────► END, REPORT, metering
//!          └─► extensions take part, or a stream ─► all asked for more ─┘
//!                                                 └► deadline ─► reset ─┘
//! ```
//!
//! A plain invocation ends with its answer: nearly every runtime asks for more at once, and to wait for that would cost
//! each invocation a wake-up. One that works on is noticed when the next request comes, and gets none until it is done.

use std::time::Duration;

use firelight_runtime_api::{Session, ShutdownReason};
use firelight_sandbox::{Sandbox, SandboxDriver};
use tokio::time::{Instant, timeout, timeout_at};

use super::invocation::Ending;
use super::{Environment, Phase};
use crate::call::{Call, ResponseMode};
use crate::metering::{self, InvocationMeter};
use crate::platform_event::{PlatformEvent, ReportMetrics, RuntimeSpans, SampledTrace, Span};

/// How long an answer may wait so that its caller's next request finds the environment free: extensions that only note
/// the invocation are back by then, and for one that works on nobody waits longer.
const MOMENT: Duration = Duration::from_millis(5);

/// An invocation from its answer on.
pub(super) struct Answered {
    pub(super) call: Box<Call>,
    pub(super) request_id: String,
    pub(super) began: Instant,
    pub(super) took: Duration,
    pub(super) ending: Ending,
}

impl<D: SandboxDriver> Environment<D> {
    /// Whether the invoke phase ended with the answer, or a moment later. Extensions are told of the runtime's end before
    /// they are waited for: many need that to go on.
    pub(super) async fn is_over(&mut self, invocation: &mut Answered, mode: ResponseMode) -> bool {
        let lingers = self.extensions_take_part || mode == ResponseMode::Streaming;
        if invocation.ending.reset.is_some() || !lingers {
            return true;
        }
        let over = timeout(MOMENT, self.all_back(invocation)).await.is_ok();
        invocation.took = invocation.began.elapsed();
        over
    }

    /// Waits until everybody asked for more. Extensions are told when the runtime did. Cancel-safe.
    async fn all_back(&mut self, invocation: &mut Answered) {
        if self.extensions_take_part && invocation.ending.runtime_done.is_none() {
            self.runtime_back().await;
            self.collect_all();
            let now = Instant::now();
            let (call, began) = (&invocation.call, invocation.began);
            self.tell_runtime_done(call, began, &invocation.ending, now - began);
            invocation.ending.runtime_done = Some(now);
        }
        self.back_for_more().await;
    }

    /// Waits until everybody asked for more. Who goes on past the deadline is cut off, though the caller has its answer.
    pub(super) async fn settle(&mut self, invocation: &mut Answered, over: bool) {
        if over {
            return;
        }
        let limit = self.version.timeout.duration();
        let deadline = invocation.began + limit;
        if timeout_at(deadline, self.all_back(invocation))
            .await
            .is_err()
        {
            let cut_off = self.timed_out(&invocation.request_id, limit);
            invocation.ending.cut_off_after_answer(cut_off);
        }
        invocation.took = invocation.began.elapsed();
    }

    /// Waits a moment for processes that answered and still work. `false` if they work on.
    pub(crate) async fn back_within(&mut self, moment: Duration) -> bool {
        !self.works_on() || timeout(moment, self.back_for_more()).await.is_ok()
    }

    fn works_on(&self) -> bool {
        self.lives() && !self.session.is_idle()
    }

    fn lives(&self) -> bool {
        self.phase == Phase::Ready && !self.lost
    }

    /// Lets processes finish that work on after their answer. They get the time of one invocation.
    pub(crate) async fn work_off(&mut self) {
        let limit = self.version.timeout.duration();
        if timeout(limit, self.back_for_more()).await.is_err() {
            self.reset(ShutdownReason::Timeout).await;
        }
    }

    /// Waits until the processes of the invocation before ask for more, or are seen to have ended: an event must not be
    /// lost with a runtime that answered and then exited.
    pub(super) async fn back_for_more(&mut self) {
        self.look_after(|session| !session.is_idle()).await;
    }

    /// Waits until the runtime asks for more, or is seen to have ended.
    async fn runtime_back(&mut self) {
        self.look_after(|session| !session.runtime_waits()).await;
    }

    /// Looks after the processes while they live and work.
    async fn look_after(&mut self, works: fn(&Session) -> bool) {
        while self.lives() && works(&self.session) {
            let happening = self.happening().await;
            self.happened_while_idle(&happening);
        }
    }

    pub(super) async fn conclude_answered(&mut self, invocation: &Answered) -> InvocationMeter {
        let Answered {
            call,
            began,
            ending,
            took,
            ..
        } = invocation;
        let duration = self.reported(ending, *took);
        self.conclude(call, *began, ending, duration).await
    }

    /// Writes END and REPORT and measures what was used.
    pub(super) async fn conclude(
        &mut self,
        call: &Call,
        began: Instant,
        ending: &Ending,
        duration: Duration,
    ) -> InvocationMeter {
        self.collect_all();
        // Read before a reset: the kernel forgets the peak with the processes on some hosts.
        let peak = self
            .memory_peak()
            .await
            .max(std::mem::take(&mut self.failed_init_peak));
        let init = self.unreported_init.take();
        if let Some(reason) = ending.reset {
            self.reset(reason).await;
        }
        if let Some(text) = &ending.log_text {
            let now = self.clock.now();
            self.journal.platform_text(text.clone(), now);
            super::telemetry::fault(&self.session, text, now);
        }
        let memory_size_mb = self.version.memory.mb();
        let metrics = ReportMetrics {
            duration,
            billed_ms: metering::billed_ms(init.unwrap_or_default() + duration),
            memory_size_mb,
            max_memory_used_mb: metering::used_mb(peak, memory_size_mb),
            init,
        };
        if ending.runtime_done.is_none() {
            self.tell_runtime_done(call, began, ending, duration);
        }
        let meter = InvocationMeter::of(&self.version, &metrics, &ending.status);
        self.platform(&PlatformEvent::Report {
            request_id: call.request_id.to_string(),
            status: ending.status.clone(),
            metrics,
            extension_overhead: self.extension_overhead(began, ending, duration),
            trace: sampled_trace(call),
        });
        meter
    }

    /// The most memory used since the last reset, as far as this host can tell.
    pub(super) async fn memory_peak(&self) -> u64 {
        self.sandbox.memory_peak_bytes().await.unwrap_or_default()
    }

    /// How long extensions went on after the runtime.
    fn extension_overhead(
        &self,
        began: Instant,
        ending: &Ending,
        duration: Duration,
    ) -> Option<Span> {
        let done = ending.runtime_done?;
        Some(Span {
            name: "extensionOverhead",
            start: self.wall_time(done),
            duration: (began + duration).saturating_duration_since(done),
        })
    }

    fn tell_runtime_done(
        &mut self,
        call: &Call,
        began: Instant,
        ending: &Ending,
        duration: Duration,
    ) {
        let asked_at = self.session.runtime_asked_at();
        let spans = ending.answered.map(|answered| RuntimeSpans {
            began: self.wall_time(began),
            latency: answered.first_byte.duration_since(began),
            response: answered.last_byte.duration_since(answered.first_byte),
            overhead: asked_at.and_then(|at| at.checked_duration_since(answered.last_byte)),
        });
        self.platform(&PlatformEvent::RuntimeDone {
            request_id: call.request_id.to_string(),
            status: ending.status.clone(),
            duration,
            produced_bytes: ending.produced_bytes,
            spans,
            trace: sampled_trace(call),
        });
    }
}

/// The trace that an invocation belongs to, if it was sampled.
pub(super) fn sampled_trace(call: &Call) -> Option<SampledTrace> {
    call.trace.as_deref().and_then(SampledTrace::from_header)
}
