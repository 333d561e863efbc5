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
    pub(crate) fn record(self) -> Value {
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
    pub(crate) began: WallTime,
    /// From the begin to the first byte of the response.
    pub(crate) latency: Duration,
    /// From the first byte to the last.
    pub(crate) response: Duration,
    /// From the last byte until the runtime asked for more; unknown where it did not yet.
    pub(crate) overhead: Option<Duration>,
}

impl RuntimeSpans {
    /// Returns the spans that are known, one after the other.
    pub(crate) fn spans(&self) -> impl Iterator<Item = Span> {
        let (began, answered) = (self.began, self.latency + self.response);
        let span = move |name, passed, duration| Span {
            name,
            start: began.after(passed),
            duration,
        };
        let overhead = self.overhead;
        [
            span("responseLatency", Duration::ZERO, self.latency),
            span("responseDuration", self.latency, self.response),
        ]
        .into_iter()
        .chain(overhead.map(|overhead| span("runtimeOverhead", answered, overhead)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(overhead: Option<Duration>) -> Vec<Value> {
        let spans = RuntimeSpans {
            began: WallTime::from_epoch_ms(1_000),
            latency: Duration::from_micros(12_340),
            response: Duration::from_millis(5),
            overhead,
        };
        spans.spans().map(Span::record).collect()
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
