//! Searching a group with a filter pattern.

use firelight_control::logs::{EventPosition, FilterPattern, LogEvent, Search, Streams};
use serde::{Deserialize, Serialize};

use super::error::{invalid, missing};
use super::events::time;
use super::names::{group_of, limit};
use super::{Answer, Call};
use crate::error::ApiError;

const MAX_EVENTS: u32 = 10_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FilterLogEvents {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_names: Option<Vec<String>>,
    log_stream_name_prefix: Option<String>,
    start_time: Option<i64>,
    end_time: Option<i64>,
    filter_pattern: Option<String>,
    next_token: Option<String>,
    limit: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    events: Vec<Event>,
    /// No longer filled by AWS, but still there.
    searched_log_streams: [(); 0],
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    log_stream_name: String,
    timestamp: u64,
    message: String,
    ingestion_time: u64,
    event_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TestMetricFilter {
    filter_pattern: Option<String>,
    log_event_messages: Option<Vec<String>>,
}

#[derive(Serialize)]
struct Matches {
    matches: Vec<Match>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Match {
    event_number: usize,
    event_message: String,
    extracted_values: std::collections::BTreeMap<String, String>,
}

impl Call<'_> {
    pub(super) async fn filter_log_events(&self) -> Answer {
        let input: FilterLogEvents = self.input()?;
        let group = group_of(input.log_group_name, input.log_group_identifier)?;
        let search = Search {
            streams: streams(input.log_stream_names, input.log_stream_name_prefix)?,
            since: input.start_time.map(time),
            // The last moment is part of the search, unlike in GetLogEvents.
            until: input.end_time.map(|end| time(end.saturating_add(1))),
            pattern: FilterPattern::parse(input.filter_pattern.as_deref().unwrap_or_default())?,
            from: position(input.next_token.as_deref())?,
            limit: limit(input.limit, MAX_EVENTS, MAX_EVENTS)?,
        };
        let page = self.logs.search(&self.scope(), &group, &search).await?;
        self.answer(&Found {
            events: page.events.into_iter().map(shown).collect(),
            searched_log_streams: [],
            next_token: page.next.map(|position| position.to_string()),
        })
    }

    pub(super) fn test_metric_filter(&self) -> Answer {
        let input: TestMetricFilter = self.input()?;
        let pattern = input
            .filter_pattern
            .ok_or_else(|| missing("filterPattern"))?;
        let messages = input
            .log_event_messages
            .ok_or_else(|| missing("logEventMessages"))?;
        let pattern = FilterPattern::parse(&pattern)?;
        let matches = (1..)
            .zip(messages)
            .filter(|(_, message)| pattern.matches(message));
        let matches = matches.map(|(event_number, event_message)| Match {
            event_number,
            event_message,
            extracted_values: Default::default(),
        });
        self.answer(&Matches {
            matches: matches.collect(),
        })
    }
}

fn streams(names: Option<Vec<String>>, prefix: Option<String>) -> Result<Streams, ApiError> {
    match (names, prefix) {
        (Some(_), Some(_)) => Err(invalid(
            "Both logStreamNames and logStreamNamePrefix are specified; only one is allowed.",
        )),
        (Some(names), None) => Ok(Streams::Named(names)),
        (None, Some(prefix)) => Ok(Streams::Prefixed(prefix)),
        (None, None) => Ok(Streams::All),
    }
}

fn position(token: Option<&str>) -> Result<EventPosition, ApiError> {
    let Some(token) = token else {
        return Ok(EventPosition::default());
    };
    token
        .parse()
        .map_err(|_| invalid("The specified nextToken is invalid."))
}

fn shown(event: LogEvent) -> Event {
    Event {
        event_id: event.position.to_string(),
        log_stream_name: event.stream,
        timestamp: event.at.epoch_ms(),
        message: event.message,
        ingestion_time: event.ingested.epoch_ms(),
    }
}
