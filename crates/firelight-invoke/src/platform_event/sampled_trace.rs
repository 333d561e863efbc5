//! The trace that an invocation belongs to, as its log and its telemetry name it.

use serde_json::{Value, json};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SampledTrace {
    pub trace_id: String,
    pub segment_id: String,
}

impl SampledTrace {
    /// Reads a trace header; `None` when the invocation is not sampled.
    pub(crate) fn from_header(header: &str) -> Option<Self> {
        let field = |name: &str| {
            header
                .split(';')
                .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
        };
        if field("Sampled") != Some("1") {
            return None;
        }
        Some(Self {
            trace_id: field("Root")?.to_owned(),
            segment_id: field("Parent")?.to_owned(),
        })
    }

    /// The object that telemetry shows.
    pub(super) fn record(&self) -> Value {
        let Self {
            trace_id,
            segment_id,
        } = self;
        json!({
            "spanId": segment_id,
            "type": "X-Amzn-Trace-Id",
            "value": format!("Root={trace_id};Parent={segment_id};Sampled=1"),
        })
    }
}
