//! Responses in parts.

use bytes::Bytes;
use firelight_invoke::{Call, Invoker, Outcome, ResponseMode, StreamItem, Streaming};
use firelight_model::VersionKey;

use crate::plane::{Plane, call, echo, error, success};
use crate::runtime::Act;

async fn stream(plane: &Plane, key: &VersionKey) -> Streaming {
    let call = Call {
        response_mode: ResponseMode::Streaming,
        ..call(key, "{}")
    };
    match plane.plane.invoke(call).await {
        Outcome::Streaming(streaming) => streaming,
        other => panic!("no stream: {other:?}"),
    }
}

async fn all(mut streaming: Streaming) -> Vec<StreamItem> {
    let mut items = Vec::new();
    while let Some(item) = streaming.next().await {
        items.push(item);
    }
    items
}

fn streams(parts: &[&str], finish: bool) -> impl Fn(String) -> Act + Send + Sync + 'static {
    let parts: Vec<String> = parts.iter().map(|&part| part.to_owned()).collect();
    move |_| Act::Stream {
        parts: parts.clone(),
        finish,
    }
}

#[tokio::test]
async fn parts_arrive_and_then_a_good_end() {
    let plane = Plane::new(streams(&["one", "two"], true));
    let key = plane.add("f", 1);

    let streaming = stream(&plane, &key).await;
    assert_eq!(streaming.content_type.as_deref(), Some("text/plain"));
    let items = all(streaming).await;

    let (end, parts) = items.split_last().unwrap();
    let whole: Vec<u8> = parts
        .iter()
        .flat_map(|item| match item {
            StreamItem::Data(data) => data.to_vec(),
            StreamItem::End { .. } => panic!("two ends"),
        })
        .collect();
    assert_eq!(whole, b"onetwo");
    assert_eq!(
        *end,
        StreamItem::End {
            error: None,
            log_tail: None
        }
    );
}

#[tokio::test]
async fn function_that_does_not_stream_is_one_part() {
    let plane = Plane::new(echo);
    let key = plane.add("f", 1);

    let items = all(stream(&plane, &key).await).await;

    assert_eq!(items[0], StreamItem::Data(Bytes::from_static(b"{}")));
    assert_eq!(items.len(), 2);
}

#[tokio::test]
async fn runtime_that_dies_in_the_middle_ends_the_stream_with_its_error() {
    let plane = Plane::new(streams(&["one"], false));
    let key = plane.add("f", 1);

    let items = all(stream(&plane, &key).await).await;

    let Some(StreamItem::End {
        error: Some(error), ..
    }) = items.last()
    else {
        panic!("no error: {items:?}");
    };
    assert_eq!(error.code, "Runtime.ExitError", "{error:?}");
}

#[tokio::test]
async fn buffered_caller_of_a_streaming_function_gets_the_parts_joined() {
    let plane = Plane::new(streams(&["{\"a\":", "1}"], true));
    let key = plane.add("f", 1);

    assert_eq!(success(plane.invoke(&key, "{}").await), "{\"a\":1}");
}

#[tokio::test]
async fn streamed_response_over_the_limit_is_refused_when_buffered() {
    let part = "x".repeat(1_000_000);
    let parts: Vec<&str> = vec![&part; 7];
    let plane = Plane::new(streams(&parts, true));
    let key = plane.add("f", 1);

    assert!(error(plane.invoke(&key, "{}").await).contains("Function.ResponseSizeTooLarge"));
}

#[tokio::test]
async fn reader_that_leaves_does_not_stop_the_function() {
    let part = "x".repeat(100_000);
    let parts: Vec<&str> = vec![&part; 50];
    let plane = Plane::new(streams(&parts, true));
    let key = plane.add("f", 1);

    drop(stream(&plane, &key).await);
    plane.plane.drain(std::time::Duration::from_secs(20)).await;

    let meters = plane.meters.lock().unwrap();
    assert_eq!(meters.len(), 1);
    assert!(!meters[0].error);
}
