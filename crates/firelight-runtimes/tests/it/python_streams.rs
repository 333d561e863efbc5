//! The Python bootstrap's streamed responses, which AWS's own client does not have.

use std::time::Duration;

use bytes::Bytes;
use firelight_runtime_api::{Answer, StreamEnd, StreamPart, StreamedBody};
use firelight_runtimes::Family;
use serde_json::Value;

use crate::function::{Code, Function, interpreters};

async fn streamed(answer: Answer) -> (Option<String>, Bytes, StreamEnd) {
    let Answer::Stream { content_type, body } = answer else {
        panic!("{answer:?}")
    };
    let read = tokio::time::timeout(Duration::from_secs(30), read_all(body));
    let (data, end) = read.await.expect("the stream ends");
    (content_type, data, end)
}

async fn read_all(mut body: StreamedBody) -> (Bytes, StreamEnd) {
    let mut data = Vec::new();
    loop {
        match body.next().await.unwrap() {
            StreamPart::Data(part) => data.extend_from_slice(&part),
            StreamPart::End(end) => return (data.into(), end),
        }
    }
}

#[tokio::test]
async fn generator_is_streamed_part_by_part_again_and_again() {
    let code = "def f(event, context):
  yield 'text é '
  yield b'bytes '
  yield b''
  yield {'a': [1]}
  for _ in range(event['n']): yield 'x' * 1000
";
    for python in interpreters(Family::Python) {
        let mut function = Function::start(python, &Code::new("h.f", &[("h.py", code)]));

        for n in [0, 3_000] {
            let answer = function.invoke(format!("{{\"n\":{n}}}")).await;
            let (content_type, data, end) = streamed(answer).await;
            let begun = "text é bytes {\"a\": [1]}".as_bytes();
            assert_eq!(content_type.as_deref(), Some("application/octet-stream"));
            assert_eq!((&data[..begun.len()], end), (begun, StreamEnd::Complete));
            assert_eq!(data.len(), begun.len() + n * 1000, "{python}");
        }
    }
}

#[tokio::test]
async fn first_part_may_be_the_head_of_an_http_response() {
    let code = "def f(event, context):
  yield {'statusCode': 201, 'headers': {'a': 'b'}}
  yield 'body'
";
    for python in interpreters(Family::Python) {
        let mut function = Function::start(python, &Code::new("h.f", &[("h.py", code)]));

        let (content_type, data, _) = streamed(function.invoke("{}").await).await;

        let media_type = "application/vnd.awslambda.http-integration-response";
        assert_eq!(content_type.as_deref(), Some(media_type));
        let expected = b"{\"statusCode\": 201, \"headers\": {\"a\": \"b\"}}\0\0\0\0\0\0\0\0body";
        assert_eq!(&data[..], expected);
    }
}

#[tokio::test]
async fn generator_that_fails_midway_ends_with_error_trailers_and_one_that_fails_at_once_is_an_error()
 {
    let code = "def f(event, context):
  if event: yield 'begun'
  raise KeyError('late')
";
    for python in interpreters(Family::Python) {
        let mut function = Function::start(python, &Code::new("h.f", &[("h.py", code)]));

        let (_, data, end) = streamed(function.invoke("1").await).await;
        assert_eq!(data, "begun");
        let StreamEnd::Failed { body, .. } = end else {
            panic!("{end:?}")
        };
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["errorType"], "KeyError");

        let (_, payload) = function.error("0").await;
        assert_eq!(payload["errorType"], "KeyError");
    }
}

#[tokio::test]
async fn generator_without_a_part_is_an_empty_stream() {
    let code = "def f(event, context):\n  return\n  yield\n";
    for python in interpreters(Family::Python) {
        let mut function = Function::start(python, &Code::new("h.f", &[("h.py", code)]));

        let (_, data, end) = streamed(function.invoke("{}").await).await;

        assert_eq!((data.len(), end), (0, StreamEnd::Complete));
    }
}
