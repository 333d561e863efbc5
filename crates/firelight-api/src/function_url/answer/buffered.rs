//! A result that is there as a whole.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::value::RawValue;

use super::head::{Scalar, Values, WrittenHead};
use super::{JSON, MalformedResult, default_content_type};
use crate::body::{Response, ResponseBody};

/// The members that matter, each unread: they mean something only if there is a `statusCode`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Members<'a> {
    #[serde(borrow)]
    status_code: Option<&'a RawValue>,
    #[serde(borrow)]
    headers: Option<&'a RawValue>,
    #[serde(borrow)]
    cookies: Option<&'a RawValue>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
    #[serde(borrow)]
    is_base64_encoded: Option<&'a RawValue>,
}

/// Turns a whole result into the answer.
pub(in super::super) fn whole(result: Bytes) -> Result<Response, MalformedResult> {
    let first = result.iter().find(|byte| !byte.is_ascii_whitespace());
    match first {
        None => Ok(plain(result)),
        Some(b'{') => object(result),
        // Recorded without its quotes, against the documentation.
        Some(b'"') => Ok(plain(read_json::<String>(&result)?.into())),
        Some(_) => {
            read_json::<IgnoredAny>(&result)?;
            Ok(plain(result))
        }
    }
}

fn object(result: Bytes) -> Result<Response, MalformedResult> {
    let members: Members<'_> = serde_json::from_slice(&result).map_err(MalformedResult::NotJson)?;
    let Some(status) = members.status_code else {
        return Ok(plain(result));
    };
    let head = WrittenHead {
        status_code: Some(member(status)?),
        headers: members.headers.map(headers).transpose()?,
        multi_value_headers: None,
        cookies: members.cookies.map(member).transpose()?,
    };
    let head = head.read()?;
    let mut response = Response::new(body(&members)?);
    *response.status_mut() = head.status;
    *response.headers_mut() = head.headers;
    default_content_type(response.headers_mut(), JSON);
    Ok(response)
}

/// Payload 2.0 knows one value of each header.
fn headers(raw: &RawValue) -> Result<BTreeMap<String, Option<Values>>, MalformedResult> {
    let headers: BTreeMap<String, Option<Scalar>> = member(raw)?;
    let one = |(name, value): (String, Option<Scalar>)| (name, value.map(Values::One));
    Ok(headers.into_iter().map(one).collect())
}

fn body(members: &Members<'_>) -> Result<ResponseBody, MalformedResult> {
    let text: String = members.body.map(member).transpose()?.unwrap_or_default();
    let encoded = members.is_base64_encoded.map(member).transpose()?;
    if encoded == Some(true) {
        let bytes = BASE64_STANDARD.decode(text);
        return bytes
            .map(ResponseBody::from)
            .map_err(MalformedResult::Base64);
    }
    Ok(ResponseBody::from(text))
}

fn plain(body: Bytes) -> Response {
    let mut response = Response::new(ResponseBody::from(body));
    default_content_type(response.headers_mut(), JSON);
    response
}

fn member<T: DeserializeOwned>(raw: &RawValue) -> Result<T, MalformedResult> {
    serde_json::from_str(raw.get()).map_err(MalformedResult::Member)
}

fn read_json<T: DeserializeOwned>(json: &[u8]) -> Result<T, MalformedResult> {
    serde_json::from_slice(json).map_err(MalformedResult::NotJson)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Seen {
        status: u16,
        content_type: String,
        body: String,
    }

    fn answer(result: &'static str) -> Result<Response, MalformedResult> {
        whole(Bytes::from_static(result.as_bytes()))
    }

    fn seen(result: &'static str) -> Seen {
        let response = answer(result).unwrap();
        let ResponseBody::Whole(body) = response.body() else {
            panic!("a whole result has a whole answer");
        };
        let body = body.clone().unwrap_or_default();
        Seen {
            status: response.status().as_u16(),
            content_type: response.headers()["content-type"].to_str().unwrap().into(),
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    fn json(body: &str) -> Seen {
        Seen {
            status: 200,
            content_type: "application/json".into(),
            body: body.into(),
        }
    }

    #[test]
    fn results_without_a_status_are_the_body() {
        assert_eq!(seen(r#"{"hello":"world"}"#), json(r#"{"hello":"world"}"#));
        assert_eq!(seen("3"), json("3"));
        assert_eq!(seen("3.1"), json("3.1"));
        assert_eq!(seen("true"), json("true"));
        assert_eq!(seen("null"), json("null"));
        assert_eq!(seen(r#"["hello",3,true]"#), json(r#"["hello",3,true]"#));
        assert_eq!(seen(""), json(""));
    }

    #[test]
    fn string_loses_its_quotes() {
        assert_eq!(seen(r#""hello""#), json("hello"));
        assert_eq!(seen(r#""a\nb\u00e9""#), json("a\nbé"));
    }

    #[test]
    fn members_of_an_object_without_status_mean_nothing() {
        let result = r#"{"headers":5,"body":{"a":1},"isBase64Encoded":"yes"}"#;

        assert_eq!(seen(result), json(result));
    }

    #[test]
    fn body_is_json_unless_the_function_says_otherwise() {
        assert_eq!(
            seen(r#"{"statusCode":200,"body":"body123"}"#),
            json("body123")
        );
        assert_eq!(
            seen(r#"{"statusCode":200,"body":"{\"a\": 1}"}"#),
            json(r#"{"a": 1}"#)
        );
        let html = seen(r#"{"statusCode":404,"headers":{"Content-Type":"text/html"},"body":"no"}"#);
        assert_eq!(
            (html.status, html.content_type.as_str(), html.body.as_str()),
            (404, "text/html", "no")
        );
    }

    #[test]
    fn body_in_base64_is_decoded() {
        assert_eq!(
            seen(r#"{"statusCode":200,"body":"aGVsbG8=","isBase64Encoded":true}"#),
            json("hello")
        );
    }

    #[test]
    fn absent_body_is_empty() {
        assert_eq!(seen(r#"{"statusCode":200,"body":null}"#), json(""));
        assert_eq!(seen(r#"{"statusCode":200}"#), json(""));
    }

    #[test]
    fn malformed_results_make_no_answer() {
        for result in [
            "hello",
            r#"{"statusCode":200"#,
            r#"{"statusCode":"200"}"#,
            r#"{"statusCode":200.5}"#,
            r#"{"statusCode":-1}"#,
            r#"{"statusCode":99}"#,
            r#"{"statusCode":200,"body":{"a":1}}"#,
            r#"{"statusCode":200,"headers":["a"]}"#,
            r#"{"statusCode":200,"headers":{"a":["b"]}}"#,
            r#"{"statusCode":200,"cookies":"a=b"}"#,
            r#"{"statusCode":200,"isBase64Encoded":"true"}"#,
            r#"{"statusCode":200,"body":"%%","isBase64Encoded":true}"#,
        ] {
            assert!(answer(result).is_err(), "{result}");
        }
    }
}
