//! Spans: when an invocation waited, started, initialised and ran, for whoever collects traces.
//!
//! ```text
//!  caller's span
//!   └─ invocation ──────────────────────────────────────────────
//!       ├─ queue ──┤
//!       │          ├─ start ─┤─ init ─┤            (cold)
//!       │                              ├─ invoke ─────────────┤
//!       │                                 └─ the function's own spans
//! ```
//!
//! An invocation is recorded if its trace header says that its trace is sampled and somebody collects. The function then
//! gets a header whose parent is the invoke span; nothing else in it changes.
//!
//! Deliberately absent: who decides on sampling, and how spans are exported.

use std::sync::Arc;

use firelight_model::{FunctionArn, FunctionVersion, MemorySize, RequestId, Version};
use tokio::time::Instant;

use crate::assignment::Assignment;
use crate::call::ResponseMode;
use crate::metering::InvocationMeter;

/// A part of an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// In line for an environment.
    Queue,
    /// Making the environment.
    Start,
    Init,
    /// From the event to the end of the invoke phase.
    Invoke,
}

/// How long a phase lasted, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhaseSpan {
    pub phase: Phase,
    pub began: Instant,
    pub ended: Instant,
}

/// One recorded invocation.
#[derive(Clone, Debug)]
pub struct InvocationSpans {
    pub function: FunctionArn,
    pub version: Version,
    pub memory: MemorySize,
    pub request_id: RequestId,
    pub invoked_arn: String,
    pub attempt: u32,
    pub response_mode: ResponseMode,
    pub trace_id: u128,
    /// The caller's span.
    pub parent: Option<u64>,
    /// The invocation's own span.
    pub span: u64,
    /// The span of [`Phase::Invoke`], which the function knows as its parent.
    pub invoke_span: u64,
    pub began: Instant,
    pub ended: Instant,
    /// In the order in which they began.
    pub phases: Vec<PhaseSpan>,
    pub cold: bool,
    pub error: bool,
}

/// Takes the spans of an invocation; it never blocks.
pub type SpanSink = Arc<dyn Fn(InvocationSpans) + Send + Sync>;

/// What an environment did ahead of its first invocation, and has told nobody yet.
#[derive(Debug, Default)]
pub(crate) struct Beginnings(Vec<PhaseSpan>);

impl Beginnings {
    pub(crate) fn note(&mut self, phase: Phase, began: Instant) {
        let ended = Instant::now();
        self.0.push(PhaseSpan {
            phase,
            began,
            ended,
        });
    }

    pub(crate) fn take(&mut self) -> Vec<PhaseSpan> {
        std::mem::take(&mut self.0)
    }
}

/// The spans of an invocation that runs.
pub(crate) struct OpenSpans {
    spans: InvocationSpans,
    assigned: Instant,
}

impl OpenSpans {
    /// Opens the spans of an invocation that an environment got, if its trace is sampled. `random` gives fresh bits.
    pub(crate) fn of(
        assignment: &mut Assignment,
        version: &FunctionVersion,
        random: impl FnOnce() -> u128,
    ) -> Option<Self> {
        let call = &mut assignment.call;
        let header = call.trace.as_deref()?;
        let context = TraceContext::sampled(header)?;
        let bits = random();
        let (span, invoke_span) = (high(bits), low(bits));
        call.trace = Some(with_parent(header, invoke_span));
        let assigned = Instant::now();
        let spans = InvocationSpans {
            function: version.arn.clone(),
            version: version.version,
            memory: version.memory,
            request_id: call.request_id,
            invoked_arn: call.invoked_arn.clone(),
            attempt: call.attempt,
            response_mode: call.response_mode,
            trace_id: context.trace_id,
            parent: context.parent,
            span,
            invoke_span,
            began: assignment.since,
            ended: assigned,
            phases: Vec::new(),
            cold: false,
            error: false,
        };
        Some(Self { spans, assigned })
    }

    /// Closes them at the end of the invocation. `beginnings` is what the environment did for it.
    pub(crate) fn close(
        self,
        beginnings: Vec<PhaseSpan>,
        meter: &InvocationMeter,
    ) -> InvocationSpans {
        let Self {
            mut spans,
            assigned,
        } = self;
        spans.ended = Instant::now();
        spans.cold = beginnings.iter().any(|span| span.phase == Phase::Start);
        spans.error = meter.error;
        spans.phases.push(PhaseSpan {
            phase: Phase::Queue,
            began: spans.began,
            ended: assigned,
        });
        // What began for another request, which found an environment sooner, is not this one's.
        let own = beginnings.into_iter();
        spans
            .phases
            .extend(own.filter(|span| span.began >= spans.began));
        spans.phases.push(PhaseSpan {
            phase: Phase::Invoke,
            began: assigned,
            ended: spans.ended,
        });
        spans
    }
}

/// What a trace header says.
#[derive(Debug, PartialEq, Eq)]
struct TraceContext {
    trace_id: u128,
    parent: Option<u64>,
}

impl TraceContext {
    /// Reads a header whose trace is sampled.
    fn sampled(header: &str) -> Option<Self> {
        let part = |name: &str| {
            let mut parts = header.split(';').map(str::trim);
            parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
        };
        if part("Sampled") != Some("1") {
            return None;
        }
        let (time, id) = part("Root")?.strip_prefix("1-")?.split_once('-')?;
        let trace_id = u128::from_str_radix(&format!("{time}{id}"), 16).ok()?;
        let parent = part("Parent").and_then(|parent| u64::from_str_radix(parent, 16).ok());
        // Ids of zero are none (W3C trace context), and a collector may refuse a whole message for one.
        (trace_id != 0).then(|| Self {
            trace_id,
            parent: parent.filter(|parent| *parent != 0),
        })
    }
}

/// Puts another parent into a header, where the old one stands or behind the root.
fn with_parent(header: &str, parent: u64) -> String {
    let parent = format!("Parent={parent:016x}");
    let is_root = |part: &&str| part.starts_with("Root=");
    let others = header
        .split(';')
        .map(str::trim)
        .filter(|part| !part.is_empty() && !part.starts_with("Parent="));
    let (roots, rest): (Vec<_>, Vec<_>) = others.partition(is_root);
    let parts = roots.into_iter().chain([parent.as_str()]).chain(rest);
    parts.collect::<Vec<_>>().join(";")
}

fn high(bits: u128) -> u64 {
    low(bits >> 64)
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
fn low(bits: u128) -> u64 {
    bits as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLED: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=0c1d2e3f:4";

    #[test]
    fn sampled_trace_is_read() {
        assert_eq!(
            TraceContext::sampled(SAMPLED),
            Some(TraceContext {
                trace_id: 0x5759_e988_bd86_2e3f_e1be_46a9_9427_2793,
                parent: Some(0x5399_5c3f_42cd_8ad8),
            })
        );
    }

    #[test]
    fn trace_that_is_not_sampled_or_makes_no_sense_is_left_alone() {
        for header in [
            "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0",
            "Root=1-5759e988-bd862e3fe1be46a994272793",
            "Root=2-5759e988-bd862e3fe1be46a994272793;Sampled=1",
            "Root=1-zzzz-x;Sampled=1",
            "Root=1-00000000-000000000000000000000000;Sampled=1",
            "",
        ] {
            assert_eq!(TraceContext::sampled(header), None, "{header}");
        }
    }

    #[test]
    fn parent_of_zero_is_none() {
        let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=0000000000000000;Sampled=1";

        assert_eq!(TraceContext::sampled(header).unwrap().parent, None);
    }

    #[test]
    fn function_gets_the_invoke_span_as_its_parent_and_all_else_as_it_was() {
        assert_eq!(
            with_parent(SAMPLED, 0xab),
            "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=00000000000000ab;Sampled=1;Lineage=0c1d2e3f:4"
        );
        assert_eq!(
            with_parent("Sampled=1;Root=1-a-b", 1),
            "Root=1-a-b;Parent=0000000000000001;Sampled=1"
        );
    }
}
