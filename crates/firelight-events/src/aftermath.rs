//! What an event leaves behind when it ended: records for destinations, and the event itself for a dead-letter queue.

use bytes::Bytes;
use firelight_model::RequestId;
use serde::Deserialize;

use crate::destination::{Destination, DestinationError};
use crate::event::{EventRequest, LARGEST_PAYLOAD};
use crate::lineage::Recursive;
use crate::policy::Condition;
use crate::ports::Targets;
use crate::record::{End, Ended};
use crate::service_request::{MessageAttribute, ServiceRequest};
use crate::work::{Delivery, DeliveryKind, Work};

/// The largest message of SQS.
const LARGEST_MESSAGE: usize = 1_048_576;
/// The largest message of SNS.
const LARGEST_NOTIFICATION: usize = 262_144;
/// What an entry of EventBridge stays below, with its source, type and resources.
const LARGEST_ENTRY: usize = 262_144;

/// How much of an error message goes into an attribute.
const LARGEST_ATTRIBUTE: usize = 1_024;

/// A target that nothing can be sent to, and what it should have got.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoTarget {
    pub(crate) kind: DeliveryKind,
    pub(crate) error: DestinationError,
}

/// Lists the work that follows from an ended event, with the targets that nothing can be sent to.
///
/// `fresh_id` names whatever the work needs a new name for.
pub(crate) fn aftermath(
    ended: &Ended<'_>,
    targets: &Targets,
    trace: Option<&str>,
    fresh_id: &mut dyn FnMut() -> RequestId,
) -> (Vec<Work>, Vec<NoTarget>) {
    let (destination, dead_letter) = match ended.end {
        End::Success => (&targets.on_success, None),
        End::GivenUp(_) => (&targets.on_failure, targets.dead_letter.as_deref()),
    };
    let record = destination.as_deref().map(|arn| {
        let destination = arn.parse()?;
        Ok(record_work(ended, destination, trace, fresh_id()))
    });
    let letter = dead_letter.map(|arn| dead_letter_work(ended, arn, trace));
    let record = record.map(|made| (DeliveryKind::Record, made));
    let letter = letter.map(|made| (DeliveryKind::DeadLetter, made));
    let (mut work, mut refused) = (Vec::new(), Vec::new());
    for (kind, made) in record.into_iter().chain(letter) {
        match made {
            Ok(made) => work.push(made),
            Err(error) => refused.push(NoTarget { kind, error }),
        }
    }
    (work, refused)
}

/// Sends the record to a destination. Another function gets it as an event of its own.
fn record_work(
    ended: &Ended<'_>,
    destination: Destination,
    trace: Option<&str>,
    id: RequestId,
) -> Work {
    let trace = trace.map(str::to_owned);
    let request = match destination {
        Destination::Function(target) => {
            return Work::Event(EventRequest {
                request_id: id,
                function: target.arn,
                qualifier: target.qualifier,
                payload: Bytes::from(ended.record(LARGEST_PAYLOAD)),
                trace,
                tenant_id: None,
            });
        }
        Destination::Queue { arn } => ServiceRequest::SendMessage {
            queue_arn: arn,
            body: ended.record(LARGEST_MESSAGE),
            attributes: Vec::new(),
            trace,
        },
        Destination::Topic { arn } => ServiceRequest::Publish {
            topic_arn: arn,
            message: ended.record(LARGEST_NOTIFICATION),
            attributes: Vec::new(),
            trace,
        },
        Destination::EventBus { arn } => put_events(ended, arn, trace),
        Destination::Bucket { name } => ServiceRequest::PutObject {
            key: object_key(ended, id),
            bucket: name,
            body: ended.record(usize::MAX),
            trace,
        },
    };
    delivery(ended, DeliveryKind::Record, request)
}

fn put_events(ended: &Ended<'_>, event_bus_arn: String, trace: Option<String>) -> ServiceRequest {
    let result = match ended.end {
        End::Success => "Success",
        End::GivenUp(_) => "Failure",
    };
    let source = "lambda".to_owned();
    let detail_type = format!("Lambda Function Invocation Result - {result}");
    let resources = vec![event_bus_arn.clone(), ended.event.qualified_arn()];
    let around =
        source.len() + detail_type.len() + resources.iter().map(String::len).sum::<usize>();
    ServiceRequest::PutEvents {
        source,
        detail_type,
        resources,
        detail: ended.record(LARGEST_ENTRY - 1 - around),
        event_bus_arn,
        trace,
    }
}

/// `aws/lambda/async/FUNCTION/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-UUID`.
fn object_key(ended: &Ended<'_>, id: RequestId) -> String {
    let time = ended.at.to_iso();
    let (seconds, _) = time.split_once('.').unwrap_or((&time, ""));
    let (date, _) = time.split_once('T').unwrap_or((&time, ""));
    let function = &ended.event.function.name;
    let (date, seconds) = (date.replace('-', "/"), seconds.replace(':', "."));
    format!("aws/lambda/async/{function}/{date}/{seconds}-{id}")
}

/// Sends the event itself, word for word, to a queue or a topic.
fn dead_letter_work(
    ended: &Ended<'_>,
    arn: &str,
    trace: Option<&str>,
) -> Result<Work, DestinationError> {
    let body = String::from_utf8_lossy(&ended.event.payload).into_owned();
    let attributes = dead_letter_attributes(ended);
    let request = match arn.parse()? {
        Destination::Queue { arn } => ServiceRequest::SendMessage {
            queue_arn: arn,
            body,
            attributes,
            trace: trace.map(str::to_owned),
        },
        Destination::Topic { arn } => ServiceRequest::Publish {
            topic_arn: arn,
            message: body,
            attributes,
            trace: trace.map(str::to_owned),
        },
        Destination::Function(_) | Destination::EventBus { .. } | Destination::Bucket { .. } => {
            let arn = arn.to_owned();
            return Err(DestinationError { arn });
        }
    };
    Ok(delivery(ended, DeliveryKind::DeadLetter, request))
}

fn dead_letter_attributes(ended: &Ended<'_>) -> Vec<MessageAttribute> {
    let (code, message) = failure(ended);
    let mut attributes = vec![
        MessageAttribute::string("RequestID", ended.event.request_id.to_string()),
        MessageAttribute::number("ErrorCode", code),
    ];
    // A message with an empty attribute is refused as a whole.
    if !message.is_empty() {
        attributes.push(MessageAttribute::string("ErrorMessage", message));
    }
    attributes
}

/// The status and message of the last attempt: 200 when the function ran and failed.
fn failure(ended: &Ended<'_>) -> (u16, String) {
    match (&ended.answer, ended.end) {
        (Some(answer), _) => (200, error_message(answer.payload)),
        (None, End::GivenUp(Condition::RecursiveInvocation)) => (400, Recursive.to_string()),
        (None, _) => (429, "Rate Exceeded.".to_owned()),
    }
}

fn error_message(payload: &[u8]) -> String {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct FunctionError {
        error_message: String,
    }
    let message = serde_json::from_slice(payload).map(|error: FunctionError| error.error_message);
    let message = message.unwrap_or_else(|_| String::from_utf8_lossy(payload).into_owned());
    let mut message: String = message.chars().map(sendable).collect();
    message.truncate(message.floor_char_boundary(LARGEST_ATTRIBUTE));
    message
}

/// Replaces what SQS and SNS refuse in a text. Error messages of tools are often coloured by control characters.
fn sendable(character: char) -> char {
    match character {
        '\t' | '\n' | '\r' => character,
        '\0'..=' ' | '\u{fffe}' | '\u{ffff}' if character != ' ' => char::REPLACEMENT_CHARACTER,
        _ => character,
    }
}

fn delivery(ended: &Ended<'_>, kind: DeliveryKind, request: ServiceRequest) -> Work {
    Work::Delivery(Delivery {
        function: ended.event.function.clone(),
        request_id: ended.event.request_id.to_string(),
        kind,
        request,
    })
}

#[cfg(test)]
mod tests {
    use firelight_model::{FunctionArn, Version, WallTime};

    use super::*;
    use crate::record::Answer;

    const QUEUE: &str = "arn:aws:sqs:eu-west-1:000000000000:q";
    const BUS: &str = "arn:aws:events:eu-west-1:000000000000:event-bus/b";
    const EXHAUSTED: End = End::GivenUp(Condition::RetriesExhausted);

    fn event() -> EventRequest {
        EventRequest {
            request_id: RequestId::from_random([0; 16]),
            function: FunctionArn {
                region: "eu-west-1".parse().unwrap(),
                account: "000000000000".parse().unwrap(),
                name: "f".parse().unwrap(),
            },
            qualifier: Some("live".parse().unwrap()),
            payload: Bytes::from_static(b"{ \"as\": \"it came\" }"),
            trace: None,
            tenant_id: None,
        }
    }

    fn left_behind(
        end: End,
        targets: &Targets,
        answer: Option<&str>,
    ) -> (Vec<Work>, Vec<NoTarget>) {
        let event = event();
        let ended = Ended {
            event: &event,
            end,
            invokes: 1,
            answer: answer.map(|payload| Answer {
                version: Version::Latest,
                payload: payload.as_bytes(),
            }),
            at: WallTime::from_epoch_ms(1_573_755_365_568),
        };
        let mut fresh_id = || RequestId::from_random([9; 16]);
        aftermath(&ended, targets, Some("Root=1-2-3"), &mut fresh_id)
    }

    fn on_failure(arn: &str) -> Targets {
        Targets {
            on_failure: Some(arn.to_owned()),
            ..Targets::default()
        }
    }

    fn only_request(work: &[Work]) -> &ServiceRequest {
        let [Work::Delivery(delivery)] = work else {
            panic!("{work:?}");
        };
        &delivery.request
    }

    #[test]
    fn a_dead_letter_is_the_event_word_for_word_with_three_attributes() {
        let targets = Targets {
            dead_letter: Some(QUEUE.to_owned()),
            ..Targets::default()
        };
        let answer = r#"{"errorMessage":"it broke","errorType":"E"}"#;

        let (work, refused) = left_behind(EXHAUSTED, &targets, Some(answer));

        assert_eq!(refused, []);
        let expected = ServiceRequest::SendMessage {
            queue_arn: QUEUE.to_owned(),
            body: "{ \"as\": \"it came\" }".to_owned(),
            attributes: vec![
                MessageAttribute::string("RequestID", "00000000-0000-4000-8000-000000000000"),
                MessageAttribute::number("ErrorCode", 200),
                MessageAttribute::string("ErrorMessage", "it broke"),
            ],
            trace: Some("Root=1-2-3".to_owned()),
        };
        assert_eq!(only_request(&work), &expected);
    }

    #[test]
    fn a_long_error_message_is_cut_at_a_character() {
        let answer = format!(r#"{{"errorMessage":"{}"}}"#, "é".repeat(1_000));

        assert_eq!(error_message(answer.as_bytes()), "é".repeat(512));
    }

    #[test]
    fn an_error_message_has_no_character_that_a_queue_refuses() {
        let message = error_message(br#"{"errorMessage":"\u001b[31mred\u0000\ttab\n\uffff "}"#);

        assert_eq!(message, "\u{fffd}[31mred\u{fffd}\ttab\n\u{fffd} ");
    }

    #[test]
    fn an_empty_error_message_is_left_out() {
        let targets = Targets {
            dead_letter: Some(QUEUE.to_owned()),
            ..Targets::default()
        };

        let (work, _) = left_behind(EXHAUSTED, &targets, Some(r#"{"errorMessage":""}"#));

        let ServiceRequest::SendMessage { attributes, .. } = only_request(&work) else {
            panic!("{work:?}");
        };
        let names: Vec<_> = attributes.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["RequestID", "ErrorCode"]);
    }

    #[test]
    fn a_record_goes_whole_where_it_fits_and_without_payloads_where_it_does_not() {
        let answer = format!("\"{}\"", "x".repeat(262_144));
        let sent_to = |arn| {
            let (work, _) = left_behind(EXHAUSTED, &on_failure(arn), Some(&answer));
            match only_request(&work) {
                ServiceRequest::SendMessage { body, .. } => body.len(),
                ServiceRequest::Publish { message, .. } => message.len(),
                ServiceRequest::PutEvents { detail, .. } => detail.len(),
                ServiceRequest::PutObject { body, .. } => body.len(),
            }
        };

        assert!(sent_to(QUEUE) > answer.len());
        assert!(sent_to("arn:aws:s3:::b") > answer.len());
        assert!(sent_to("arn:aws:sns:eu-west-1:000000000000:t") < 1_000);
        assert!(sent_to(BUS) < 1_000);
    }

    #[test]
    fn an_event_bus_gets_the_record_as_detail() {
        let (work, _) = left_behind(EXHAUSTED, &on_failure(BUS), None);

        let ServiceRequest::PutEvents {
            source,
            detail_type,
            resources,
            detail,
            ..
        } = only_request(&work)
        else {
            panic!("{work:?}");
        };
        assert_eq!(source, "lambda");
        assert_eq!(detail_type, "Lambda Function Invocation Result - Failure");
        let function = "arn:aws:lambda:eu-west-1:000000000000:function:f:live";
        assert_eq!(resources, &[BUS, function]);
        assert!(detail.contains(r#""condition":"RetriesExhausted""#));
    }

    #[test]
    fn a_bucket_gets_an_object_named_by_function_day_and_second() {
        let (work, _) = left_behind(EXHAUSTED, &on_failure("arn:aws:s3:::b"), None);

        let ServiceRequest::PutObject { bucket, key, .. } = only_request(&work) else {
            panic!("{work:?}");
        };
        assert_eq!(bucket, "b");
        assert_eq!(
            key,
            "aws/lambda/async/f/2019/11/14/2019-11-14T18.16.05-09090909-0909-4909-8909-090909090909"
        );
    }

    #[test]
    fn another_function_gets_the_record_as_its_event() {
        let targets = Targets {
            on_success: Some("arn:aws:lambda:eu-west-1:000000000000:function:next:7".to_owned()),
            ..Targets::default()
        };

        let (work, _) = left_behind(End::Success, &targets, Some("1"));

        let [Work::Event(next)] = &work[..] else {
            panic!("{work:?}");
        };
        assert_eq!(next.function.name.as_str(), "next");
        assert_eq!(next.qualifier, Some("7".parse().unwrap()));
        assert_eq!(next.trace.as_deref(), Some("Root=1-2-3"));
        assert!(next.payload.starts_with(br#"{"version":"1.0""#));
    }

    #[test]
    fn a_failed_event_goes_to_destination_and_dead_letter_queue_and_a_success_to_neither() {
        let targets = Targets {
            dead_letter: Some(QUEUE.to_owned()),
            ..on_failure(BUS)
        };

        let failed = left_behind(EXHAUSTED, &targets, None).0;
        let succeeded = left_behind(End::Success, &targets, Some("1")).0;

        assert_eq!((failed.len(), succeeded.len()), (2, 0));
    }

    #[test]
    fn a_target_that_nothing_can_be_sent_to_is_told() {
        let (work, refused) = left_behind(EXHAUSTED, &on_failure("nonsense"), None);

        assert_eq!(work, []);
        assert_eq!(refused[0].error.arn, "nonsense");
        assert_eq!(refused[0].kind, DeliveryKind::Record);
    }
}
