//! InvokeWithResponseStream over real sockets, its frames read back by another implementation than ours.

use std::sync::Arc;

use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder};
use bytes::{Buf, Bytes, BytesMut};
use firelight_api::Authentication;
use firelight_invoke::{LogTail, NotStarted, Outcome, ResponseMode, StreamItem, Streaming};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::lambda::plane::{Api, Plane};
use crate::script::{Script, bad_end, data, good_end, stream};
use crate::support::server_with;

const PATH: &str = "/2021-11-15/functions/f/response-streaming-invocations";

async fn api(script: &Arc<Script>) -> Api {
    let plane = Plane::start().await;
    let lambda = plane.lambda_over(script.clone());
    let server = server_with(Authentication::AnyCredentials, lambda).await;
    let api = Api::on(server, plane);
    api.active("f").await;
    api
}

/// One answer, taken apart.
struct Streamed {
    head: String,
    /// Event types with their payloads.
    frames: Vec<(String, String)>,
    /// Whether the answer came to its end.
    whole: bool,
}

impl Streamed {
    async fn of(api: &Api, headers: &str) -> Self {
        let mut connection = TcpStream::connect(api.server().address).await.unwrap();
        let request = format!(
            "POST {PATH} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{headers}\
             Content-Length: 2\r\n\r\n{{}}"
        );
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        connection.read_to_end(&mut bytes).await.unwrap();
        Self::parse(&bytes)
    }

    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
        let (body, whole) = unchunked(&bytes[end + 4..]);
        Self {
            head: String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase(),
            frames: frames(body),
            whole,
        }
    }

    fn pairs(&self) -> Vec<(&str, &str)> {
        let frames = self.frames.iter();
        frames
            .map(|(event, payload)| (event.as_str(), payload.as_str()))
            .collect()
    }
}

/// Undoes the chunked coding; tells whether its last chunk was there.
fn unchunked(mut rest: &[u8]) -> (Bytes, bool) {
    let mut body = BytesMut::new();
    while let Some(line) = rest.windows(2).position(|w| w == b"\r\n") {
        let length = std::str::from_utf8(&rest[..line]).unwrap();
        let length = usize::from_str_radix(length, 16).unwrap();
        rest.advance(line + 2);
        if length == 0 {
            return (body.freeze(), true);
        }
        body.extend_from_slice(&rest[..length]);
        rest.advance(length + 2);
    }
    (body.freeze(), false)
}

fn frames(mut body: Bytes) -> Vec<(String, String)> {
    let mut decoder = MessageFrameDecoder::new();
    let mut frames = Vec::new();
    while let DecodedFrame::Complete(message) = decoder.decode_frame(&mut body).unwrap() {
        let headers = message.headers();
        let event = headers.iter().find(|h| h.name().as_str() == ":event-type");
        let event = event.unwrap().value().as_string().unwrap().as_str();
        let payload = String::from_utf8(message.payload().to_vec()).unwrap();
        frames.push((event.to_owned(), payload));
    }
    frames
}

#[tokio::test]
async fn parts_of_the_response_are_frames_and_the_last_one_completes() {
    let script = Script::new(|_| {
        stream(
            Some("text/plain"),
            &[data("hello "), data("world"), good_end()],
        )
    });
    let api = api(&script).await;

    let answer = Streamed::of(&api, "").await;

    assert!(answer.head.starts_with("http/1.1 200"), "{}", answer.head);
    for header in [
        "content-type: application/vnd.amazon.eventstream",
        "x-amzn-remapped-content-type: text/plain",
        "x-amz-executed-version: $latest",
        "transfer-encoding: chunked",
        "x-amzn-requestid: ",
    ] {
        assert!(answer.head.contains(header), "{header}: {}", answer.head);
    }
    let expected = [
        ("PayloadChunk", "hello "),
        ("PayloadChunk", "world"),
        ("InvokeComplete", "{}"),
    ];
    assert_eq!(answer.pairs(), expected);
    assert!(answer.whole);
    let call = &script.calls()[0];
    assert_eq!(call.response_mode, ResponseMode::Streaming);
    assert_eq!(call.log_tail, LogTail::None);
}

#[tokio::test]
async fn error_of_the_function_stands_in_the_last_frame_with_the_log() {
    let details = r#"{"errorType":"Sandbox.Timedout"}"#;
    let script = Script::new(move |_| {
        let StreamItem::End { error, .. } = bad_end("Sandbox.Timedout", details) else {
            unreachable!("an end is an end");
        };
        let log_tail = Some(Bytes::from_static(b"END"));
        stream(None, &[data("half"), StreamItem::End { error, log_tail }])
    });
    let api = api(&script).await;

    let answer = Streamed::of(&api, "X-Amz-Log-Type: Tail\r\n").await;

    assert!(answer.head.starts_with("http/1.1 200"), "{}", answer.head);
    assert_eq!(answer.frames[0].1, "half");
    let complete: Value = serde_json::from_str(&answer.frames[1].1).unwrap();
    let expected = json!({
        "ErrorCode": "Sandbox.Timedout",
        "ErrorDetails": details,
        "LogResult": "RU5E",
    });
    assert_eq!(complete, expected);
    assert_eq!(script.calls()[0].log_tail, LogTail::Wanted);
}

#[tokio::test]
async fn stream_that_is_lost_ends_without_the_last_chunk() {
    let script = Script::new(|_| stream(None, &[data("half")]));
    let api = api(&script).await;

    let answer = Streamed::of(&api, "").await;

    assert_eq!(answer.pairs(), [("PayloadChunk", "half")]);
    assert!(!answer.whole);
}

#[tokio::test]
async fn what_keeps_the_function_from_running_is_an_ordinary_error() {
    let no_room = || NotStarted::NoCapacity {
        reason: "full".into(),
    };
    let script = Script::new(move |_| Outcome::NotStarted(no_room()));
    let api = api(&script).await;

    let throttled = api.post(PATH, json!({})).await;
    let not_json = api.raw("POST", PATH, "hello").await;
    let path = "/2021-11-15/functions/none/response-streaming-invocations";
    let unknown = api.post(path, json!({})).await;

    throttled.refused(429, "TooManyRequestsException", "Rate Exceeded.");
    assert_eq!(not_json.status, 400);
    assert!(not_json.body.contains("Could not parse request body"));
    unknown.refused(
        404,
        "ResourceNotFoundException",
        "Function not found: arn:aws:lambda:us-east-1:000000000000:function:none:$LATEST",
    );
}

#[tokio::test]
async fn dry_run_asks_the_function_nothing() {
    let script = Script::giving("null");
    let api = api(&script).await;

    let request = format!(
        "POST {PATH} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\
         X-Amz-Invocation-Type: DryRun\r\nContent-Length: 0\r\n\r\n"
    );
    let answer = api.server().send(request).await;

    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    assert!(script.calls().is_empty());
}

#[tokio::test]
async fn reader_that_stops_reading_holds_the_function_back() {
    let (parts, receiver) = mpsc::channel(1);
    let receiver = std::sync::Mutex::new(Some(receiver));
    let script = Script::new(move |_| {
        let receiver = receiver.lock().unwrap().take().unwrap();
        Outcome::Streaming(Streaming::new(None, receiver))
    });
    let api = api(&script).await;
    let mut connection = TcpStream::connect(api.server().address).await.unwrap();
    let request = format!("POST {PATH} HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{{}}");
    connection.write_all(request.as_bytes()).await.unwrap();

    // The buffers of the connection take some parts; then nobody asks for more.
    let part = || StreamItem::Data(Bytes::from(vec![b'x'; 1 << 20]));
    let mut taken = 0;
    let patience = std::time::Duration::from_millis(300);
    while tokio::time::timeout(patience, parts.send(part()))
        .await
        .is_ok()
    {
        taken += 1;
        assert!(taken < 64, "nobody holds the function back");
    }

    let mut read = vec![0; 4 << 20];
    connection.read_exact(&mut read).await.unwrap();
    parts.send(part()).await.unwrap();
}
