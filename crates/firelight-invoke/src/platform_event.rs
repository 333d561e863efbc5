//! Platform events: what the platform itself says about an environment and its invocations.
//!
//! Each event has two forms (lambda-facts §6.3 and §6.7): a line of text in the log (`START RequestId: …`), or a JSON
//! object (`{"time":…,"type":"platform.start","record":{…}}`) in the log of a function with the JSON format and in
//! telemetry. Some events have no text form.
//!
//! Deliberately absent: where the events go.

pub(crate) use self::sampled_trace::SampledTrace;
pub(crate) use self::span::{RuntimeSpans, Span};
mod sampled_trace;
mod span;

use std::time::Duration;

use firelight_runtime_api::TelemetryApi;
use serde_json::{Map, Value, json};

/// How a phase or an invocation ended, as the platform reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Success,
    /// The function failed; the error type is known where somebody told it.
    Error(Option<String>),
    /// The processes failed under the function.
    Failure(Option<String>),
    Timeout,
}

impl Status {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Error(_) => "error",
            Self::Failure(_) => "failure",
            Self::Timeout => "timeout",
        }
    }

    pub(crate) fn error_type(&self) -> Option<&str> {
        match self {
            Self::Error(kind) | Self::Failure(kind) => kind.as_deref(),
            Self::Success | Self::Timeout => None,
        }
    }

    fn is_success(&self) -> bool {
        *self == Self::Success
    }
}

/// When an init ran: ahead of the invocation, or (suppressed init) inside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InitPhase {
    Init,
    Invoke,
}

impl InitPhase {
    fn name(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Invoke => "invoke",
        }
    }
}

/// What an invocation used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReportMetrics {
    pub duration: Duration,
    pub billed_ms: u64,
    pub memory_size_mb: u32,
    pub max_memory_used_mb: u32,
    /// Only on a cold start.
    pub init: Option<Duration>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum PlatformEvent {
    InitStart {
        phase: InitPhase,
        initialization_type: &'static str,
        runtime_version: Option<RuntimeVersion>,
        function_name: String,
        function_version: String,
        instance_id: String,
        instance_max_memory: u64,
    },
    InitRuntimeDone {
        phase: InitPhase,
        initialization_type: &'static str,
        status: Status,
    },
    InitReport {
        phase: InitPhase,
        initialization_type: &'static str,
        status: Status,
        duration: Duration,
    },
    Start {
        request_id: String,
        version: String,
        /// Whether the environment may run others meanwhile.
        beside_others: bool,
        trace: Option<SampledTrace>,
    },
    RuntimeDone {
        request_id: String,
        status: Status,
        duration: Duration,
        produced_bytes: u64,
        /// Of an invocation that was answered.
        spans: Option<RuntimeSpans>,
        trace: Option<SampledTrace>,
    },
    Report {
        request_id: String,
        status: Status,
        metrics: ReportMetrics,
        /// How long the extensions went on after the runtime, where any take part.
        extension_overhead: Option<Span>,
        /// The trace header, when the invocation was sampled for tracing.
        trace: Option<SampledTrace>,
    },
    Extension {
        name: String,
        state: String,
        events: Vec<String>,
        error_type: Option<String>,
    },
    TelemetrySubscription {
        api: TelemetryApi,
        name: String,
        types: Vec<String>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RuntimeVersion {
    /// For example `python:3.12.v1`.
    pub name: String,
    pub arn: String,
}

/// The importance of a platform event, compared with the function's system log level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SystemLevel {
    Debug,
    Info,
    Warn,
}

impl PlatformEvent {
    /// The line in the log of a function with the text format, without the line end.
    pub(crate) fn text(&self) -> Option<String> {
        match self {
            Self::InitStart {
                runtime_version: Some(runtime),
                phase: InitPhase::Init,
                ..
            } => Some(format!(
                "INIT_START Runtime Version: {}\tRuntime Version ARN: {}",
                runtime.name, runtime.arn
            )),
            Self::InitReport {
                phase,
                status,
                duration,
                ..
            } if !status.is_success() => Some(init_report_text(*phase, status, *duration)),
            Self::Start {
                request_id,
                version,
                beside_others,
                ..
            } => {
                // Pinned by concurrent::lines_of_invocations_beside_others_name_them.
                let between = if *beside_others { '\t' } else { ' ' };
                Some(format!(
                    "START RequestId: {request_id}{between}Version: {version}"
                ))
            }
            Self::RuntimeDone { request_id, .. } => Some(format!("END RequestId: {request_id}")),
            Self::Report {
                request_id,
                status,
                metrics,
                trace,
                ..
            } => Some(report_text(request_id, status, metrics, trace.as_ref())),
            Self::Extension {
                name,
                state,
                events,
                error_type,
            } => {
                let mut line = format!(
                    "EXTENSION\tName: {name}\tState: {state}\tEvents: [{}]",
                    events.join(", ")
                );
                if let Some(error_type) = error_type {
                    line.push_str(&format!("\tError Type: {error_type}"));
                }
                Some(line)
            }
            Self::TelemetrySubscription {
                api: TelemetryApi::Logs,
                name,
                types,
            } => Some(format!(
                "LOGS\tName: {name}\tState: Subscribed\tTypes: [{}]",
                types.join(", ")
            )),
            Self::TelemetrySubscription { name, types, .. } => Some(format!(
                "TELEMETRY\tName: {name}\tState: Subscribed\tTypes: [{}]",
                types
                    .iter()
                    .map(|kind| capitalised(kind))
                    .collect::<Vec<_>>()
                    .join(", ")
            )),
            Self::InitStart { .. } | Self::InitRuntimeDone { .. } | Self::InitReport { .. } => None,
        }
    }

    /// The object for telemetry and for the log of a function with the JSON format.
    pub(crate) fn json(&self, time: &str) -> Value {
        json!({"time": time, "type": self.kind(), "record": self.record()})
    }

    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::InitStart { .. } => "platform.initStart",
            Self::InitRuntimeDone { .. } => "platform.initRuntimeDone",
            Self::InitReport { .. } => "platform.initReport",
            Self::Start { .. } => "platform.start",
            Self::RuntimeDone { .. } => "platform.runtimeDone",
            Self::Report { .. } => "platform.report",
            Self::Extension { .. } => "platform.extension",
            Self::TelemetrySubscription {
                api: TelemetryApi::Telemetry,
                ..
            } => "platform.telemetrySubscription",
            Self::TelemetrySubscription {
                api: TelemetryApi::Logs,
                ..
            } => "platform.logsSubscription",
        }
    }

    /// The level AWS gives each event; at the default INFO a warm success shows only `start` and `report`.
    pub(crate) fn level(&self) -> SystemLevel {
        match self {
            Self::InitStart {
                runtime_version, ..
            } if runtime_version.is_none() => SystemLevel::Debug,
            Self::InitRuntimeDone { status, .. } | Self::RuntimeDone { status, .. } => {
                if status.is_success() {
                    SystemLevel::Debug
                } else {
                    SystemLevel::Warn
                }
            }
            Self::InitReport { status, .. } | Self::Report { status, .. }
                if !status.is_success() =>
            {
                SystemLevel::Warn
            }
            Self::InitReport {
                initialization_type: "on-demand",
                ..
            } => SystemLevel::Debug,
            _ => SystemLevel::Info,
        }
    }

    /// What both forms of telemetry carry.
    pub(crate) fn record(&self) -> Value {
        match self {
            Self::InitStart {
                phase,
                initialization_type,
                runtime_version,
                function_name,
                function_version,
                instance_id,
                instance_max_memory,
            } => {
                let mut record = object(json!({
                    "initializationType": initialization_type,
                    "phase": phase.name(),
                    "functionName": function_name,
                    "functionVersion": function_version,
                    "instanceId": instance_id,
                    "instanceMaxMemory": instance_max_memory,
                }));
                if let Some(runtime) = runtime_version {
                    record.insert("runtimeVersion".into(), json!(runtime.name));
                    record.insert("runtimeVersionArn".into(), json!(runtime.arn));
                }
                Value::Object(record)
            }
            Self::InitRuntimeDone {
                phase,
                initialization_type,
                status,
            } => {
                let record =
                    json!({"initializationType": initialization_type, "phase": phase.name()});
                with_status(record, status)
            }
            Self::InitReport {
                phase,
                initialization_type,
                status,
                duration,
            } => {
                let record = json!({
                    "initializationType": initialization_type,
                    "phase": phase.name(),
                    "metrics": {"durationMs": milliseconds(*duration)},
                });
                with_status(record, status)
            }
            Self::Start {
                request_id,
                version,
                trace,
                ..
            } => with_trace(
                json!({"requestId": request_id, "version": version}),
                trace.as_ref(),
            ),
            Self::RuntimeDone {
                request_id,
                status,
                duration,
                produced_bytes,
                spans,
                trace,
            } => {
                let metrics =
                    json!({"durationMs": milliseconds(*duration), "producedBytes": produced_bytes});
                let record = json!({"requestId": request_id, "metrics": metrics});
                let record = with_spans(record, spans.iter().flat_map(RuntimeSpans::spans));
                with_trace(with_status(record, status), trace.as_ref())
            }
            Self::Report {
                request_id,
                status,
                metrics,
                extension_overhead,
                trace,
            } => {
                let record = json!({"requestId": request_id, "metrics": metrics_json(metrics)});
                let record = with_spans(record, extension_overhead.iter().copied());
                with_trace(with_status(record, status), trace.as_ref())
            }
            Self::Extension {
                name,
                state,
                events,
                error_type,
            } => {
                let mut record = object(json!({"name": name, "state": state, "events": events}));
                if let Some(error_type) = error_type {
                    record.insert("errorType".into(), json!(error_type));
                }
                Value::Object(record)
            }
            Self::TelemetrySubscription { name, types, .. } => {
                json!({"name": name, "state": "Subscribed", "types": types})
            }
        }
    }
}

/// Adds the trace that the invocation belongs to, if it was sampled (lambda-facts §6.3).
fn with_trace(mut record: Value, trace: Option<&SampledTrace>) -> Value {
    if let Some(trace) = trace {
        record["tracing"] = trace.record();
    }
    record
}

/// Adds the spans that are known.
fn with_spans(mut record: Value, spans: impl Iterator<Item = Span>) -> Value {
    let mut spans = spans.map(Span::record).peekable();
    if spans.peek().is_some() {
        record["spans"] = spans.collect();
    }
    record
}

fn init_report_text(phase: InitPhase, status: &Status, duration: Duration) -> String {
    let mut line = format!(
        "INIT_REPORT Init Duration: {:.2} ms\tPhase: {}\tStatus: {}",
        milliseconds(duration),
        phase.name(),
        text_status(status)
    );
    if let Some(error_type) = status.error_type() {
        line.push_str(&format!("\tError Type: {error_type}"));
    }
    line
}

fn report_text(
    request_id: &str,
    status: &Status,
    metrics: &ReportMetrics,
    trace: Option<&SampledTrace>,
) -> String {
    let mut line = format!(
        "REPORT RequestId: {request_id}\tDuration: {:.2} ms\tBilled Duration: {} ms\tMemory Size: {} MB\tMax Memory Used: {} MB\t",
        milliseconds(metrics.duration),
        metrics.billed_ms,
        metrics.memory_size_mb,
        metrics.max_memory_used_mb
    );
    if let Some(init) = metrics.init {
        line.push_str(&format!("Init Duration: {:.2} ms\t", milliseconds(init)));
    }
    match status {
        // An error that the function itself reported is not marked in the text form.
        Status::Success | Status::Error(_) => {}
        Status::Timeout => line.push_str("Status: timeout"),
        Status::Failure(error_type) => {
            line.push_str("Status: error");
            if let Some(error_type) = error_type {
                line.push_str(&format!("\tError Type: {error_type}"));
            }
        }
    }
    if let Some(trace) = trace {
        line.push_str(&format!(
            "\nXRAY TraceId: {}\tSegmentId: {}\tSampled: true\t",
            trace.trace_id, trace.segment_id
        ));
    }
    line
}

fn text_status(status: &Status) -> &'static str {
    match status {
        // The text form knows no "failure": a crash reads `Status: error`.
        Status::Failure(_) => "error",
        other => other.name(),
    }
}

fn metrics_json(metrics: &ReportMetrics) -> Value {
    let mut fields = object(json!({
        "durationMs": milliseconds(metrics.duration),
        "billedDurationMs": metrics.billed_ms,
        "memorySizeMB": metrics.memory_size_mb,
        "maxMemoryUsedMB": metrics.max_memory_used_mb,
    }));
    if let Some(init) = metrics.init {
        fields.insert("initDurationMs".into(), json!(milliseconds(init)));
    }
    Value::Object(fields)
}

fn with_status(record: Value, status: &Status) -> Value {
    let mut record = object(record);
    record.insert("status".into(), json!(status.name()));
    if let Some(error_type) = status.error_type() {
        record.insert("errorType".into(), json!(error_type));
    }
    Value::Object(record)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// Milliseconds with two decimals, as every duration is shown.
pub(crate) fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 100_000.0).round() / 100.0
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

#[cfg(test)]
mod tests;
