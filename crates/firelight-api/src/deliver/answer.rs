//! From an answer to what becomes of the delivery. Pure.

use ::http::{Response, StatusCode};
use bytes::Bytes;
use firelight_events::DeliverError;
use serde::Deserialize;

use super::{away, refused};

/// Errors that say "not now" with a status that says "never", on top of everything that is throttling.
const PASSING: &[&str] = &[
    "ExpiredToken",
    "ExpiredTokenException",
    "InternalError",
    "InternalFailure",
    "InternalException",
    "OverLimit",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "TooManyRequestsException",
];

/// Judges an answer of `service`.
pub(super) fn judge(service: &str, answer: &Response<Bytes>) -> Result<(), DeliverError> {
    if !answer.status().is_success() {
        return Err(verdict(answer.status(), &AwsError::read(answer)));
    }
    match service {
        "events" => judge_entries(answer.body()),
        _ => Ok(()),
    }
}

fn verdict(status: StatusCode, error: &AwsError) -> DeliverError {
    let reason = format!("{}: {}", error.code, error.message);
    let passing = status.is_server_error()
        || matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
        )
        || error.code.contains("Throttl")
        || PASSING.contains(&error.code.as_str());
    if passing {
        away(reason)
    } else {
        refused(reason)
    }
}

/// EventBridge answers 200 and tells in the body which entries it did not take.
fn judge_entries(body: &[u8]) -> Result<(), DeliverError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Taken {
        #[serde(default)]
        entries: Vec<Entry>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Entry {
        error_code: Option<String>,
        error_message: Option<String>,
    }
    let taken: Taken = serde_json::from_slice(body)
        .map_err(|error| away(format!("the answer is no answer of EventBridge: {error}")))?;
    let failed = taken.entries.into_iter().find_map(|entry| {
        Some(AwsError {
            code: entry.error_code?,
            message: entry.error_message.unwrap_or_default(),
        })
    });
    failed.map_or(Ok(()), |error| Err(verdict(StatusCode::OK, &error)))
}

/// What an error answer of any AWS service says.
#[derive(Debug, PartialEq, Eq)]
pub struct AwsError {
    pub code: String,
    pub message: String,
}

impl AwsError {
    /// Reads JSON with the code in a header or the body, or XML.
    pub fn read(answer: &Response<Bytes>) -> Self {
        let plain = String::from_utf8_lossy(answer.body());
        let json: serde_json::Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        let member = |keys: [&str; 2]| {
            let found = keys.iter().find_map(|key| json[key].as_str());
            found.map(str::to_owned)
        };
        let header = answer.headers().get("x-amzn-errortype");
        let code = header
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
            .or_else(|| member(["__type", "code"]))
            .or_else(|| element(&plain, "Code"))
            .unwrap_or_else(|| answer.status().to_string());
        let message = member(["message", "Message"]).or_else(|| element(&plain, "Message"));
        Self {
            code: bare_code(&code).to_owned(),
            message: message.unwrap_or_else(|| plain.into_owned()),
        }
    }
}

/// Reads the text of an XML element that holds nothing but text.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, after) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = after.split_once(&format!("</{name}>"))?;
    Some(text.to_owned())
}

/// Takes the name out of `namespace#Name` and `Name:http://...`.
fn bare_code(code: &str) -> &str {
    let name = code.split(':').next().unwrap_or(code);
    name.rsplit('#').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_an_error_is_cut_out_of_what_surrounds_it() {
        assert_eq!(
            bare_code("ResourceConflictException:http://internal/"),
            "ResourceConflictException"
        );
        assert_eq!(
            bare_code("com.amazon#AccessDeniedException"),
            "AccessDeniedException"
        );
    }

    fn answer(status: u16, error_type: Option<&str>, body: &str) -> Response<Bytes> {
        let mut builder = Response::builder().status(status);
        if let Some(error_type) = error_type {
            builder = builder.header("x-amzn-ErrorType", error_type);
        }
        builder.body(Bytes::from(body.to_owned())).unwrap()
    }

    fn passes(service: &str, status: u16, body: &str) -> bool {
        match judge(service, &answer(status, None, body)) {
            Err(DeliverError::Unavailable { .. }) => true,
            Err(DeliverError::Refused { .. }) => false,
            Ok(()) => panic!("it was taken"),
        }
    }

    #[test]
    fn what_the_service_may_take_later_is_told_from_what_it_never_takes() {
        assert!(passes("sqs", 503, ""));
        assert!(passes("sqs", 429, ""));
        assert!(passes(
            "sqs",
            400,
            r#"{"__type":"com.amazonaws.sqs#RequestThrottled"}"#
        ));
        assert!(passes(
            "s3",
            403,
            "<Error><Code>RequestTimeTooSkewed</Code></Error>"
        ));

        assert!(!passes(
            "sqs",
            400,
            r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist"}"#
        ));
        assert!(!passes(
            "s3",
            403,
            "<Error><Code>AccessDenied</Code></Error>"
        ));
        assert!(!passes("s3", 301, ""));
    }

    #[test]
    fn an_entry_that_event_bridge_did_not_take_is_no_success() {
        let taken = r#"{"FailedEntryCount":0,"Entries":[{"EventId":"1"}]}"#;
        let throttled = r#"{"FailedEntryCount":1,"Entries":[{"ErrorCode":"ThrottlingException"}]}"#;
        let malformed = r#"{"FailedEntryCount":1,"Entries":[{"ErrorCode":"MalformedDetail"}]}"#;

        assert_eq!(judge("events", &answer(200, None, taken)), Ok(()));
        assert!(passes("events", 200, throttled));
        assert!(!passes("events", 200, malformed));
        assert!(passes("events", 200, "<html>"));
    }

    #[test]
    fn the_code_comes_from_the_header_or_the_body_and_the_message_from_either_case() {
        let of = |error_type, body| {
            let error = AwsError::read(&answer(400, error_type, body));
            (error.code, error.message)
        };

        let lambda = of(
            Some("ResourceNotFoundException:http://x/"),
            r#"{"Message":"gone"}"#,
        );
        let logs = of(None, r#"{"__type":"ns#AccessDenied","message":"no"}"#);
        let sns = of(
            None,
            "<Error><Code>NotFound</Code><Message>no topic</Message></Error>",
        );
        assert_eq!(lambda, ("ResourceNotFoundException".into(), "gone".into()));
        assert_eq!(logs, ("AccessDenied".into(), "no".into()));
        assert_eq!(sns, ("NotFound".into(), "no topic".into()));
    }

    #[test]
    fn an_answer_that_is_no_aws_error_is_told_as_it_is() {
        let error = AwsError::read(&answer(502, None, "bad gateway"));

        assert_eq!(
            (error.code.as_str(), error.message.as_str()),
            ("502 Bad Gateway", "bad gateway")
        );
    }
}
