//! Operations on log streams.

use firelight_control::logs::{LogStream, StreamCursor, StreamName, StreamOrder, StreamQuery};
use serde::{Deserialize, Serialize};

use super::error::{constraint, invalid};
use super::names::{group_name, group_of, limit, stream_name};
use super::{Answer, Call};
use crate::error::ApiError;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NamedStream {
    log_group_name: Option<String>,
    log_stream_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DescribeLogStreams {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name_prefix: Option<String>,
    order_by: Option<String>,
    descending: Option<bool>,
    next_token: Option<String>,
    limit: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StreamList {
    log_streams: Vec<Stream>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Stream {
    log_stream_name: String,
    creation_time: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_event_timestamp: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_event_timestamp: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_ingestion_time: Option<u64>,
    upload_sequence_token: &'static str,
    arn: String,
    /// AWS no longer counts the bytes of single streams.
    stored_bytes: u64,
}

/// Tokens of sequences are ignored; a constant does for clients that pass them on.
pub(super) const SEQUENCE_TOKEN: &str = "49590302514782513837468263893214583472834892347892347891";

impl Call<'_> {
    pub(super) async fn create_log_stream(&self) -> Answer {
        let stream = self.named_stream()?;
        self.logs.store().create_stream(stream).await?;
        self.done()
    }

    pub(super) async fn delete_log_stream(&self) -> Answer {
        let stream = self.named_stream()?;
        self.logs.store().delete_stream(stream).await?;
        self.done()
    }

    fn named_stream(&self) -> Result<StreamName, ApiError> {
        let input: NamedStream = self.input()?;
        Ok(StreamName {
            place: self.place(),
            group: group_name(input.log_group_name)?,
            stream: stream_name(input.log_stream_name)?,
        })
    }

    pub(super) async fn describe_log_streams(&self) -> Answer {
        let input: DescribeLogStreams = self.input()?;
        let group = group_of(input.log_group_name, input.log_group_identifier)?;
        let order = order(input.order_by.as_deref(), input.descending.unwrap_or(false))?;
        let by_time = matches!(
            order,
            StreamOrder::LastEvent | StreamOrder::LastEventDescending
        );
        if by_time && input.log_stream_name_prefix.is_some() {
            return Err(invalid(
                "Cannot order by LastEventTime with a logStreamNamePrefix.",
            ));
        }
        let query = StreamQuery {
            prefix: input.log_stream_name_prefix.unwrap_or_default(),
            order,
            after: input.next_token.as_deref().map(read_cursor).transpose()?,
            limit: limit(input.limit, 50, 50)?,
        };
        let page = self
            .logs
            .store()
            .streams(&self.place(), &group, &query)
            .await?;
        let arn = self.group_arn(&group);
        let log_streams = page
            .streams
            .into_iter()
            .map(|stream| shown(stream, &arn))
            .collect();
        self.answer(&StreamList {
            log_streams,
            next_token: page.next.map(write_cursor),
        })
    }
}

fn order(by: Option<&str>, descending: bool) -> Result<StreamOrder, ApiError> {
    match (by, descending) {
        (None | Some("LogStreamName"), false) => Ok(StreamOrder::Name),
        (None | Some("LogStreamName"), true) => Ok(StreamOrder::NameDescending),
        (Some("LastEventTime"), false) => Ok(StreamOrder::LastEvent),
        (Some("LastEventTime"), true) => Ok(StreamOrder::LastEventDescending),
        (Some(other), _) => {
            let text = "Member must satisfy enum value set: [LogStreamName, LastEventTime]";
            Err(constraint(other, "orderBy", text))
        }
    }
}

fn write_cursor(cursor: StreamCursor) -> String {
    format!("{}/{}", cursor.last_event_ms, cursor.name)
}

fn read_cursor(token: &str) -> Result<StreamCursor, ApiError> {
    let cursor = token.split_once('/').and_then(|(ms, name)| {
        Some(StreamCursor {
            last_event_ms: ms.parse().ok()?,
            name: name.to_owned(),
        })
    });
    cursor.ok_or_else(|| invalid("The specified nextToken is invalid."))
}

fn shown(stream: LogStream, group_arn: &str) -> Stream {
    Stream {
        creation_time: stream.created.epoch_ms(),
        first_event_timestamp: stream.first_event.map(|time| time.epoch_ms()),
        last_event_timestamp: stream.last_event.map(|time| time.epoch_ms()),
        last_ingestion_time: stream.last_ingestion.map(|time| time.epoch_ms()),
        upload_sequence_token: SEQUENCE_TOKEN,
        arn: format!("{group_arn}:log-stream:{}", stream.name),
        stored_bytes: 0,
        log_stream_name: stream.name,
    }
}
