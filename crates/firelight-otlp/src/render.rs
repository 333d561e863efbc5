//! What an invocation becomes: a span of the server, and one for each of its phases.
//!
//! Attributes are those of OpenTelemetry's semantic conventions for functions as a service (1.3x), and
//! `firelight.attempt` for events that are tried again.

use std::time::Duration;

use firelight_invoke::{InvocationSpans, Phase, PhaseSpan};
use tokio::time::Instant;

use crate::message::{
    ExportTraceServiceRequest, InstrumentationScope, KeyValue, Resource, ResourceSpans, ScopeSpans,
    Span, SpanKind, Status, StatusCode, Value,
};

/// Who the spans say they come from.
#[derive(Clone, Debug)]
pub struct Service {
    /// `service.name`.
    pub name: String,
    /// `service.version`.
    pub version: String,
    /// `service.instance.id`: one for each start of a daemon.
    pub instance: String,
}

/// A moment of both clocks, by which instants become wall time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) instant: Instant,
    pub(crate) unix_nano: u64,
}

impl Moment {
    /// The wall time of an instant that is not later.
    fn unix_nano(self, instant: Instant) -> u64 {
        let ago = self.instant.saturating_duration_since(instant);
        self.unix_nano.saturating_sub(nanos(ago))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Renders an invocation that ended by `now`. `fresh_id` makes the ids of phases that nobody knows yet.
pub(crate) fn spans_of(
    invocation: &InvocationSpans,
    now: Moment,
    mut fresh_id: impl FnMut() -> u64,
) -> Vec<Span> {
    let whole = Span {
        parent_span_id: invocation.parent.map(id).unwrap_or_default(),
        name: invocation.function.name.to_string(),
        kind: SpanKind::Server.into(),
        attributes: attributes(invocation),
        status: invocation.error.then(|| Status {
            code: StatusCode::Error.into(),
        }),
        ..span(
            invocation,
            invocation.span,
            (invocation.began, invocation.ended),
            now,
        )
    };
    let phases = invocation.phases.iter().map(|phase| {
        let id = match phase.phase {
            Phase::Invoke => invocation.invoke_span,
            Phase::Queue | Phase::Start | Phase::Init => fresh_id(),
        };
        phase_span(invocation, *phase, id, now)
    });
    [whole].into_iter().chain(phases).collect()
}

fn phase_span(invocation: &InvocationSpans, phase: PhaseSpan, own: u64, now: Moment) -> Span {
    let name = match phase.phase {
        Phase::Queue => "queue",
        Phase::Start => "start",
        Phase::Init => "init",
        Phase::Invoke => "invoke",
    };
    Span {
        parent_span_id: id(invocation.span),
        name: name.to_owned(),
        ..span(invocation, own, (phase.began, phase.ended), now)
    }
}

fn span(invocation: &InvocationSpans, own: u64, lasted: (Instant, Instant), now: Moment) -> Span {
    Span {
        trace_id: invocation.trace_id.to_be_bytes().into(),
        span_id: id(own),
        kind: SpanKind::Internal.into(),
        start_time_unix_nano: now.unix_nano(lasted.0),
        end_time_unix_nano: now.unix_nano(lasted.1),
        ..Span::default()
    }
}

fn id(span: u64) -> Vec<u8> {
    span.to_be_bytes().into()
}

fn attributes(invocation: &InvocationSpans) -> Vec<KeyValue> {
    let function = &invocation.function;
    let memory = i64::from(invocation.memory.mb()) * 1024 * 1024;
    vec![
        KeyValue::text("faas.name", function.name.to_string()),
        KeyValue::text("faas.version", invocation.version.to_string()),
        KeyValue::text("faas.invocation_id", invocation.request_id.to_string()),
        KeyValue::of("faas.coldstart", Value::Bool(invocation.cold)),
        KeyValue::of("faas.max_memory", Value::Int(memory)),
        KeyValue::text("cloud.resource_id", invocation.invoked_arn.clone()),
        KeyValue::text("cloud.account.id", function.account.to_string()),
        KeyValue::text("cloud.region", function.region.to_string()),
        KeyValue::of("firelight.attempt", Value::Int(invocation.attempt.into())),
    ]
}

/// Puts spans into the message that carries them.
pub(crate) fn request(service: &Service, spans: Vec<Span>) -> ExportTraceServiceRequest {
    let attributes = vec![
        KeyValue::text("service.name", &service.name),
        KeyValue::text("service.version", &service.version),
        KeyValue::text("service.instance.id", &service.instance),
    ];
    let scope = InstrumentationScope {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource { attributes }),
            scope_spans: vec![ScopeSpans {
                scope: Some(scope),
                spans,
            }],
        }],
    }
}
