//! A response that comes in parts.
//!
//! ```text
//!  first part ──► head is sent ──► part ──► part ──► end       or: broken off, and the connection with it
//! ```
//!
//! Until the first byte of the body everything can still become an error. Parts are asked for only when the client
//! takes them, so a slow client holds the function back.

use bytes::Bytes;
use firelight_invoke::{StreamItem, Streaming};
use futures_util::stream;
use http::header::{CONTENT_TYPE, HeaderValue};
use http_body::Frame;
use http_body_util::StreamBody;
use tokio::task::yield_now;

use super::prelude::{INTEGRATION, Prelude};
use super::{MalformedResult, default_content_type};
use crate::body::{Response, ResponseBody};

const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// Why a streamed response did not begin.
#[derive(Debug, thiserror::Error)]
pub(in super::super) enum NoBeginning {
    #[error("the function failed with {code}")]
    Function { code: String },
    #[error("the environment went away without a word")]
    Lost,
    #[error(transparent)]
    Malformed(#[from] MalformedResult),
}

/// Why a streamed response did not go on.
#[derive(Debug, thiserror::Error)]
enum BrokenOff {
    #[error("the function failed with {code} while it streamed")]
    Function { code: String },
    #[error("the environment went away while it streamed")]
    Lost,
}

/// Waits for the beginning of a response and returns the answer, whose body goes on by itself.
pub(in super::super) async fn begin(mut response: Streaming) -> Result<Response, NoBeginning> {
    let media = response.content_type.take();
    if media.as_deref().is_some_and(announces_prelude) {
        with_prelude(response).await
    } else {
        let body = match next(&mut response).await? {
            Some(first) => body(first, response),
            None => ResponseBody::empty(),
        };
        let mut answer = Response::new(body);
        if let Some(media) = media.and_then(|media| HeaderValue::try_from(media).ok()) {
            answer.headers_mut().insert(CONTENT_TYPE, media);
        }
        default_content_type(answer.headers_mut(), BYTES);
        Ok(answer)
    }
}

fn announces_prelude(media: &str) -> bool {
    let media = media.split(';').next().unwrap_or_default();
    media.trim().eq_ignore_ascii_case(INTEGRATION)
}

async fn with_prelude(mut response: Streaming) -> Result<Response, NoBeginning> {
    let mut prelude = Prelude::default();
    loop {
        let Some(part) = next(&mut response).await? else {
            return Err(MalformedResult::NoPrelude.into());
        };
        if let Some((head, first)) = prelude.push(&part)? {
            let mut answer = Response::new(body(first, response));
            *answer.status_mut() = head.status;
            *answer.headers_mut() = head.headers;
            default_content_type(answer.headers_mut(), BYTES);
            return Ok(answer);
        }
    }
}

/// Returns the next part; `None` at a good end.
async fn next(response: &mut Streaming) -> Result<Option<Bytes>, NoBeginning> {
    match response.next().await {
        Some(StreamItem::Data(part)) => Ok(Some(part)),
        Some(StreamItem::End { error: None, .. }) => Ok(None),
        Some(StreamItem::End {
            error: Some(error), ..
        }) => Err(NoBeginning::Function { code: error.code }),
        None => Err(NoBeginning::Lost),
    }
}

/// Makes the body: what is there already, then every part as the client takes it.
fn body(first: Bytes, response: Streaming) -> ResponseBody {
    let first = (!first.is_empty()).then_some(first);
    let parts = stream::unfold(Some((first, response)), |state| async move {
        let (first, mut response) = state?;
        let part = match first {
            Some(part) => Ok(part),
            None => rest(&mut response).await.transpose()?,
        };
        let state = part.is_ok().then_some((None, response));
        Some((part.map(Frame::data), state))
    });
    ResponseBody::stream(StreamBody::new(parts))
}

/// Returns the next part; `None` at a good end.
async fn rest(response: &mut Streaming) -> Result<Option<Bytes>, BrokenOff> {
    let error = match response.next().await {
        Some(StreamItem::Data(part)) => return Ok(Some(part)),
        Some(StreamItem::End { error: None, .. }) => return Ok(None),
        Some(StreamItem::End {
            error: Some(error), ..
        }) => BrokenOff::Function { code: error.code },
        None => BrokenOff::Lost,
    };
    // The connection is cut at an error; what was sent before must be out by then.
    yield_now().await;
    Err(error)
}

#[cfg(test)]
mod tests {
    use firelight_invoke::StreamError;
    use http_body_util::BodyExt;
    use tokio::sync::mpsc;

    use super::*;

    fn data(text: &'static str) -> StreamItem {
        StreamItem::Data(Bytes::from_static(text.as_bytes()))
    }

    fn end(code: Option<&str>) -> StreamItem {
        let error = code.map(|code| StreamError {
            code: code.into(),
            details: "{}".into(),
        });
        StreamItem::End {
            error,
            log_tail: None,
        }
    }

    fn streaming(media: Option<&str>, items: Vec<StreamItem>) -> Streaming {
        let (parts, receiver) = mpsc::channel(16);
        for item in items {
            parts.try_send(item).unwrap();
        }
        Streaming::new(media.map(str::to_owned), receiver)
    }

    async fn text(response: Response) -> String {
        let body = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn prelude_sets_the_head_and_the_rest_is_the_body() {
        let items = vec![
            data("{\"statusCode\":201,\"headers\":{\"content-type\":\"text/html\"},"),
            data("\"cookies\":[\"a=b\"]}\0\0\0\0\0\0\0\0<p>"),
            data("</p>"),
            end(None),
        ];

        let answer = begin(streaming(Some(INTEGRATION), items)).await.unwrap();

        assert_eq!(answer.status(), 201);
        assert_eq!(answer.headers()["content-type"], "text/html");
        assert_eq!(answer.headers()["set-cookie"], "a=b");
        assert_eq!(text(answer).await, "<p></p>");
    }

    #[tokio::test]
    async fn stream_without_prelude_is_bytes_with_status_200() {
        let items = vec![data("a"), data("b"), end(None)];

        let answer = begin(streaming(None, items)).await.unwrap();

        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "application/octet-stream");
        assert_eq!(text(answer).await, "ab");
    }

    #[tokio::test]
    async fn stream_without_a_byte_is_an_empty_answer() {
        let answer = begin(streaming(None, vec![end(None)])).await.unwrap();

        assert_eq!(answer.status(), 200);
        assert_eq!(text(answer).await, "");
    }

    #[tokio::test]
    async fn media_type_of_the_function_is_handed_on() {
        let items = vec![data("a"), end(None)];

        let answer = begin(streaming(Some("text/event-stream"), items)).await;

        assert_eq!(
            answer.unwrap().headers()["content-type"],
            "text/event-stream"
        );
    }

    #[tokio::test]
    async fn error_before_the_first_byte_is_no_answer() {
        let failed = begin(streaming(None, vec![end(Some("Unhandled"))])).await;
        let lost = begin(streaming(None, Vec::new())).await;
        let half = vec![data("{\"statusCode\":200}"), end(None)];
        let half = begin(streaming(Some(INTEGRATION), half)).await;

        assert!(matches!(failed, Err(NoBeginning::Function { code }) if code == "Unhandled"));
        assert!(matches!(lost, Err(NoBeginning::Lost)));
        assert!(matches!(
            half,
            Err(NoBeginning::Malformed(MalformedResult::NoPrelude))
        ));
    }

    #[tokio::test]
    async fn error_in_the_middle_breaks_the_body_off() {
        let items = vec![data("a"), end(Some("Sandbox.Timedout"))];

        let mut answer = begin(streaming(None, items)).await.unwrap();

        let first = answer.body_mut().frame().await.unwrap().unwrap();
        assert_eq!(first.into_data().unwrap(), "a");
        let broken = answer.body_mut().frame().await.unwrap().unwrap_err();
        assert!(broken.to_string().contains("Sandbox.Timedout"));
        assert!(answer.body_mut().frame().await.is_none());
    }

    #[tokio::test]
    async fn parts_wait_until_the_client_takes_them() {
        let (parts, receiver) = mpsc::channel(1);
        parts.send(data("a")).await.unwrap();
        let mut answer = begin(Streaming::new(None, receiver)).await.unwrap();
        parts.send(data("b")).await.unwrap();

        assert!(parts.try_send(data("c")).is_err());
        for _ in 0..2 {
            answer.body_mut().frame().await.unwrap().unwrap();
        }

        assert!(parts.try_send(data("c")).is_ok());
    }
}
