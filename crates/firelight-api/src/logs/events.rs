//! Writing and reading the events of one stream.

use firelight_control::logs::{EventPosition, EventQuery, NewLogEvent, Start, StreamName};
use firelight_model::WallTime;
use serde::{Deserialize, Serialize};

use super::error::{constraint, invalid, missing};
use super::names::{group_name, group_of, limit, stream_name};
use super::streams::SEQUENCE_TOKEN;
use super::{Answer, Call};
use crate::error::ApiError;

const MAX_EVENTS: u32 = 10_000;
const MAX_BATCH_BYTES: usize = 1_048_576;
/// What each event costs beside its message.
const EVENT_OVERHEAD_BYTES: usize = 26;
const HOUR_MS: u64 = 3_600_000;
const MAX_AHEAD_MS: u64 = 2 * HOUR_MS;
const MAX_AGE_MS: u64 = 14 * 24 * HOUR_MS;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PutLogEvents {
    log_group_name: Option<String>,
    log_stream_name: Option<String>,
    log_events: Option<Vec<InputEvent>>,
}

#[derive(Deserialize)]
struct InputEvent {
    timestamp: Option<i64>,
    message: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PutAnswer {
    next_sequence_token: &'static str,
    #[serde(skip_serializing_if = "Rejected::is_empty")]
    rejected_log_events_info: Rejected,
}

/// Which events of a batch were not taken: up to an index, and from one on.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Rejected {
    #[serde(skip_serializing_if = "Option::is_none")]
    too_new_log_event_start_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    too_old_log_event_end_index: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GetLogEvents {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name: Option<String>,
    start_time: Option<i64>,
    end_time: Option<i64>,
    next_token: Option<String>,
    limit: Option<u32>,
    start_from_head: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GetAnswer {
    events: Vec<Event>,
    next_forward_token: String,
    next_backward_token: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    timestamp: u64,
    message: String,
    ingestion_time: u64,
}

impl Rejected {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Call<'_> {
    pub(super) async fn put_log_events(&self) -> Answer {
        let input: PutLogEvents = self.input()?;
        let stream = StreamName {
            place: self.place(),
            group: group_name(input.log_group_name)?,
            stream: stream_name(input.log_stream_name)?,
        };
        let events = checked(input.log_events.ok_or_else(|| missing("logEvents"))?)?;
        let now_ms = u64::try_from(self.context.received_at.as_millisecond()).unwrap_or(0);
        let (events, rejected_log_events_info) = within_time(events, now_ms);
        self.logs.store().put_events(stream, events).await?;
        self.answer(&PutAnswer {
            next_sequence_token: SEQUENCE_TOKEN,
            rejected_log_events_info,
        })
    }

    pub(super) async fn get_log_events(&self) -> Answer {
        let input: GetLogEvents = self.input()?;
        let stream = StreamName {
            place: self.place(),
            group: group_of(input.log_group_name, input.log_group_identifier)?,
            stream: stream_name(input.log_stream_name)?,
        };
        let start = match (&input.next_token, input.start_from_head) {
            (Some(token), _) => read_token(token)?,
            (None, Some(true)) => Start::Head,
            (None, _) => Start::Tail,
        };
        let query = EventQuery {
            since: input.start_time.map(time),
            until: input.end_time.map(time),
            start,
            limit: limit(input.limit, MAX_EVENTS, MAX_EVENTS)?,
        };
        let page = self.logs.store().events(&stream, &query).await?;
        let events = page.events.into_iter().map(|event| Event {
            timestamp: event.at.epoch_ms(),
            message: event.message,
            ingestion_time: event.ingested.epoch_ms(),
        });
        self.answer(&GetAnswer {
            events: events.collect(),
            next_forward_token: format!("f/{}", page.forward),
            next_backward_token: format!("b/{}", page.backward),
        })
    }
}

/// A time before 1970 is as good as 1970.
pub(super) fn time(epoch_ms: i64) -> WallTime {
    WallTime::from_epoch_ms(u64::try_from(epoch_ms).unwrap_or(0))
}

fn read_token(token: &str) -> Result<Start, ApiError> {
    let position = |text: &str| text.parse::<EventPosition>().ok();
    let start = match token.split_once('/') {
        Some(("f", text)) => position(text).map(Start::From),
        Some(("b", text)) => position(text).map(Start::Before),
        _ => None,
    };
    start.ok_or_else(|| invalid("The specified nextToken is invalid."))
}

/// Checks a batch as a whole.
fn checked(events: Vec<InputEvent>) -> Result<Vec<NewLogEvent>, ApiError> {
    if events.is_empty() || events.len() > MAX_EVENTS as usize {
        let text = match events.len() {
            0 => "Member must have length greater than or equal to 1",
            _ => "Member must have length less than or equal to 10000",
        };
        return Err(constraint("[]", "logEvents", text));
    }
    let mut checked = Vec::with_capacity(events.len());
    for (index, event) in (1..).zip(events) {
        let member = |name| missing(&format!("logEvents.{index}.member.{name}"));
        let at = time(event.timestamp.ok_or_else(|| member("timestamp"))?);
        let message = event.message.ok_or_else(|| member("message"))?;
        checked.push(NewLogEvent { at, message });
    }
    if !checked.is_sorted_by_key(|event| event.at) {
        return Err(invalid(
            "Log events in a single PutLogEvents request must be in chronological order.",
        ));
    }
    let bytes: usize = checked
        .iter()
        .map(|event| event.message.len() + EVENT_OVERHEAD_BYTES)
        .sum();
    if bytes > MAX_BATCH_BYTES {
        return Err(invalid(format!(
            "Upload too large: {bytes} bytes exceeds limit of {MAX_BATCH_BYTES}"
        )));
    }
    Ok(checked)
}

/// Leaves out what is too old or too far ahead; events are in the order of time.
fn within_time(events: Vec<NewLogEvent>, now_ms: u64) -> (Vec<NewLogEvent>, Rejected) {
    let oldest = now_ms.saturating_sub(MAX_AGE_MS);
    let first = events.partition_point(|event| event.at.epoch_ms() < oldest);
    let end = events.partition_point(|event| event.at.epoch_ms() <= now_ms + MAX_AHEAD_MS);
    let rejected = Rejected {
        too_new_log_event_start_index: (end < events.len()).then_some(end),
        too_old_log_event_end_index: (first > 0).then_some(first),
    };
    let kept = events.into_iter().take(end).skip(first).collect();
    (kept, rejected)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(ms: u64) -> NewLogEvent {
        NewLogEvent {
            at: WallTime::from_epoch_ms(ms),
            message: String::new(),
        }
    }

    #[test]
    fn events_out_of_time_are_told_by_their_index() {
        let now = 100 * 24 * HOUR_MS;
        let events = vec![event(1), event(now - 1), event(now + 3 * HOUR_MS)];

        let (kept, rejected) = within_time(events, now);

        assert_eq!(kept, [event(now - 1)]);
        assert_eq!(rejected.too_old_log_event_end_index, Some(1));
        assert_eq!(rejected.too_new_log_event_start_index, Some(2));
    }
}
