//! Responses that the runtime streams.

use std::time::Duration;

use firelight_runtime_api::{Answer, SessionEvent, StreamEnd, StreamPart, StreamedBody};

use crate::client::{Client, Served, event, serve};

const HEAD: &str = "POST /2018-06-01/runtime/invocation/id-1/response HTTP/1.1\r\nHost: x\r\n\
    Content-Type: text/plain\r\nLambda-Runtime-Function-Response-Mode: streaming\r\n\
    Transfer-Encoding: chunked\r\nTrailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n";

async fn streaming() -> (Served, Client, StreamedBody) {
    let mut served = serve();
    let mut client = served.polling().await;
    let mut invocation = served.session.offer(event("id-1", "{}")).unwrap();
    client.read().await.unwrap();
    client.send(HEAD).await;
    let answer = invocation.answer().await.unwrap();
    let Answer::Stream { content_type, body } = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(content_type.as_deref(), Some("text/plain"));
    (served, client, body)
}

#[tokio::test]
async fn time_of_an_answer_does_not_depend_on_when_it_is_taken() {
    let mut served = serve();
    let mut client = served.polling().await;
    let mut invocation = served.session.offer(event("id-1", "{}")).unwrap();
    client.read().await.unwrap();
    assert!(!served.session.runtime_waits());

    client.send(HEAD).await;
    client.send("3\r\none\r\n0\r\n\r\n").await;
    assert_eq!(client.read().await.unwrap().status, 202);
    client
        .send("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n")
        .await;
    while !matches!(
        served.events.next().await.unwrap(),
        SessionEvent::RuntimeAsked
    ) {}
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(3600)).await;
    invocation.answer().await.unwrap();

    let time = invocation.answer_time().unwrap();
    let asked_at = served.session.runtime_asked_at().unwrap();
    assert!(time.first_byte <= time.last_byte, "{time:?}");
    assert!(time.last_byte <= asked_at, "{time:?}, {asked_at:?}");
}

#[tokio::test]
async fn parts_arrive_as_they_are_written_and_then_the_end() {
    let (_served, mut client, mut body) = streaming().await;

    client.send("3\r\none\r\n").await;
    assert_eq!(body.next().await, Some(StreamPart::Data("one".into())));
    client.send("3\r\ntwo\r\n0\r\n\r\n").await;
    assert_eq!(body.next().await, Some(StreamPart::Data("two".into())));
    assert_eq!(
        body.next().await,
        Some(StreamPart::End(StreamEnd::Complete))
    );
    assert_eq!(body.next().await, None);

    assert_eq!(client.read().await.unwrap().status, 202);
}

#[tokio::test]
async fn trailers_tell_of_a_failure_midway() {
    let (_served, mut client, mut body) = streaming().await;

    client
        .send(
            "3\r\none\r\n0\r\nLambda-Runtime-Function-Error-Type: Function.Late\r\n\
             Lambda-Runtime-Function-Error-Body: eyJhIjoxfQ==\r\n\r\n",
        )
        .await;

    assert_eq!(body.next().await, Some(StreamPart::Data("one".into())));
    let Some(StreamPart::End(StreamEnd::Failed { error_type, body })) = body.next().await else {
        panic!("the stream failed")
    };
    assert_eq!(
        (error_type.as_str(), &body[..]),
        ("Function.Late", &b"{\"a\":1}"[..])
    );
}

#[tokio::test]
async fn broken_connection_truncates_the_stream() {
    let (_served, mut client, mut body) = streaming().await;

    client.send("3\r\none\r\n5\r\ntw").await;
    drop(client);

    assert_eq!(body.next().await, Some(StreamPart::Data("one".into())));
    while let Some(part) = body.next().await {
        assert!(matches!(
            part,
            StreamPart::Data(_) | StreamPart::End(StreamEnd::Truncated)
        ));
    }
}

#[tokio::test]
async fn slow_reader_holds_the_runtime_back() {
    let (_served, client, mut body) = streaming().await;
    let part = vec![b'x'; 64 * 1024];
    let mut frame = b"10000\r\n".to_vec();
    frame.extend_from_slice(&part);
    frame.extend_from_slice(b"\r\n");

    // The runtime writes until nothing more is taken: far less than what it would like to send.
    let mut written = 0;
    let mut stalls = 0;
    while stalls < 50 && written < 64 * 1024 * 1024 {
        match client.stream.try_write(&frame[written % frame.len()..]) {
            Ok(count) => {
                written += count;
                stalls = 0;
            }
            Err(_) => {
                tokio::task::yield_now().await;
                stalls += 1;
            }
        }
    }

    assert!(
        written < 32 * 1024 * 1024,
        "{written} bytes were taken without a reader"
    );
    assert!(matches!(body.next().await, Some(StreamPart::Data(_))));
}

#[tokio::test]
async fn runtime_may_finish_for_a_reader_that_left() {
    let (_served, mut client, body) = streaming().await;
    drop(body);

    for _ in 0..64 {
        client
            .send(format!("10000\r\n{}\r\n", "x".repeat(65536)))
            .await;
    }
    client.send("0\r\n\r\n").await;

    assert_eq!(client.read().await.unwrap().status, 202);
}
