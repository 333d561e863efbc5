//! The invocation record: what a destination is told about an event and its end (lambda-facts §8, recorded).

use firelight_model::{Version, WallTime};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::event::EventRequest;
use crate::policy::Condition;

/// How the event ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Success,
    GivenUp(Condition),
}

impl End {
    fn condition(self) -> &'static str {
        match self {
            Self::Success => "Success",
            Self::GivenUp(condition) => condition.name(),
        }
    }
}

/// What the function answered in the last attempt, if it ran.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) version: Version,
    pub(crate) payload: &'a [u8],
}

/// Everything a record is made of.
pub(crate) struct Ended<'a> {
    pub(crate) event: &'a EventRequest,
    pub(crate) end: End,
    pub(crate) invokes: u32,
    pub(crate) answer: Option<Answer<'a>>,
    pub(crate) at: WallTime,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    version: &'static str,
    timestamp: String,
    request_context: RequestContext,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_payload: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_context: Option<ResponseContext>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_payload: Option<Box<RawValue>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    request_id: String,
    function_arn: String,
    condition: &'static str,
    approximate_invoke_count: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseContext {
    status_code: u16,
    executed_version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_error: Option<&'static str>,
}

impl Ended<'_> {
    /// Renders the record. One that would be longer than `most` bytes goes without the payloads.
    pub(crate) fn record(&self, most: usize) -> String {
        let whole = render(&self.shape(true));
        if whole.len() <= most {
            return whole;
        }
        render(&self.shape(false))
    }

    fn shape(&self, payloads: bool) -> Record {
        let answer = self.answer.as_ref();
        Record {
            version: "1.0",
            timestamp: self.at.to_iso(),
            request_context: RequestContext {
                request_id: self.event.request_id.to_string(),
                function_arn: self.event.qualified_arn(),
                condition: self.end.condition(),
                approximate_invoke_count: self.invokes,
            },
            request_payload: payloads.then(|| json(&self.event.payload)),
            response_context: answer.map(|answer| self.response_context(answer)),
            response_payload: answer
                .filter(|_| payloads)
                .map(|answer| json(answer.payload)),
        }
    }

    fn response_context(&self, answer: &Answer<'_>) -> ResponseContext {
        ResponseContext {
            status_code: 200,
            executed_version: answer.version.to_string(),
            function_error: (self.end != End::Success).then_some("Unhandled"),
        }
    }
}

fn render(record: &Record) -> String {
    serde_json::to_string(record).expect("a record has only texts and numbers")
}

/// Takes a JSON text as it is; anything else becomes a JSON string.
fn json(bytes: &[u8]) -> Box<RawValue> {
    let text = String::from_utf8_lossy(bytes);
    RawValue::from_string(text.clone().into_owned()).unwrap_or_else(|_| string(&text))
}

fn string(text: &str) -> Box<RawValue> {
    to_raw_value(text).expect("a text is a JSON string")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use firelight_model::{FunctionArn, RequestId};

    use super::*;

    fn event(payload: &'static str) -> EventRequest {
        EventRequest {
            request_id: RequestId::from_random([0; 16]),
            function: FunctionArn {
                region: "eu-west-1".parse().unwrap(),
                account: "000000000000".parse().unwrap(),
                name: "f".parse().unwrap(),
            },
            qualifier: None,
            payload: Bytes::from_static(payload.as_bytes()),
            trace: None,
            tenant_id: None,
        }
    }

    const AT: u64 = 1_573_755_365_568;

    fn record(event: &EventRequest, end: End, invokes: u32, answer: Option<&str>) -> String {
        let answer = answer.map(|payload| Answer {
            version: Version::Latest,
            payload: payload.as_bytes(),
        });
        let ended = Ended {
            event,
            end,
            invokes,
            answer,
            at: WallTime::from_epoch_ms(AT),
        };
        ended.record(1_000)
    }

    #[test]
    fn a_failed_event_leaves_the_record_that_aws_leaves() {
        let end = End::GivenUp(Condition::RetriesExhausted);
        let answer = r#"{"errorMessage":"no","errorType":"Exception"}"#;

        assert_eq!(
            record(&event("{}"), end, 3, Some(answer)),
            concat!(
                r#"{"version":"1.0","timestamp":"2019-11-14T18:16:05.568Z","#,
                r#""requestContext":{"requestId":"00000000-0000-4000-8000-000000000000","#,
                r#""functionArn":"arn:aws:lambda:eu-west-1:000000000000:function:f:$LATEST","#,
                r#""condition":"RetriesExhausted","approximateInvokeCount":3},"#,
                r#""requestPayload":{},"#,
                r#""responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"},"#,
                r#""responsePayload":{"errorMessage":"no","errorType":"Exception"}}"#,
            )
        );
    }

    #[test]
    fn a_success_has_no_function_error() {
        let text = record(&event("{}"), End::Success, 1, Some("null"));

        assert!(text.contains(r#""condition":"Success","approximateInvokeCount":1"#));
        assert!(text.ends_with(
            r#""responseContext":{"statusCode":200,"executedVersion":"$LATEST"},"responsePayload":null}"#
        ));
    }

    #[test]
    fn an_event_that_never_ran_has_no_response() {
        let end = End::GivenUp(Condition::ZeroReservedConcurrency);

        let text = record(&event("[1]"), end, 0, None);

        assert!(text.ends_with(
            r#""condition":"ZeroReservedConcurrency","approximateInvokeCount":0},"requestPayload":[1]}"#
        ));
    }

    #[test]
    fn payloads_are_left_out_where_they_do_not_fit() {
        let large = format!("\"{}\"", "x".repeat(1_000));

        let text = record(&event("{}"), End::Success, 1, Some(&large));

        assert!(text.len() < 1_000);
        assert!(!text.contains("Payload"), "{text}");
        assert!(text.contains("responseContext"));
    }

    #[test]
    fn an_answer_that_is_no_json_becomes_a_string() {
        let text = record(&event("{}"), End::Success, 1, Some("a \"b\""));

        assert!(text.ends_with(r#""responsePayload":"a \"b\""}"#), "{text}");
    }
}
