//! Spans: the parts of an invocation's time, as telemetry shows them (lambda-facts §6.3).

use std::time::Duration;

use firelight_model::WallTime;
use serde_json::{Value, json};

use super::milliseconds;
use crate::clock::iso;

/// A named part of an invocation's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) name: &'static str,
    pub(crate) start: WallTime,
    pub(crate) duration: Duration,
}

impl Span {
    pub(crate) fn record(&self) -> Value {
        json!({
            "name": self.name,
            "start": iso(self.start),
            "durationMs": milliseconds(self.duration),
        })
    }
}

/// How an answered invocation spent the runtime's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RuntimeSpans {
    /// From the begin to the first byte of the response.
    pub(crate) latency: Duration,
    /// From the first byte to the last.
    pub(crate) response: Duration,
    /// From the last byte until the runtime asked for more; unknown where it did not yet.
    pub(crate) overhead: Option<Duration>,
}

impl RuntimeSpans {
    /// The spans of an invocation that began at `began`, one after the other.
    pub(crate) fn from(self, began: WallTime) -> Vec<Span> {
        let parts = [
            ("responseLatency", Some(self.latency)),
            ("responseDuration", Some(self.response)),
            ("runtimeOverhead", self.overhead),
        ];
        let mut passed = Duration::ZERO;
        let mut spans = Vec::with_capacity(parts.len());
        for (name, duration) in parts {
            let Some(duration) = duration else { break };
            spans.push(Span {
                name,
                start: began.after(passed),
                duration,
            });
            passed += duration;
        }
        spans
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(overhead: Option<Duration>) -> Vec<Value> {
        let spans = RuntimeSpans {
            latency: Duration::from_micros(12_340),
            response: Duration::from_millis(5),
            overhead,
        };
        let spans = spans.from(WallTime::from_epoch_ms(1_000));
        spans.iter().map(Span::record).collect()
    }

    #[test]
    fn spans_follow_each_other() {
        let spans = spans(Some(Duration::from_millis(1)));

        assert_eq!(
            Value::from(spans),
            json!([
                {"name": "responseLatency", "start": "1970-01-01T00:00:01.000Z", "durationMs": 12.34},
                {"name": "responseDuration", "start": "1970-01-01T00:00:01.012Z", "durationMs": 5.0},
                {"name": "runtimeOverhead", "start": "1970-01-01T00:00:01.017Z", "durationMs": 1.0},
            ])
        );
    }

    #[test]
    fn overhead_of_a_runtime_that_works_on_is_not_told() {
        assert_eq!(spans(None).len(), 2);
    }
}
