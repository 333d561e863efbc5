//! The Telemetry and Logs APIs, with a consumer on the loopback that stands for the sandbox's.

use std::time::Duration;

use firelight_runtime_api::{Category, SessionEvent, TelemetryApi, TelemetryRecord};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::client::{Client, Got, Served, serve};

async fn registered(served: &mut Served) -> (Client, String) {
    let mut client = served.client().await;
    let headers = "Lambda-Extension-Name: agent\r\n";
    let got = client
        .call("/2020-01-01/extension/register", headers, "")
        .await;
    served.events.next().await;
    let id = got.headers["Lambda-Extension-Identifier"].clone();
    (client, format!("Lambda-Extension-Identifier: {id}\r\n"))
}

async fn subscribe(client: &mut Client, path: &str, headers: &str, body: &Value) -> Got {
    let body = body.to_string();
    let length = body.len();
    client
        .send(format!(
            "PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        ))
        .await;
    client.read().await.unwrap()
}

fn subscription(destination: &Value) -> Value {
    json!({
        "schemaVersion": "2022-12-13", "types": ["platform", "function"], "destination": destination,
        "buffering": {"maxItems": 1000, "maxBytes": 262_144, "timeoutMs": 25},
    })
}

fn record(category: Category, kind: &str, record: &Value) -> TelemetryRecord {
    TelemetryRecord {
        category,
        only_for: None,
        time: "2022-10-12T00:00:15.064Z".to_owned(),
        kind: kind.to_owned(),
        record: record.clone(),
    }
}

/// Reads one delivered batch and acknowledges it.
async fn delivered(stream: &mut BufReader<TcpStream>) -> (String, Value) {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(stream.read_line(&mut head).await.unwrap(), 0, "{head}");
    }
    let lower = head.to_lowercase();
    let length = lower
        .split("content-length: ")
        .nth(1)
        .unwrap()
        .lines()
        .next()
        .unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).await.unwrap();
    stream
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK")
        .await
        .unwrap();
    (lower, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn http_subscriber_gets_batches_of_what_it_asked_for() {
    let consumer = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = consumer.local_addr().unwrap().port();
    let mut served = serve();
    let (mut client, headers) = registered(&mut served).await;
    let uri = format!("http://sandbox.localdomain:{port}/collect");

    let body = subscription(&json!({"protocol": "HTTP", "URI": uri}));
    let got = subscribe(&mut client, "/2022-07-01/telemetry", &headers, &body).await;

    assert_eq!((got.status, got.text()), (200, "\"OK\""));
    let Some(SessionEvent::TelemetrySubscribed {
        name,
        api,
        categories,
    }) = served.events.next().await
    else {
        panic!("the owner is told")
    };
    assert_eq!((name.as_str(), api), ("agent", TelemetryApi::Telemetry));
    assert_eq!(categories, [Category::Platform, Category::Function]);

    served.session.publish(&record(
        Category::Platform,
        "platform.start",
        &json!({"requestId": "1"}),
    ));
    served.session.publish(&record(
        Category::Extension,
        "extension",
        &json!("unwanted"),
    ));
    served
        .session
        .publish(&record(Category::Function, "function", &json!("a line\n")));

    let mut stream = BufReader::new(consumer.accept().await.unwrap().0);
    let mut events = Vec::new();
    while events.len() < 2 {
        let (head, batch) = delivered(&mut stream).await;
        assert!(head.starts_with("post /collect http/1.1\r\n"), "{head}");
        assert!(
            head.contains(&format!("host: sandbox.localdomain:{port}\r\n")),
            "{head}"
        );
        events.extend(batch.as_array().unwrap().clone());
    }
    let time = "2022-10-12T00:00:15.064Z";
    assert_eq!(
        events[0],
        json!({"time": time, "type": "platform.start", "record": {"requestId": "1"}})
    );
    assert_eq!(
        events[1],
        json!({"time": time, "type": "function", "record": "a line\n"})
    );
}

#[tokio::test]
async fn an_environment_has_one_of_the_two_apis() {
    let mut served = serve();
    let (mut client, headers) = registered(&mut served).await;
    let body = subscription(&json!({"protocol": "TCP", "port": 9}));
    subscribe(&mut client, "/2022-07-01/telemetry", &headers, &body).await;

    let other = subscribe(&mut client, "/2020-08-15/logs", &headers, &body).await;
    let again = subscribe(&mut client, "/2022-07-01/telemetry", &headers, &body).await;

    assert_eq!((other.status, again.status), (400, 200), "{}", other.text());
    assert!(other.text().contains("ValidationError"), "{}", other.text());
}

#[tokio::test]
async fn tcp_subscriber_gets_one_record_a_line() {
    let consumer = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = consumer.local_addr().unwrap().port();
    let mut served = serve();
    let (mut client, headers) = registered(&mut served).await;
    let body = json!({"types": ["function"], "destination": {"protocol": "TCP", "port": port}});
    let got = subscribe(&mut client, "/2020-08-15/logs", &headers, &body).await;
    assert_eq!(got.status, 200);

    for number in 0..3 {
        served
            .session
            .publish(&record(Category::Function, "function", &json!(number)));
    }

    let mut lines = BufReader::new(consumer.accept().await.unwrap().0).lines();
    for number in 0..3 {
        let line: Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
        assert_eq!(line["record"], number);
    }
}

#[tokio::test]
async fn subscriber_that_falls_behind_learns_what_it_lost() {
    let consumer = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = consumer.local_addr().unwrap().port();
    let mut served = serve();
    let (mut client, headers) = registered(&mut served).await;
    let uri = format!("http://sandbox.localdomain:{port}/");
    let body = subscription(&json!({"protocol": "HTTP", "URI": uri}));
    subscribe(&mut client, "/2022-07-01/telemetry", &headers, &body).await;

    // Nothing is delivered while this task does not yield, and a thousand records are all that may wait.
    for number in 0..1500 {
        served
            .session
            .publish(&record(Category::Function, "function", &json!(number)));
    }

    let mut stream = BufReader::new(consumer.accept().await.unwrap().0);
    let (_, batch) = delivered(&mut stream).await;
    let last = batch.as_array().unwrap().last().unwrap().clone();
    assert_eq!(last["type"], "platform.logsDropped");
    assert_eq!(last["record"]["droppedRecords"], 500);
}

#[tokio::test]
async fn subscriptions_are_refused_when_invalid_unknown_or_late() {
    let mut served = serve();
    let (mut client, headers) = registered(&mut served).await;
    let good = subscription(&json!({"protocol": "TCP", "port": 9999}));
    let path = "/2022-07-01/telemetry";

    let got = subscribe(&mut client, path, &headers, &json!({"types": []})).await;
    assert_eq!(
        (got.status, got.refusal().1.as_str()),
        (400, "ValidationError")
    );
    let got = subscribe(&mut client, path, "", &good).await;
    assert_eq!(got.refusal().1, "Extension.MissingExtensionIdentifier");

    let mut runtime = served.client().await;
    runtime
        .send("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n")
        .await;
    assert!(matches!(
        served.events.next().await,
        Some(SessionEvent::RuntimeReady)
    ));
    let got = subscribe(&mut client, path, &headers, &good).await;
    assert_eq!(got.status, 200, "the init lasts as long as the extension's");

    let mut extension = served.client().await;
    extension
        .send(&format!(
            "GET /2020-01-01/extension/event/next HTTP/1.1\r\nHost: x\r\n{headers}\r\n"
        ))
        .await;
    while !matches!(served.events.next().await, Some(SessionEvent::Idle)) {}
    let got = subscribe(&mut client, path, &headers, &good).await;
    assert_eq!(
        (got.status, got.refusal().1.as_str()),
        (403, "Telemetry.SubscriptionClosed")
    );
}

/// A subscription whose batches fill for as long as they may.
fn patient(port: u16) -> Value {
    json!({
        "schemaVersion": "2022-12-13", "types": ["platform", "function"],
        "destination": {"protocol": "TCP", "port": port},
        "buffering": {"timeoutMs": 30_000},
    })
}

async fn next_record(lines: &mut tokio::io::Lines<BufReader<TcpStream>>) -> Value {
    serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap()
}

#[tokio::test]
async fn subscriber_gets_what_happened_earlier_in_the_init_and_a_flush_sends_it_at_once() {
    let consumer = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = consumer.local_addr().unwrap().port();
    let mut served = serve();
    let (mut client, headers) = registered(&mut served).await;
    let early = record(Category::Platform, "platform.initStart", &json!({}));
    served.session.publish(&early);

    subscribe(
        &mut client,
        "/2022-07-01/telemetry",
        &headers,
        &patient(port),
    )
    .await;
    served
        .session
        .publish(&record(Category::Function, "function", &json!("later")));
    served.session.flush_telemetry();

    let mut lines = BufReader::new(consumer.accept().await.unwrap().0).lines();
    assert_eq!(next_record(&mut lines).await["type"], "platform.initStart");
    assert_eq!(next_record(&mut lines).await["record"], "later");
}

#[tokio::test]
async fn nothing_is_kept_once_the_init_is_over_and_nobody_subscribed() {
    let served = serve();
    assert!(served.session.wants_telemetry());

    served.session.end_init_telemetry();

    assert!(!served.session.wants_telemetry());
}

#[tokio::test]
async fn frozen_subscriber_gets_its_records_when_it_is_thawed() {
    let consumer = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = consumer.local_addr().unwrap().port();
    let mut served = serve();
    let (mut client, headers) = registered(&mut served).await;
    subscribe(
        &mut client,
        "/2022-07-01/telemetry",
        &headers,
        &patient(port),
    )
    .await;

    served.session.pause_telemetry();
    served
        .session
        .publish(&record(Category::Function, "function", &json!("slept")));
    served.session.flush_telemetry();
    let early = tokio::time::timeout(Duration::from_millis(50), consumer.accept()).await;
    assert!(early.is_err(), "a frozen sandbox was connected to");
    served.session.resume_telemetry();

    let mut lines = BufReader::new(consumer.accept().await.unwrap().0).lines();
    assert_eq!(next_record(&mut lines).await["record"], "slept");
}

#[tokio::test]
async fn each_api_gets_its_own_form_of_a_record() {
    let consumer = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = consumer.local_addr().unwrap().port();
    let mut served = serve();
    let (mut client, headers) = registered(&mut served).await;
    let body = json!({"types": ["platform"], "destination": {"protocol": "TCP", "port": port}});
    subscribe(&mut client, "/2020-08-15/logs", &headers, &body).await;

    for (api, kind) in [
        (TelemetryApi::Telemetry, "platform.runtimeDone"),
        (TelemetryApi::Logs, "platform.end"),
    ] {
        served.session.publish(&TelemetryRecord {
            only_for: Some(api),
            ..record(Category::Platform, kind, &json!({}))
        });
    }

    let mut lines = BufReader::new(consumer.accept().await.unwrap().0).lines();
    assert_eq!(next_record(&mut lines).await["type"], "platform.end");
}

#[tokio::test]
async fn subscriber_that_never_reads_holds_up_neither_the_function_nor_another_subscriber() {
    let (stalling, reading) = (
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
    );
    let mut served = serve();
    for consumer in [&stalling, &reading] {
        let mut client = served.client().await;
        let name = format!(
            "Lambda-Extension-Name: {}\r\n",
            consumer.local_addr().unwrap().port()
        );
        let got = client
            .call("/2020-01-01/extension/register", &name, r#"{"events":[]}"#)
            .await;
        served.events.next().await;
        let id = &got.headers["Lambda-Extension-Identifier"];
        let headers = format!("Lambda-Extension-Identifier: {id}\r\n");
        let port = consumer.local_addr().unwrap().port();
        let body = json!({
            "schemaVersion": "2022-12-13", "types": ["function"],
            "destination": {"protocol": "TCP", "port": port}, "buffering": {"timeoutMs": 25},
        });
        let got = subscribe(&mut client, "/2022-07-01/telemetry", &headers, &body).await;
        assert_eq!(got.status, 200);
    }

    let line = "x".repeat(64 * 1024);
    let (_held, accepted) = tokio::join!(stalling.accept(), async {
        for _ in 0..200 {
            let line = record(Category::Function, "function", &json!(line));
            served.session.publish(&line);
            tokio::task::yield_now().await;
        }
        let last = record(Category::Function, "function", &json!("last"));
        // What came before may fill the queue for a moment.
        let mut lines = BufReader::new(reading.accept().await.unwrap().0).lines();
        loop {
            served.session.publish(&last);
            if next_record(&mut lines).await["record"] == "last" {
                return true;
            }
        }
    });

    assert!(accepted);
}
