//! What is asked of other services to hand over a record or a dead letter: plain data, without any HTTP.
//!
//! The trace header goes along with each call, so that a loop through another service is still seen as one.

use serde::{Deserialize, Serialize};

/// One call of another AWS service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action")]
pub enum ServiceRequest {
    /// SQS `SendMessage`. The trace header is also the system attribute `AWSTraceHeader`.
    SendMessage {
        queue_arn: String,
        body: String,
        attributes: Vec<MessageAttribute>,
        trace: Option<String>,
    },
    /// SNS `Publish`.
    Publish {
        topic_arn: String,
        message: String,
        attributes: Vec<MessageAttribute>,
        trace: Option<String>,
    },
    /// EventBridge `PutEvents`, with this one entry.
    PutEvents {
        event_bus_arn: String,
        source: String,
        detail_type: String,
        resources: Vec<String>,
        detail: String,
        trace: Option<String>,
    },
    /// S3 `PutObject`.
    PutObject {
        bucket: String,
        key: String,
        body: String,
        trace: Option<String>,
    },
}

impl ServiceRequest {
    /// The name of the service, as its endpoint has it.
    pub fn service(&self) -> &'static str {
        match self {
            Self::SendMessage { .. } => "sqs",
            Self::Publish { .. } => "sns",
            Self::PutEvents { .. } => "events",
            Self::PutObject { .. } => "s3",
        }
    }

    /// The trace header that goes along.
    pub fn trace(&self) -> Option<&str> {
        match self {
            Self::SendMessage { trace, .. }
            | Self::Publish { trace, .. }
            | Self::PutEvents { trace, .. }
            | Self::PutObject { trace, .. } => trace.as_deref(),
        }
    }

    /// What it is sent to: an ARN, or the name of a bucket.
    pub fn target(&self) -> &str {
        match self {
            Self::SendMessage { queue_arn, .. } => queue_arn,
            Self::Publish { topic_arn, .. } => topic_arn,
            Self::PutEvents { event_bus_arn, .. } => event_bus_arn,
            Self::PutObject { bucket, .. } => bucket,
        }
    }
}

/// An attribute of a message in SQS and SNS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageAttribute {
    pub name: String,
    /// `String` or `Number`.
    pub data_type: String,
    pub value: String,
}

impl MessageAttribute {
    pub(crate) fn string(name: &str, value: impl Into<String>) -> Self {
        Self::new(name, "String", value.into())
    }

    pub(crate) fn number(name: &str, value: u16) -> Self {
        Self::new(name, "Number", value.to_string())
    }

    fn new(name: &str, data_type: &str, value: String) -> Self {
        Self {
            name: name.to_owned(),
            data_type: data_type.to_owned(),
            value,
        }
    }
}
