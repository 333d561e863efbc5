//! The frames of a streamed response: chunks of payload, and one that completes the invocation.
//!
//! ```text
//!  Data ──► PayloadChunk      End ──► InvokeComplete {ErrorCode?, ErrorDetails?, LogResult?}
//! ```
//!
//! A frame is made when the client takes it, so a slow client holds the function back.

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::{Bytes, BytesMut};
use firelight_invoke::{StreamError, StreamItem, Streaming};
use firelight_wire::shapes::InvokeWithResponseStreamCompleteEvent;
use futures_util::stream;
use http_body::Frame;
use http_body_util::StreamBody;
use tokio::task::yield_now;

use crate::body::ResponseBody;

/// What a frame adds to its payload: lengths, checksums, and the three headers.
const OVERHEAD: usize = 128;

/// Why a stream of frames broke off.
#[derive(Debug, thiserror::Error)]
enum BrokenOff {
    #[error("the environment went away while it streamed")]
    Lost,
    #[error("could not write a frame")]
    Frame(#[source] aws_smithy_eventstream::error::Error),
}

/// Makes the body of the answer.
pub(super) fn body(response: Streaming) -> ResponseBody {
    let frames = stream::unfold(Some(response), |response| async move {
        let mut response = response?;
        let (frame, rest) = match response.next().await {
            Some(StreamItem::Data(part)) => (payload_chunk(part), Some(response)),
            Some(StreamItem::End { error, log_tail }) => (invoke_complete(error, log_tail), None),
            None => {
                // The connection is cut at an error; what was sent before must be out by then.
                yield_now().await;
                (Err(BrokenOff::Lost), None)
            }
        };
        Some((frame.map(Frame::data), rest))
    });
    ResponseBody::stream(StreamBody::new(frames))
}

fn payload_chunk(part: Bytes) -> Result<Bytes, BrokenOff> {
    frame("PayloadChunk", "application/octet-stream", part)
}

fn invoke_complete(
    error: Option<StreamError>,
    log_tail: Option<Bytes>,
) -> Result<Bytes, BrokenOff> {
    let (error_code, error_details) = error.map(|error| (error.code, error.details)).unzip();
    let event = InvokeWithResponseStreamCompleteEvent {
        error_code,
        error_details,
        log_result: log_tail.map(|tail| BASE64_STANDARD.encode(tail)),
    };
    let json = serde_json::to_vec(&event).expect("the event has string keys and writes to memory");
    frame("InvokeComplete", "application/json", json.into())
}

fn frame(event: &'static str, media: &'static str, payload: Bytes) -> Result<Bytes, BrokenOff> {
    let text = |text: &'static str| HeaderValue::String(text.into());
    let mut bytes = BytesMut::with_capacity(payload.len() + OVERHEAD);
    let message = Message::new(payload)
        .add_header(Header::new(":message-type", text("event")))
        .add_header(Header::new(":event-type", text(event)))
        .add_header(Header::new(":content-type", text(media)));
    write_message_to(&message, &mut bytes).map_err(BrokenOff::Frame)?;
    Ok(bytes.freeze())
}

#[cfg(test)]
mod tests {
    use aws_smithy_eventstream::frame::read_message_from;
    use http_body_util::BodyExt;
    use tokio::sync::mpsc;

    use super::*;

    fn seen(frame: &Bytes) -> (Vec<(String, String)>, String) {
        let message = read_message_from(&mut frame.clone()).unwrap();
        let headers = message.headers().iter().map(|header| {
            let value = header.value().as_string().unwrap();
            (header.name().as_str().to_owned(), value.as_str().to_owned())
        });
        let payload = String::from_utf8(message.payload().to_vec()).unwrap();
        (headers.collect(), payload)
    }

    fn headers(event: &str, media: &str) -> Vec<(String, String)> {
        let pairs = [
            (":message-type", "event"),
            (":event-type", event),
            (":content-type", media),
        ];
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        pairs.into_iter().map(owned).collect()
    }

    #[test]
    fn chunk_carries_the_bytes_as_they_are() {
        let frame = payload_chunk(Bytes::from_static(b"hello")).unwrap();

        let (found, payload) = seen(&frame);

        assert_eq!(found, headers("PayloadChunk", "application/octet-stream"));
        assert_eq!(payload, "hello");
        assert!(frame.len() <= "hello".len() + OVERHEAD);
    }

    #[test]
    fn success_completes_with_an_empty_object() {
        let frame = invoke_complete(None, None).unwrap();

        let expected = headers("InvokeComplete", "application/json");
        assert_eq!(seen(&frame), (expected, "{}".to_owned()));
    }

    #[test]
    fn completion_tells_the_error_and_the_log() {
        let error = StreamError {
            code: "Unhandled".into(),
            details: r#"{"errorType":"E"}"#.into(),
        };

        let frame = invoke_complete(Some(error), Some(Bytes::from_static(b"END"))).unwrap();

        assert_eq!(
            seen(&frame).1,
            r#"{"ErrorCode":"Unhandled","ErrorDetails":"{\"errorType\":\"E\"}","LogResult":"RU5E"}"#
        );
    }

    #[tokio::test]
    async fn environment_that_goes_away_breaks_the_stream_off() {
        let (parts, receiver) = mpsc::channel(2);
        parts
            .send(StreamItem::Data(Bytes::from_static(b"a")))
            .await
            .unwrap();
        drop(parts);

        let mut body = body(Streaming::new(None, receiver));

        assert!(body.frame().await.unwrap().is_ok());
        assert!(body.frame().await.unwrap().is_err());
        assert!(body.frame().await.is_none());
    }

    #[tokio::test]
    async fn next_part_is_taken_only_when_the_client_takes_a_frame() {
        let (parts, receiver) = mpsc::channel(1);
        let part = || StreamItem::Data(Bytes::from_static(b"a"));
        let mut body = body(Streaming::new(None, receiver));
        parts.try_send(part()).unwrap();
        assert!(parts.try_send(part()).is_err());

        body.frame().await.unwrap().unwrap();

        assert!(parts.try_send(part()).is_ok());
    }
}
