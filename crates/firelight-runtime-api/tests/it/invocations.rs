//! Events in, answers out.

use firelight_runtime_api::{Abandoned, Answer, SessionEvent};
use serde_json::json;

use crate::client::{Got, event, serve};

#[tokio::test]
async fn parked_poll_gets_the_event_with_all_its_headers() {
    let mut served = serve();
    let mut client = served.polling().await;

    let mut offered = event("id-1", "{\"a\":1}");
    offered.trace_id = Some("Root=1-2-3".to_owned());
    offered.client_context = Some("{\n\"custom\":{}}".to_owned());
    offered.cognito_identity = Some("{}".to_owned());
    offered.tenant_id = Some("blue".to_owned());
    let _invocation = served.session.offer(offered).unwrap();

    let got = client.read().await.unwrap();
    let header = |name: &str| got.headers.get(name).map(String::as_str);
    assert_eq!((got.status, got.text()), (200, "{\"a\":1}"));
    assert_eq!(header("Lambda-Runtime-Aws-Request-Id"), Some("id-1"));
    assert_eq!(header("Lambda-Runtime-Deadline-Ms"), Some("1700000000123"));
    assert_eq!(header("Lambda-Runtime-Trace-Id"), Some("Root=1-2-3"));
    assert_eq!(
        header("Lambda-Runtime-Client-Context"),
        Some("{ \"custom\":{}}")
    );
    assert_eq!(header("Lambda-Runtime-Cognito-Identity"), Some("{}"));
    assert_eq!(header("Lambda-Runtime-Aws-Tenant-Id"), Some("blue"));
    assert_eq!(header("Content-Type"), Some("application/json"));
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:f";
    assert_eq!(header("Lambda-Runtime-Invoked-Function-Arn"), Some(arn));
}

#[tokio::test]
async fn absent_fields_have_no_header() {
    let mut served = serve();
    let mut client = served.polling().await;

    let _invocation = served.session.offer(event("id-1", "{}")).unwrap();

    let names: Vec<_> = client.read().await.unwrap().headers.into_keys().collect();
    let expected = [
        "Content-Length",
        "Content-Type",
        "Lambda-Runtime-Aws-Request-Id",
        "Lambda-Runtime-Deadline-Ms",
        "Lambda-Runtime-Invoked-Function-Arn",
    ];
    assert_eq!(names, expected);
}

#[tokio::test]
async fn response_is_accepted_and_given_to_the_owner() {
    let mut served = serve();
    let mut client = served.polling().await;
    for id in ["id-1", "id-2"] {
        let mut invocation = served.session.offer(event(id, "{}")).unwrap();
        client.read().await.unwrap();

        let got = client.respond(id, "[1]").await;

        assert_eq!((got.status, got.text()), (202, "{\"status\":\"OK\"}"));
        let answer = invocation.answer().await.unwrap();
        let Answer::Response {
            content_type,
            payload,
        } = answer
        else {
            panic!("{answer:?}")
        };
        assert_eq!(
            (content_type.as_deref(), &payload[..]),
            (Some("application/json"), &b"[1]"[..])
        );
        client
            .send("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n")
            .await;
    }
}

#[tokio::test]
async fn event_offered_before_the_runtime_polls_waits_for_it() {
    let mut served = serve();
    let _invocation = served.session.offer(event("id-1", "{}")).unwrap();

    let got = served.client().await.next().await;

    assert_eq!(got.headers["Lambda-Runtime-Aws-Request-Id"], "id-1");
    assert!(matches!(
        served.events.next().await,
        Some(SessionEvent::RuntimeReady)
    ));
}

#[tokio::test]
async fn second_offer_while_one_runs_is_given_back() {
    let served = serve();
    let _invocation = served.session.offer(event("id-1", "{}")).unwrap();

    let refused = served.session.offer(event("id-2", "{}")).unwrap_err();

    assert_eq!(refused.event.request_id, "id-2");
}

#[tokio::test]
async fn error_report_carries_type_payload_and_cause() {
    let mut served = serve();
    let mut client = served.polling().await;
    let mut invocation = served.session.offer(event("id-1", "{}")).unwrap();
    client.read().await.unwrap();

    let headers = "Lambda-Runtime-Function-Error-Type: Runtime.MarshalError\r\n\
                   Lambda-Runtime-Function-XRay-Error-Cause: {\"exceptions\":[]}\r\n";
    let path = "/2018-06-01/runtime/invocation/id-1/error";
    let got = client.call(path, headers, "{\"errorMessage\":\"m\"}").await;

    assert_eq!((got.status, got.text()), (202, "{\"status\":\"OK\"}"));
    let answer = invocation.answer().await.unwrap();
    let Answer::Error(report) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(report.error_type.as_str(), "Runtime.MarshalError");
    assert_eq!(report.payload, "{\"errorMessage\":\"m\"}");
    assert_eq!(report.xray_cause.unwrap(), "{\"exceptions\":[]}");
}

#[tokio::test]
async fn error_cause_in_the_body_is_taken_out_of_it() {
    let mut served = serve();
    let mut client = served.polling().await;
    let media_type = "Content-Type: application/vnd.aws.lambda.error.cause+json\r\n";
    for (body, payload, cause) in [
        (
            "{\"errorMessage\":\"m\",\"errorCause\":{\"x\":1}}",
            "{\"errorMessage\":\"m\"}",
            Some("{\"x\":1}"),
        ),
        ("not json", "\"Invalid error body\"", None),
    ] {
        let mut invocation = served.session.offer(event("id", "{}")).unwrap();
        client.read().await.unwrap();

        client
            .call("/2018-06-01/runtime/invocation/id/error", media_type, body)
            .await;

        let answer = invocation.answer().await.unwrap();
        let Answer::Error(report) = answer else {
            panic!("{answer:?}")
        };
        assert_eq!(report.payload, payload);
        assert_eq!(report.xray_cause.as_deref(), cause.map(str::as_bytes));
        client
            .send("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n")
            .await;
    }
}

fn invalid_request_id() -> (u16, String, String) {
    (
        400,
        "InvalidRequestID".to_owned(),
        "Invalid request ID".to_owned(),
    )
}

#[tokio::test]
async fn answers_for_unknown_and_answered_ids_are_refused() {
    let mut served = serve();
    let mut client = served.polling().await;
    let mut invocation = served.session.offer(event("id-1", "{}")).unwrap();
    client.read().await.unwrap();

    assert_eq!(
        client.respond("somebody-elses", "1").await.refusal(),
        invalid_request_id()
    );
    assert_eq!(client.respond("id-1", "1").await.status, 202);
    assert_eq!(
        client.respond("id-1", "2").await.refusal(),
        invalid_request_id()
    );

    let answer = invocation.answer().await.unwrap();
    assert!(
        matches!(&answer, Answer::Response { payload, .. } if payload == "1"),
        "{answer:?}"
    );
    assert_eq!(served.session.abuse().refused_requests, 2);
}

#[tokio::test]
async fn answer_before_the_event_was_handed_out_is_refused() {
    let served = serve();
    let _invocation = served.session.offer(event("guessed", "{}")).unwrap();

    let got = served.client().await.respond("guessed", "1").await;

    assert_eq!(got.refusal(), invalid_request_id());
}

#[tokio::test]
async fn poll_on_a_new_connection_gets_the_running_invocation_again() {
    let mut served = serve();
    let mut client = served.polling().await;
    let _invocation = served.session.offer(event("id-1", "{}")).unwrap();
    client.read().await.unwrap();
    drop(client);

    let got = served.client().await.next().await;

    assert_eq!(got.headers["Lambda-Runtime-Aws-Request-Id"], "id-1");
}

#[tokio::test]
async fn event_for_a_poll_whose_connection_just_closed_goes_to_the_next_poll() {
    let mut served = serve();
    drop(served.polling().await);
    let mut invocation = served.session.offer(event("id-1", "{}")).unwrap();

    let mut client = served.client().await;
    assert_eq!(
        client.next().await.headers["Lambda-Runtime-Aws-Request-Id"],
        "id-1"
    );
    client.respond("id-1", "1").await;

    assert!(matches!(
        invocation.answer().await,
        Ok(Answer::Response { .. })
    ));
}

#[tokio::test]
async fn connection_that_breaks_in_the_middle_of_a_response_truncates_it() {
    let mut served = serve();
    let mut client = served.polling().await;
    let mut invocation = served.session.offer(event("id-1", "{}")).unwrap();
    client.read().await.unwrap();

    let head = "POST /2018-06-01/runtime/invocation/id-1/response HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf";
    client.send(head).await;
    drop(client);

    assert!(matches!(invocation.answer().await, Ok(Answer::Truncated)));
}

#[tokio::test]
async fn unknown_response_mode_is_refused_and_ends_the_invocation() {
    let mut served = serve();
    let mut client = served.polling().await;
    let mut invocation = served.session.offer(event("id-1", "{}")).unwrap();
    client.read().await.unwrap();

    let path = "/2018-06-01/runtime/invocation/id-1/response";
    let got = client
        .call(
            path,
            "Lambda-Runtime-Function-Response-Mode: trickle\r\n",
            "1",
        )
        .await;

    assert_eq!(got.refusal().1, "InvalidFunctionResponseMode");
    assert!(matches!(
        invocation.answer().await,
        Ok(Answer::InvalidResponseMode)
    ));
}

#[tokio::test]
async fn aborted_invocation_is_abandoned_and_its_late_answer_refused() {
    let mut served = serve();
    let mut client = served.polling().await;
    let mut invocation = served.session.offer(event("id-1", "{}")).unwrap();
    client.read().await.unwrap();

    served.session.abort_invocation("id-1");

    assert_eq!(invocation.answer().await.unwrap_err(), Abandoned);
    assert_eq!(
        client.respond("id-1", "1").await.refusal(),
        invalid_request_id()
    );
}

#[tokio::test]
async fn init_error_is_reported_once_with_its_real_media_type() {
    for (body, content_type) in [
        ("{}", "application/json"),
        ("oops", "application/octet-stream"),
    ] {
        let mut served = serve();
        let mut client = served.client().await;
        let headers = "Lambda-Runtime-Function-Error-Type: Runtime.ImportModuleError\r\nContent-Type: x/y\r\n";
        let path = "/2018-06-01/runtime/init/error";

        let accepted = client.call(path, headers, body).await;
        let refused = client.call(path, headers, body).await;

        assert_eq!(accepted.status, 202);
        assert_eq!(refused.refusal().1, "InvalidStateTransition");
        let Some(SessionEvent::InitError(report)) = served.events.next().await else {
            panic!()
        };
        assert_eq!(report.error_type.as_str(), "Runtime.ImportModuleError");
        assert_eq!(report.content_type.as_deref(), Some(content_type));
    }
}

#[tokio::test]
async fn poll_after_an_init_error_is_refused_in_aws_words() {
    let served = serve();
    let mut client = served.client().await;
    client
        .call("/2018-06-01/runtime/init/error", "", "{}")
        .await;

    let got = client.next().await;

    let expected = json!({
        "errorMessage": "State transition from InitError to Ready failed for runtime. Error: State transition is not allowed",
        "errorType": "InvalidStateTransition",
    });
    assert_eq!((got.status, got.json()), (403, expected));
}

#[tokio::test]
async fn idle_is_told_once_after_init_and_once_after_an_invocation_if_asked_for() {
    let mut served = serve();
    let mut client = served.polling().await;
    let _invocation = served.session.offer(event("id-1", "{}")).unwrap();
    client.read().await.unwrap();
    client.respond("id-1", "1").await;
    assert!(!served.session.is_idle());

    client
        .send("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n")
        .await;

    assert!(matches!(
        served.events.next().await,
        Some(SessionEvent::Idle)
    ));
    assert!(served.events.try_next().is_none());
}

#[tokio::test]
async fn idle_that_nobody_asked_for_is_only_noted() {
    let mut served = serve();
    let mut client = served.polling().await;
    let _invocation = served.session.offer(event("id-1", "{}")).unwrap();
    client.read().await.unwrap();
    client.respond("id-1", "1").await;
    client
        .send("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n")
        .await;

    // Answered once the poll is parked.
    let _next = served.session.offer(event("id-2", "{}")).unwrap();
    client.read().await.unwrap();

    assert!(served.events.try_next().is_none());
}

#[tokio::test]
async fn ping_is_answered_and_the_clients_name_is_kept() {
    let served = serve();
    let mut client = served.client().await;

    let got: Got = client.get("/2018-06-01/ping", "").await;
    client
        .call(
            "/2018-06-01/runtime/init/error",
            "User-Agent: aws-lambda-rust/1.0\r\n",
            "{}",
        )
        .await;

    assert_eq!((got.status, got.text()), (200, "pong"));
    assert_eq!(
        served.session.runtime_release().as_deref(),
        Some("aws-lambda-rust/1.0")
    );
}
