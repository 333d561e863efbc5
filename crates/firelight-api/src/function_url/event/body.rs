//! The body of an event: text as it is, everything else in base64.

use std::borrow::Cow;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};

/// What is text besides `text/*`. A form is not: it was recorded in base64.
const TEXT: [&str; 3] = [
    "application/json",
    "application/javascript",
    "application/xml",
];

/// Returns the body, if there is one, and whether it is in base64.
pub(super) fn render<'a>(headers: &HeaderMap, body: &'a Bytes) -> (Option<Cow<'a, str>>, bool) {
    if body.is_empty() {
        return (None, false);
    }
    match str::from_utf8(body) {
        Ok(text) if is_text(headers) => (Some(Cow::Borrowed(text)), false),
        _ => (Some(Cow::Owned(BASE64_STANDARD.encode(body))), true),
    }
}

/// Goes by what the client declares. What is compressed is no text, whatever it was before.
fn is_text(headers: &HeaderMap) -> bool {
    let declared = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let Some(media) = declared.and_then(|text| text.split(';').next()) else {
        return false;
    };
    let media = media.trim().to_ascii_lowercase();
    let text = media.starts_with("text/") || TEXT.contains(&media.as_str());
    text && !headers.contains_key(CONTENT_ENCODING)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(content_type: Option<&str>, body: &'static [u8]) -> (Option<String>, bool) {
        let mut headers = HeaderMap::new();
        if let Some(text) = content_type {
            headers.insert(CONTENT_TYPE, text.parse().unwrap());
        }
        let body = Bytes::from_static(body);
        let (text, base64) = render(&headers, &body);
        (text.map(Cow::into_owned), base64)
    }

    fn plain(text: &str) -> (Option<String>, bool) {
        (Some(text.to_owned()), false)
    }

    fn base64(text: &str) -> (Option<String>, bool) {
        (Some(text.to_owned()), true)
    }

    #[test]
    fn text_is_passed_as_it_is() {
        for media in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "text/plain",
            "text/html;charset=UTF-8",
            "application/xml",
            "application/javascript",
        ] {
            assert_eq!(rendered(Some(media), b"{}"), plain("{}"), "{media}");
        }
    }

    #[test]
    fn everything_else_comes_in_base64() {
        for media in [
            Some("multipart/form-data; boundary=x"),
            Some("application/x-www-form-urlencoded"),
            Some("application/octet-stream"),
            None,
        ] {
            assert_eq!(rendered(media, b"{}"), base64("e30="), "{media:?}");
        }
    }

    #[test]
    fn declared_text_that_is_none_comes_in_base64() {
        assert_eq!(rendered(Some("text/plain"), b"\xff"), base64("/w=="));
    }

    #[test]
    fn compressed_text_comes_in_base64() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, "text/plain".parse().unwrap());
        headers.insert(CONTENT_ENCODING, "gzip".parse().unwrap());

        assert!(render(&headers, &Bytes::from_static(b"x")).1);
    }

    #[test]
    fn empty_body_is_absent() {
        assert_eq!(rendered(Some("text/plain"), b""), (None, false));
    }
}
