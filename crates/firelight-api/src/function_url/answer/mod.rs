//! From what a function returned to the HTTP answer.
//!
//! ```text
//!  whole result ─┬─ object with statusCode ──► its status, headers, cookies, body
//!                └─ any other JSON ──────────► 200, the JSON itself; a string without its quotes
//!  streamed ─────┬─ prelude, 8 NUL bytes ────► its status, headers, cookies; then the rest as it comes
//!                └─ anything else ───────────► 200, the bytes as they come
//! ```

mod buffered;
mod head;
mod prelude;
mod streamed;

use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};

use crate::body::{Response, ResponseBody};

pub(super) use buffered::whole;
pub(super) use streamed::{NoBeginning, begin};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Why a result makes no HTTP answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum MalformedResult {
    #[error("the result is not JSON")]
    NotJson(#[source] serde_json::Error),
    #[error("a member of the result has the wrong type")]
    Member(#[source] serde_json::Error),
    #[error("{status} is no status of an answer")]
    Status { status: u16 },
    #[error("{name:?} is no header, or its value is none")]
    Header { name: String },
    #[error("the body is not base64")]
    Base64(#[source] base64::DecodeError),
    #[error("the prelude has more than {limit} bytes")]
    PreludeTooLong { limit: usize },
    #[error("the response ended within its prelude")]
    NoPrelude,
}

/// Takes the body away from the answer to a HEAD request, but says how long it would be.
pub(super) fn without_body(mut response: Response) -> Response {
    let body = std::mem::replace(response.body_mut(), ResponseBody::empty());
    if let ResponseBody::Whole(body) = body {
        let length = body.map_or(0, |body| body.len());
        let headers = response.headers_mut();
        headers.entry(CONTENT_LENGTH).or_insert(length.into());
    }
    response
}

/// Names a media type where the function named none.
fn default_content_type(headers: &mut HeaderMap, media: HeaderValue) {
    headers.entry(CONTENT_TYPE).or_insert(media);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_to_head_tells_the_length_without_the_body() {
        let response = without_body(Response::new(ResponseBody::from("hello")));

        assert_eq!(response.headers()[CONTENT_LENGTH], "5");
        assert!(matches!(response.body(), ResponseBody::Whole(None)));
    }
}
