//! Status, headers and cookies as a function gives them: in a result, or in the prelude of a stream.

use std::collections::BTreeMap;

use http::header::{HeaderMap, SET_COOKIE};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;

use super::MalformedResult;

/// They belong to the connection, to the length that really is sent and to the invocation: the answer's request id is
/// the invocation's, whatever the function wrote.
const NOT_THE_FUNCTIONS: [&str; 10] = [
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-amzn-requestid",
    "x-amzn-trace-id",
];

/// What stands before the body, as it was written.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WrittenHead {
    pub(super) status_code: Option<u16>,
    #[serde(default)]
    pub(super) headers: Option<BTreeMap<String, Option<Values>>>,
    /// Known in preludes only.
    #[serde(default)]
    pub(super) multi_value_headers: Option<BTreeMap<String, Vec<Scalar>>>,
    #[serde(default)]
    pub(super) cookies: Option<Vec<String>>,
}

/// What a header has; the Rust runtime writes a list into its prelude where there are several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Values {
    One(Scalar),
    Several(Vec<Scalar>),
}

/// A header's value; functions like to give numbers.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Scalar {
    Text(String),
    Number(serde_json::Number),
    Truth(bool),
}

/// What stands before the body.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
}

impl WrittenHead {
    pub(super) fn read(self) -> Result<Head, MalformedResult> {
        let status = status(self.status_code.unwrap_or(200))?;
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers.into_iter().flatten() {
            match value {
                None => {}
                Some(Values::One(value)) => append(&mut headers, &name, value)?,
                Some(Values::Several(values)) => append_all(&mut headers, &name, values)?,
            }
        }
        for (name, values) in self.multi_value_headers.into_iter().flatten() {
            append_all(&mut headers, &name, values)?;
        }
        for cookie in self.cookies.into_iter().flatten() {
            append(&mut headers, SET_COOKIE.as_str(), Scalar::Text(cookie))?;
        }
        Ok(Head { status, headers })
    }
}

/// An interim status would leave the client waiting for the answer.
fn status(status: u16) -> Result<StatusCode, MalformedResult> {
    match StatusCode::from_u16(status) {
        Ok(code) if (200..600).contains(&status) => Ok(code),
        _ => Err(MalformedResult::Status { status }),
    }
}

fn append_all(
    headers: &mut HeaderMap,
    name: &str,
    values: Vec<Scalar>,
) -> Result<(), MalformedResult> {
    values
        .into_iter()
        .try_for_each(|value| append(headers, name, value))
}

fn append(headers: &mut HeaderMap, name: &str, value: Scalar) -> Result<(), MalformedResult> {
    let bad = || MalformedResult::Header {
        name: name.to_owned(),
    };
    let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
    let text = match value {
        Scalar::Text(text) => text,
        Scalar::Number(number) => number.to_string(),
        Scalar::Truth(truth) => truth.to_string(),
    };
    let value = HeaderValue::from_bytes(text.as_bytes()).map_err(|_| bad())?;
    if !NOT_THE_FUNCTIONS.contains(&key.as_str()) {
        headers.append(key, value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Head, MalformedResult> {
        serde_json::from_str::<WrittenHead>(json).unwrap().read()
    }

    #[test]
    fn cookies_and_repeated_headers_stand_one_by_one() {
        let head = read(
            r#"{"statusCode":201,"headers":{"X-A":"b","X-N":5,"X-None":null,"x-l":["3","4"]},
                "multiValueHeaders":{"x-m":["1","2"]},"cookies":["a=b","c=d; Path=/"]}"#,
        )
        .unwrap();

        let values = |name: &str| -> Vec<String> {
            let values = head.headers.get_all(name).iter();
            values.map(|v| v.to_str().unwrap().to_owned()).collect()
        };
        assert_eq!(head.status, 201);
        assert_eq!(values("x-a"), ["b"]);
        assert_eq!(values("x-n"), ["5"]);
        assert_eq!(values("x-l"), ["3", "4"]);
        assert_eq!(values("x-m"), ["1", "2"]);
        assert_eq!(values("set-cookie"), ["a=b", "c=d; Path=/"]);
        assert!(values("x-none").is_empty());
    }

    #[test]
    fn function_does_not_rule_the_connection_nor_name_the_invocation() {
        let head = read(
            r#"{"headers":{"Transfer-Encoding":"chunked","Content-Length":3,
                "X-Amzn-RequestId":"mine","x-amzn-trace-id":"Root=mine"}}"#,
        );

        assert!(head.unwrap().headers.is_empty());
    }

    #[test]
    fn headers_that_could_split_the_answer_are_refused() {
        for json in [
            r#"{"headers":{"x-a":"b\r\nx-c: d"}}"#,
            r#"{"headers":{"x a":"b"}}"#,
            r#"{"cookies":["a=b\r\nx-c: d"]}"#,
        ] {
            assert!(
                matches!(read(json), Err(MalformedResult::Header { .. })),
                "{json}"
            );
        }
    }

    #[test]
    fn interim_and_impossible_statuses_are_refused() {
        for status in [0, 99, 101, 600, 65_535] {
            let json = format!(r#"{{"statusCode":{status}}}"#);
            assert!(matches!(
                read(&json),
                Err(MalformedResult::Status { status: found }) if found == status
            ));
        }
    }
}
