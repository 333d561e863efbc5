//! Buffered mode: what the function gets, and what becomes of its result.

use bytes::Bytes;
use firelight_invoke::{Completed, FunctionResult, NotStarted, Outcome, ResponseMode};

use super::visitor::{Visitor, values};
use crate::script::Script;

#[tokio::test]
async fn request_reaches_the_function_as_an_event_and_its_result_is_the_answer() {
    let script = Script::giving(
        r#"{"statusCode":201,"headers":{"X-Made":"here"},"cookies":["a=b","c=d"],"body":"done"}"#,
    );
    let visitor = Visitor::of(&script).await;

    let headers = "Content-Type: text/plain\r\nCookie: k=v\r\nX-Custom: One\r\nX-Custom: two\r\n";
    let answer = visitor.ask("PUT", "/p/q?a=1&a=2", headers, "héllo").await;

    assert_eq!((answer.status, answer.body.as_str()), (201, "done"));
    assert_eq!(values(&answer, "x-made"), ["here"]);
    assert_eq!(values(&answer, "set-cookie"), ["a=b", "c=d"]);
    assert_eq!(values(&answer, "content-type"), ["application/json"]);
    let event = script.event();
    let context = &event["requestContext"];
    assert_eq!(event["rawPath"], "/p/q");
    assert_eq!(event["rawQueryString"], "a=1&a=2");
    assert_eq!(event["queryStringParameters"]["a"], "1,2");
    assert_eq!(event["headers"]["x-custom"], "One,two");
    assert_eq!(event["cookies"][0], "k=v");
    assert_eq!(event["body"], "héllo");
    assert_eq!(context["http"]["method"], "PUT");
    assert_eq!(context["http"]["sourceIp"], "127.0.0.1");
    assert_eq!(context["apiId"], visitor.id.as_str());
    assert_eq!(context["accountId"], "anonymous");
    let domain = visitor.host();
    assert_eq!(context["domainName"], domain.trim_end_matches(":4566"));
}

#[tokio::test]
async fn request_id_of_the_answer_is_that_of_the_invocation() {
    let script = Script::giving("null");
    let visitor = Visitor::of(&script).await;

    let answer = visitor.get("/").await;

    let id = script.calls()[0].request_id.to_string();
    assert_eq!(values(&answer, "x-amzn-requestid"), [id.as_str()]);
    assert_eq!(script.event()["requestContext"]["requestId"], id.as_str());
    assert!(values(&answer, "x-amz-request-id").is_empty());
    assert_eq!(script.calls()[0].response_mode, ResponseMode::Buffered);
}

#[tokio::test]
async fn path_form_serves_where_no_name_leads_here() {
    let script = Script::giving(r#""hello""#);
    let visitor = Visitor::of(&script).await;

    let path = format!("/_firelight/url/{}/x/y?z=1", visitor.id);
    let answer = visitor.server.get(&path).await;

    assert_eq!((answer.status, answer.body.as_str()), (200, "hello"));
    assert_eq!(script.event()["rawPath"], "/x/y");
    assert_eq!(script.event()["headers"]["host"], "h");
}

#[tokio::test]
async fn head_is_answered_without_a_body() {
    let script = Script::giving(r#""hello""#);
    let visitor = Visitor::of(&script).await;

    let answer = visitor.ask("HEAD", "/", "", "").await;

    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    assert_eq!(values(&answer, "content-length"), ["5"]);
    assert_eq!(script.event()["requestContext"]["http"]["method"], "HEAD");
}

#[tokio::test]
async fn failure_of_the_function_is_a_bad_gateway_without_details() {
    let script = Script::new(|_| {
        let error = Bytes::from_static(br#"{"errorMessage":"secret"}"#);
        Outcome::Completed(Completed {
            result: FunctionResult::Error(error),
            log_tail: None,
        })
    });
    let visitor = Visitor::of(&script).await;

    let answer = visitor.get("/").await;

    let expected = (502, "Internal Server Error");
    assert_eq!((answer.status, answer.body.as_str()), expected);
}

#[tokio::test]
async fn malformed_result_is_a_bad_gateway() {
    let visitor = Visitor::of(&Script::giving(r#"{"statusCode":"ok"}"#)).await;

    let answer = visitor.get("/").await;

    let expected = (502, "Internal Server Error");
    assert_eq!((answer.status, answer.body.as_str()), expected);
}

#[tokio::test]
async fn throttle_is_told_as_one() {
    let script = Script::new(|_| {
        Outcome::NotStarted(NotStarted::NoCapacity {
            reason: "full".into(),
        })
    });
    let visitor = Visitor::of(&script).await;

    let answer = visitor.get("/").await;

    assert_eq!(answer.status, 429);
    let reason = r#"{"Reason":"ConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}"#;
    assert_eq!(answer.body, reason);
}

#[tokio::test]
async fn version_that_changes_under_the_request_is_resolved_anew() {
    let attempts = std::sync::atomic::AtomicU32::new(0);
    let script = Script::new(move |call| {
        match attempts.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => Outcome::NotStarted(NotStarted::NoSuchVersion(call.version.clone())),
            _ => crate::script::success("3"),
        }
    });
    let visitor = Visitor::of(&script).await;

    let answer = visitor.get("/").await;

    assert_eq!((answer.status, answer.body.as_str()), (200, "3"));
}

#[tokio::test]
async fn oversized_body_is_refused_before_the_function_sees_it() {
    let script = Script::giving("null");
    let visitor = Visitor::of(&script).await;

    let answer = visitor.ask("POST", "/", "", &"x".repeat(6_291_457)).await;

    assert_eq!(answer.status, 413);
    assert!(script.calls().is_empty());
}

#[tokio::test]
async fn web_socket_and_strange_methods_are_refused_cleanly() {
    let script = Script::giving("null");
    let visitor = Visitor::of(&script).await;

    let socket = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
    let socket = visitor.ask("GET", "/", socket, "").await;
    let strange = visitor.ask("TRACE", "/", "", "").await;
    let calls_before = script.calls().len();
    let offer = visitor.ask("GET", "/", "Upgrade: h2c\r\n", "").await;

    assert_eq!((socket.status, strange.status), (400, 405));
    assert_eq!((calls_before, offer.status), (0, 200));
}
