//! The exporter against a collector that is a closure.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use firelight_invoke::{InvocationSpans, Phase, PhaseSpan, ResponseMode};
use firelight_model::{FunctionArn, MemorySize, RequestId, Version};
use firelight_otlp::message::{ExportTraceServiceRequest, Span, SpanKind, StatusCode, Value};
use firelight_otlp::{Exporter, Post, PostError, Service, Totals};
use prost::Message;
use tokio::sync::Notify;
use tokio::time::Instant;

const SECOND: u64 = 1_000_000_000;

/// What the collector got, and what it answers next; it takes everything once it has no answers left.
#[derive(Default)]
struct Collector {
    got: Mutex<Vec<ExportTraceServiceRequest>>,
    answers: Mutex<VecDeque<Result<(), PostError>>>,
    came: Notify,
}

impl Collector {
    fn answering(answers: impl IntoIterator<Item = Result<(), PostError>>) -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::new(answers.into_iter().collect()),
            ..Self::default()
        })
    }

    fn post(self: &Arc<Self>) -> Post {
        let collector = Arc::clone(self);
        Arc::new(move |body: Bytes| {
            let message = ExportTraceServiceRequest::decode(body).unwrap();
            collector.got.lock().unwrap().push(message);
            collector.came.notify_one();
            let answer = collector.answers.lock().unwrap().pop_front();
            Box::pin(std::future::ready(answer.unwrap_or(Ok(()))))
        })
    }

    fn spans(&self) -> Vec<Span> {
        let got = self.got.lock().unwrap();
        let scopes = got.iter().flat_map(|message| &message.resource_spans);
        let spans = scopes.flat_map(|resource| &resource.scope_spans);
        spans.flat_map(|scope| scope.spans.clone()).collect()
    }
}

fn exporter(post: Post) -> Exporter {
    let service = Service {
        name: "firelight".into(),
        version: "1".into(),
        instance: "here".into(),
    };
    Exporter::start(service, post, || 100 * SECOND, || 0xfeed)
}

/// A cold invocation that came 3 s ago: 1 s in line and starting, 1 s of init, 1 s of work.
fn invocation() -> InvocationSpans {
    let now = Instant::now();
    let ago = |seconds| now.checked_sub(Duration::from_secs(seconds)).unwrap();
    let phase = |phase, began, ended| PhaseSpan {
        phase,
        began: ago(began),
        ended: ago(ended),
    };
    InvocationSpans {
        function: FunctionArn {
            region: "eu-west-1".parse().unwrap(),
            account: "123456789012".parse().unwrap(),
            name: "hello".parse().unwrap(),
        },
        version: Version::Latest,
        memory: MemorySize::from_mb(128).unwrap(),
        request_id: RequestId::from_random([7; 16]),
        invoked_arn: "arn:aws:lambda:eu-west-1:123456789012:function:hello:live".into(),
        attempt: 2,
        response_mode: ResponseMode::Buffered,
        trace_id: 0x5759_e988_bd86_2e3f_e1be_46a9_9427_2793,
        parent: Some(0x5399_5c3f_42cd_8ad8),
        span: 1,
        invoke_span: 2,
        began: ago(3),
        ended: now,
        phases: vec![
            phase(Phase::Queue, 3, 1),
            phase(Phase::Start, 3, 2),
            phase(Phase::Init, 2, 1),
            phase(Phase::Invoke, 1, 0),
        ],
        cold: true,
        error: false,
    }
}

fn attribute<'span>(span: &'span Span, key: &str) -> &'span Value {
    let found = span.attributes.iter().find(|pair| pair.key == key);
    let value = found.and_then(|pair| pair.value.as_ref()?.value.as_ref());
    value.unwrap_or_else(|| panic!("no {key}"))
}

#[tokio::test(start_paused = true)]
async fn an_invocation_becomes_a_span_with_its_phases_beneath() {
    let collector = Collector::answering([]);
    let exporter = exporter(collector.post());

    exporter.sink()(invocation());
    exporter.close().await;

    let spans = collector.spans();
    let told: Vec<_> = spans
        .iter()
        .map(|span| {
            let began = span.start_time_unix_nano / SECOND;
            let ended = span.end_time_unix_nano / SECOND;
            (span.name.as_str(), began, ended)
        })
        .collect();
    assert_eq!(
        told,
        [
            ("hello", 97, 100),
            ("queue", 97, 99),
            ("start", 97, 98),
            ("init", 98, 99),
            ("invoke", 99, 100)
        ]
    );
    let whole = &spans[0];
    assert_eq!(whole.kind, i32::from(SpanKind::Server));
    assert_eq!(
        whole.trace_id,
        0x5759_e988_bd86_2e3f_e1be_46a9_9427_2793_u128.to_be_bytes()
    );
    assert_eq!(
        whole.parent_span_id,
        0x5399_5c3f_42cd_8ad8_u64.to_be_bytes()
    );
    assert!(whole.status.is_none());
    for phase in &spans[1..] {
        assert_eq!(phase.parent_span_id, 1_u64.to_be_bytes());
        assert_eq!(phase.trace_id, whole.trace_id);
    }
    assert_eq!(
        spans[4].span_id,
        2_u64.to_be_bytes(),
        "which the function knows"
    );
}

#[tokio::test(start_paused = true)]
async fn attributes_follow_the_conventions_for_functions() {
    let collector = Collector::answering([]);
    let exporter = exporter(collector.post());
    let failed = InvocationSpans {
        error: true,
        parent: None,
        ..invocation()
    };

    exporter.sink()(failed);
    exporter.close().await;

    let whole = &collector.spans()[0];
    let text = |text: &str| Value::Text(text.to_owned());
    assert_eq!(attribute(whole, "faas.name"), &text("hello"));
    assert_eq!(attribute(whole, "faas.coldstart"), &Value::Bool(true));
    assert_eq!(attribute(whole, "firelight.attempt"), &Value::Int(2));
    assert_eq!(
        attribute(whole, "faas.invocation_id"),
        &text("07070707-0707-4707-8707-070707070707")
    );
    assert_eq!(
        attribute(whole, "cloud.resource_id"),
        &text("arn:aws:lambda:eu-west-1:123456789012:function:hello:live")
    );
    assert!(whole.parent_span_id.is_empty());
    let status = whole.status.as_ref().map(|status| status.code);
    assert_eq!(status, Some(StatusCode::Error.into()));
}

#[tokio::test(start_paused = true)]
async fn spans_that_come_together_travel_together() {
    let collector = Collector::answering([]);
    let exporter = exporter(collector.post());
    let sink = exporter.sink();

    (0..3).for_each(|_| sink(invocation()));
    exporter.close().await;

    assert_eq!(collector.got.lock().unwrap().len(), 1);
    assert_eq!(collector.spans().len(), 15);
}

#[tokio::test(start_paused = true)]
async fn spans_are_sent_within_seconds_though_few() {
    let collector = Collector::answering([]);
    let exporter = exporter(collector.post());

    exporter.sink()(invocation());
    collector.came.notified().await;

    assert_eq!(collector.spans().len(), 5);
    exporter.close().await;
}

#[tokio::test(start_paused = true)]
async fn collector_that_is_away_is_tried_again() {
    let away = || Err(PostError::Away("connection refused".into()));
    let collector = Collector::answering([away(), away(), Ok(())]);
    let exporter = exporter(collector.post());
    let totals = exporter.totals();

    exporter.sink()(invocation());
    for _ in 0..3 {
        collector.came.notified().await;
    }
    exporter.close().await;

    let all = Totals {
        exported: 5,
        dropped: 0,
    };
    assert_eq!(totals(), all);
}

#[tokio::test(start_paused = true)]
async fn what_the_collector_refuses_is_dropped_and_counted() {
    let collector = Collector::answering([Err(PostError::Refused("400".into()))]);
    let exporter = exporter(collector.post());
    let totals = exporter.totals();

    exporter.sink()(invocation());
    exporter.close().await;

    let none = Totals {
        exported: 0,
        dropped: 5,
    };
    assert_eq!(totals(), none);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_collector_that_does_not_answer() {
    let stuck: Post = Arc::new(|_| Box::pin(std::future::pending()));
    let exporter = exporter(stuck);
    let (sink, totals) = (exporter.sink(), exporter.totals());

    for _ in 0..5_000 {
        sink(invocation());
        tokio::task::yield_now().await;
    }
    assert!(totals().dropped > 5 * 2_000);
    exporter.close().await;

    let lost = |invocations: u64| Totals {
        exported: 0,
        dropped: 5 * invocations,
    };
    assert_eq!(totals(), lost(5_000), "what nobody took is counted");
    sink(invocation());
    assert_eq!(totals(), lost(5_001), "after the end nothing is kept");
}
