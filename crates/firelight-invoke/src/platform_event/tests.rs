//! The forms of platform events, text and JSON, beside what AWS writes. Where they go is tested elsewhere.

use super::*;

fn report(status: Status, init: Option<Duration>) -> PlatformEvent {
    let metrics = ReportMetrics {
        duration: Duration::from_micros(3_007),
        billed_ms: 4,
        memory_size_mb: 128,
        max_memory_used_mb: 36,
        init,
    };
    PlatformEvent::Report {
        request_id: "r1".into(),
        status,
        metrics,
        extension_overhead: None,
        trace: None,
    }
}

#[test]
fn report_of_a_cold_start_reads_as_recorded() {
    let event = report(Status::Success, Some(Duration::from_micros(110_100)));

    assert_eq!(
        event.text().unwrap(),
        "REPORT RequestId: r1\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\t\
         Max Memory Used: 36 MB\tInit Duration: 110.10 ms\t"
    );
}

#[test]
fn report_names_a_crash_and_a_timeout() {
    let crash = report(Status::Failure(Some("Runtime.ExitError".into())), None);
    let timeout = report(Status::Timeout, None);

    assert!(
        crash
            .text()
            .unwrap()
            .ends_with("MB\tStatus: error\tError Type: Runtime.ExitError")
    );
    assert!(timeout.text().unwrap().ends_with("MB\tStatus: timeout"));
}

#[test]
fn init_report_is_written_only_for_a_failed_init() {
    let init = |status| PlatformEvent::InitReport {
        phase: InitPhase::Init,
        initialization_type: "on-demand",
        status,
        duration: Duration::from_micros(9_999_790),
    };

    assert_eq!(init(Status::Success).text(), None);
    assert_eq!(
        init(Status::Timeout).text().unwrap(),
        "INIT_REPORT Init Duration: 9999.79 ms\tPhase: init\tStatus: timeout"
    );
    assert_eq!(
        init(Status::Error(Some("Runtime.UserCodeSyntaxError".into())))
            .text()
            .unwrap(),
        "INIT_REPORT Init Duration: 9999.79 ms\tPhase: init\tStatus: error\tError Type: Runtime.UserCodeSyntaxError"
    );
}

#[test]
fn warm_success_shows_only_start_and_report_at_level_info() {
    let done = PlatformEvent::RuntimeDone {
        request_id: "r1".into(),
        status: Status::Success,
        duration: Duration::ZERO,
        produced_bytes: 2,
        spans: None,
        trace: None,
    };
    let start = PlatformEvent::Start {
        request_id: "r1".into(),
        version: "1".into(),
        beside_others: false,
        trace: None,
    };

    assert_eq!(done.level(), SystemLevel::Debug);
    assert_eq!(start.level(), SystemLevel::Info);
    assert_eq!(report(Status::Success, None).level(), SystemLevel::Info);
    assert_eq!(report(Status::Timeout, None).level(), SystemLevel::Warn);
}

#[test]
fn json_form_carries_the_metrics() {
    let event = report(Status::Success, None).json("2026-11-23T00:00:00.000Z");

    assert_eq!(event["type"], "platform.report");
    assert_eq!(event["record"]["metrics"]["durationMs"], 3.01);
    assert_eq!(event["record"]["status"], "success");
}

#[test]
fn records_of_a_sampled_invocation_name_its_trace() {
    let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    let trace = SampledTrace::from_header(header);
    let start = |trace| PlatformEvent::Start {
        request_id: "r1".into(),
        version: "1".into(),
        beside_others: false,
        trace,
    };

    let tracing = &start(trace).record()["tracing"];

    assert_eq!(tracing["spanId"], "53995c3f42cd8ad8");
    assert_eq!(tracing["type"], "X-Amzn-Trace-Id");
    assert_eq!(tracing["value"], header);
    assert!(start(None).record().get("tracing").is_none());
}
