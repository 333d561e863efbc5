//! Streaming mode.

use std::sync::Arc;

use firelight_invoke::{ResponseMode, StreamItem};
use firelight_model::InvokeMode;

use super::visitor::{Url, Visitor, values};
use crate::script::{Script, bad_end, data, good_end, stream};

const INTEGRATION: Option<&str> = Some("application/vnd.awslambda.http-integration-response");
const PRELUDE: &str = "{\"statusCode\":202,\"headers\":{\"content-type\":\"text/html\"},\"cookies\":[\"a=b\"]}\0\0\0\0\0\0\0\0";

async fn visitor(media: Option<&'static str>, items: Vec<StreamItem>) -> (Visitor, Arc<Script>) {
    let script = Script::new(move |_| stream(media, &items));
    let url = Url {
        invoke_mode: InvokeMode::ResponseStream,
        ..Url::default()
    };
    (url.open(&script).await, script)
}

#[tokio::test]
async fn prelude_makes_the_head_and_parts_follow_as_chunks() {
    let items = vec![data(PRELUDE), data("<p>"), data("</p>"), good_end()];
    let (visitor, script) = visitor(INTEGRATION, items).await;

    let answer = visitor.get("/").await;

    assert_eq!(answer.status, 202);
    assert_eq!(values(&answer, "content-type"), ["text/html"]);
    assert_eq!(values(&answer, "set-cookie"), ["a=b"]);
    assert_eq!(values(&answer, "transfer-encoding"), ["chunked"]);
    assert_eq!(answer.body, "3\r\n<p>\r\n4\r\n</p>\r\n0\r\n\r\n");
    assert_eq!(script.calls()[0].response_mode, ResponseMode::Streaming);
}

#[tokio::test]
async fn response_without_prelude_is_passed_as_bytes() {
    let (visitor, _) = visitor(None, vec![data("{\"statusCode\":500}"), good_end()]).await;

    let answer = visitor.get("/").await;

    assert_eq!(answer.status, 200);
    assert_eq!(
        values(&answer, "content-type"),
        ["application/octet-stream"]
    );
    assert!(answer.body.contains("{\"statusCode\":500}"));
}

#[tokio::test]
async fn failure_before_the_first_byte_is_a_bad_gateway() {
    let (visitor, _) = visitor(None, vec![bad_end("Unhandled", "{}")]).await;

    let answer = visitor.get("/").await;

    let expected = (502, "Internal Server Error");
    assert_eq!((answer.status, answer.body.as_str()), expected);
}

#[tokio::test]
async fn failure_in_the_middle_leaves_the_last_chunk_out() {
    let items = vec![data(PRELUDE), data("<p>"), bad_end("Unhandled", "{}")];
    let (visitor, _) = visitor(INTEGRATION, items).await;

    let answer = visitor.get("/").await;

    assert_eq!((answer.status, answer.body.as_str()), (202, "3\r\n<p>\r\n"));
}

#[tokio::test]
async fn head_of_a_stream_has_no_body() {
    let (visitor, _) = visitor(INTEGRATION, vec![data(PRELUDE), data("x"), good_end()]).await;

    let answer = visitor.ask("HEAD", "/", "", "").await;

    assert_eq!((answer.status, answer.body.as_str()), (202, ""));
}
