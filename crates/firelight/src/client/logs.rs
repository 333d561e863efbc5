//! The calls of the CloudWatch Logs API that the commands make.

use http::Method;
use http::header::{CONTENT_TYPE, HeaderName};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Call, CallError, Client};

/// Which log events are wanted.
#[derive(Clone, Debug)]
pub struct LogQuery {
    pub group: String,
    /// Milliseconds since the epoch, inclusive.
    pub start_ms: i64,
    /// A filter pattern of CloudWatch Logs.
    pub pattern: Option<String>,
}

/// One line of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogEvent {
    pub event_id: String,
    pub log_stream_name: String,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    pub message: String,
}

impl Client {
    /// Reads all matching events, page by page, oldest first.
    pub async fn filter_log_events(&self, query: &LogQuery) -> Result<Vec<LogEvent>, CallError> {
        let mut events: Vec<LogEvent> = Vec::new();
        let mut token = Value::Null;
        loop {
            let page = self.logs("FilterLogEvents", &query.body(&token)).await?;
            let found = Vec::<LogEvent>::deserialize(&page["events"]).map_err(|error| {
                CallError::Unexpected {
                    reason: error.to_string(),
                }
            })?;
            events.extend(found);
            token = page["nextToken"].clone();
            if token.is_null() {
                events.sort_by_key(|event| event.timestamp);
                return Ok(events);
            }
        }
    }

    async fn logs(&self, operation: &str, body: &Value) -> Result<Value, CallError> {
        let target = format!("Logs_20140328.{operation}");
        let call = Call::new("logs", Method::POST, "/")
            .with_json(body)
            .with_header(CONTENT_TYPE, "application/x-amz-json-1.1")
            .with_header(HeaderName::from_static("x-amz-target"), &target);
        self.send_for_json(call).await
    }
}

impl LogQuery {
    fn body(&self, token: &Value) -> Value {
        let mut body = json!({ "logGroupName": self.group, "startTime": self.start_ms });
        if let Some(pattern) = &self.pattern {
            body["filterPattern"] = json!(pattern);
        }
        if !token.is_null() {
            body["nextToken"] = token.clone();
        }
        body
    }
}
