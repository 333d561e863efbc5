//! The Extensions API.

use firelight_runtime_api::{ExtensionEvent, ExtensionKind, SessionEvent, ShutdownReason};
use serde_json::json;

use crate::client::{Client, Served, event, serve};

const REGISTER: &str = "/2020-01-01/extension/register";
const BOTH: &str = r#"{"events":["INVOKE","SHUTDOWN"]}"#;

fn named(name: &str) -> String {
    format!("Lambda-Extension-Name: {name}\r\n")
}

fn identified(id: &str) -> String {
    format!("Lambda-Extension-Identifier: {id}\r\n")
}

async fn registered(served: &Served) -> (Client, String) {
    let mut client = served.client().await;
    let got = client.call(REGISTER, &named("agent"), BOTH).await;
    let id = got.headers["Lambda-Extension-Identifier"].clone();
    (client, id)
}

/// Asks for the next event and leaves the request waiting.
async fn ask(client: &mut Client, id: &str) {
    let identified = identified(id);
    client
        .send(format!(
            "GET /2020-01-01/extension/event/next HTTP/1.1\r\nHost: x\r\n{identified}\r\n"
        ))
        .await;
}

#[tokio::test]
async fn extension_registers_and_learns_of_the_function() {
    let mut served = serve();
    let mut client = served.client().await;
    let headers = format!(
        "{}Lambda-Extension-Accept-Feature: accountId\r\n",
        named("agent")
    );

    let got = client.call(REGISTER, &headers, BOTH).await;

    let expected = json!({
        "functionName": "f", "functionVersion": "3", "handler": "h.f", "accountId": "000000000000",
    });
    assert_eq!((got.status, got.json()), (200, expected));
    assert_eq!(got.headers["Lambda-Extension-Identifier"].len(), 36);
    let Some(SessionEvent::ExtensionRegistered { name, kind, events }) = served.events.next().await
    else {
        panic!("the owner is told")
    };
    assert_eq!((name.as_str(), kind), ("agent", ExtensionKind::External));
    assert_eq!(events, [ExtensionEvent::Invoke, ExtensionEvent::Shutdown]);
}

#[tokio::test]
async fn environment_is_idle_when_the_runtime_and_every_extension_wait() {
    let mut served = serve();
    let (mut extension, id) = registered(&served).await;
    let mut runtime = served.client().await;
    runtime
        .send("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n")
        .await;
    assert!(matches!(
        served.events.next().await,
        Some(SessionEvent::ExtensionRegistered { .. })
    ));
    assert!(matches!(
        served.events.next().await,
        Some(SessionEvent::RuntimeReady)
    ));
    assert!(!served.session.is_idle());

    ask(&mut extension, &id).await;

    assert!(matches!(
        served.events.next().await,
        Some(SessionEvent::ExtensionReady { .. })
    ));
    assert!(matches!(
        served.events.next().await,
        Some(SessionEvent::Idle)
    ));
}

#[tokio::test]
async fn extension_is_told_of_the_invocation_and_holds_the_environment_busy_until_it_asks_again() {
    let mut served = serve();
    let (mut extension, id) = registered(&served).await;
    ask(&mut extension, &id).await;
    let mut runtime = served.polling().await;
    let mut offered = event("id-1", "{}");
    offered.trace_id = Some("Root=1".to_owned());

    let _invocation = served.session.offer(offered).unwrap();

    let got = extension.read().await.unwrap();
    assert_eq!(got.headers["Lambda-Extension-Event-Identifier"].len(), 36);
    let expected = json!({
        "eventType": "INVOKE", "deadlineMs": 1_700_000_000_123_u64, "requestId": "id-1",
        "invokedFunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:f",
        "tracing": {"type": "X-Amzn-Trace-Id", "value": "Root=1"},
    });
    assert_eq!(got.json(), expected);
    runtime.read().await.unwrap();
    runtime.respond("id-1", "1").await;
    runtime
        .send("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n")
        .await;
    assert!(!served.session.is_idle());
    ask(&mut extension, &id).await;
    assert!(matches!(
        served.events.next().await,
        Some(SessionEvent::Idle)
    ));
}

#[tokio::test]
async fn shutdown_reaches_only_who_asked_for_it() {
    let served = serve();
    let (mut extension, id) = registered(&served).await;
    let mut internal = served.client().await;
    internal
        .call(REGISTER, &named("inside"), r#"{"events":["INVOKE"]}"#)
        .await;
    ask(&mut extension, &id).await;

    // The request may still be on its way: the message then waits for it.
    let told = served.session.shutdown(ShutdownReason::Timeout, 99);

    assert_eq!(told, 1);
    let expected = json!({"eventType": "SHUTDOWN", "shutdownReason": "timeout", "deadlineMs": 99});
    assert_eq!(extension.read().await.unwrap().json(), expected);
    assert_eq!(served.session.shutdown(ShutdownReason::Failure, 100), 0);
}

#[tokio::test]
async fn registrations_that_are_not_allowed_are_refused_by_type() {
    let served = serve();
    let mut client = served.client().await;
    let cases = [
        (
            "",
            BOTH,
            "Extension.InvalidExtensionName",
            "Empty extension name",
        ),
        (
            "agent",
            r#"{"events":["DANCE"]}"#,
            "Extension.InvalidEventType",
            "",
        ),
        ("inside", BOTH, "Extension.InvalidEventType", ""),
        ("agent", "{", "InvalidRequestFormat", ""),
        (
            "agent",
            r#"{"configurationKeys":[]}"#,
            "InvalidRequestFormat",
            "",
        ),
    ];
    for (name, body, error_type, message) in cases {
        let got = client.call(REGISTER, &named(name), body).await.refusal();

        assert_eq!((got.0, got.1.as_str()), (403, error_type), "{body}");
        assert!(message.is_empty() || got.2 == message);
    }
}

#[tokio::test]
async fn eleventh_extension_is_one_too_many() {
    let served = serve();
    let mut client = served.client().await;
    for number in 0..10 {
        let got = client
            .call(REGISTER, &named(&format!("e{number}")), "")
            .await;
        assert_eq!(got.status, 200);
    }

    let refusal = client.call(REGISTER, &named("e10"), "").await.refusal();

    assert_eq!(refusal.1, "Extension.TooManyExtensions");
    assert_eq!(refusal.2, "Extension limit (10) reached");
}

#[tokio::test]
async fn registration_closes_when_the_runtime_is_ready() {
    let mut served = serve();
    let _runtime = served.polling().await;

    let refusal = served
        .client()
        .await
        .call(REGISTER, &named("agent"), BOTH)
        .await
        .refusal();

    let message = "Extension registration closed already";
    assert_eq!(
        (refusal.1.as_str(), refusal.2.as_str()),
        ("Extension.RegistrationClosed", message)
    );
}

#[tokio::test]
async fn requests_without_a_known_identifier_are_refused() {
    let served = serve();
    let mut client = served.client().await;
    let unknown = "00000000-0000-4000-8000-000000000000";
    let cases = [
        (String::new(), "Extension.MissingExtensionIdentifier"),
        (
            identified("nonsense"),
            "Extension.InvalidExtensionIdentifier",
        ),
        (identified(unknown), "Extension.UnknownExtensionIdentifier"),
    ];
    for (headers, error_type) in cases {
        let got = client
            .get("/2020-01-01/extension/event/next", &headers)
            .await;

        assert_eq!((got.status, got.refusal().1.as_str()), (403, error_type));
    }
}

#[tokio::test]
async fn reported_errors_need_a_type_and_end_the_extension() {
    let mut served = serve();
    let (mut extension, id) = registered(&served).await;
    served.events.next().await;
    let headers = identified(&id);
    let path = "/2020-01-01/extension/init/error";

    let refusal = extension.call(path, &headers, "{}").await.refusal();
    assert_eq!(refusal.1, "Extension.MissingHeader");
    let headers = format!("{headers}Lambda-Extension-Function-Error-Type: Extension.Config\r\n");
    let got = extension.call(path, &headers, "{\"a\":1}").await;

    assert_eq!((got.status, got.text()), (202, "{\"status\":\"OK\"}"));
    let Some(SessionEvent::ExtensionInitError {
        name,
        error_type,
        payload,
    }) = served.events.next().await
    else {
        panic!("the owner is told")
    };
    assert_eq!(
        (name.as_str(), error_type.as_str()),
        ("agent", "Extension.Config")
    );
    assert_eq!(payload, "{\"a\":1}");
    let got = extension
        .get("/2020-01-01/extension/event/next", &identified(&id))
        .await
        .refusal();
    let message = "State transition from InitError to Ready failed for extension agent. Error: State transition is not allowed";
    assert_eq!(
        (got.1.as_str(), got.2.as_str()),
        ("Extension.InvalidExtensionState", message)
    );
}
