//! What differs by source: required settings, defaults, and which members an answer shows.

use firelight_model::FunctionTarget;
use serde_json::{Map, Value, json};

use super::Duplicate;
use super::filter::is_filter;
use crate::records::mapping::MappingRecord;

/// How many messages one batch of a queue in order has at most.
const ORDERED_BATCH: i64 = 10;

/// How many filters one mapping has at most.
const FILTERS: usize = 10;

/// What a queue knows nothing of.
const STREAMS_ONLY: &[&str] = &[
    "StartingPosition",
    "StartingPositionTimestamp",
    "ParallelizationFactor",
    "BisectBatchOnFunctionError",
    "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
    "TumblingWindowInSeconds",
    "Topics",
];

/// The sources that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SourceKind {
    Sqs,
    Kinesis,
    DynamoDb,
    ManagedKafka,
    SelfManagedKafka,
    Mq,
    DocumentDb,
}

/// The source or its settings cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    #[error("the event source is not known")]
    Unrecognized,
    #[error("the position to start from is missing")]
    NoStartingPosition,
    #[error("{arn} cannot be read from a point in time")]
    UnsupportedPosition { arn: String },
    #[error("reading from a point in time needs that time")]
    NoTimestamp,
    /// By the parameter's name in the API.
    #[error("the source has no {parameter}")]
    UnsupportedParameter { parameter: &'static str },
    #[error("a queue in order gives at most {limit} messages at once, and waits for none")]
    OrderedBatch { limit: i64 },
    #[error("there are more than {limit} filters")]
    TooManyFilters { limit: usize },
    #[error("a large batch needs a window to fill in")]
    NoBatchWindow,
    #[error("a filter is not valid")]
    InvalidFilter,
    #[error("the access to the brokers is missing")]
    NoSourceAccess,
}

impl SourceKind {
    /// Tells the kind by the ARN, or by the settings of a source that has none.
    pub(super) fn of(
        arn: Option<&str>,
        settings: &Map<String, Value>,
    ) -> Result<Self, SourceError> {
        let Some(arn) = arn else {
            let self_managed = settings.contains_key("SelfManagedEventSource");
            return if self_managed {
                Ok(Self::SelfManagedKafka)
            } else {
                Err(SourceError::Unrecognized)
            };
        };
        match arn.split(':').nth(2) {
            Some("sqs") => Ok(Self::Sqs),
            Some("kinesis") => Ok(Self::Kinesis),
            Some("dynamodb") => Ok(Self::DynamoDb),
            Some("kafka") => Ok(Self::ManagedKafka),
            Some("mq") => Ok(Self::Mq),
            Some("rds") => Ok(Self::DocumentDb),
            _ => Err(SourceError::Unrecognized),
        }
    }

    fn is_stream(self) -> bool {
        matches!(self, Self::Kinesis | Self::DynamoDb)
    }

    /// Checks what only creation gives, and everything else.
    pub(super) fn check_new(
        self,
        arn: Option<&str>,
        settings: &Map<String, Value>,
    ) -> Result<(), SourceError> {
        let position = settings.get("StartingPosition").and_then(Value::as_str);
        if self.is_stream() && position.is_none() {
            return Err(SourceError::NoStartingPosition);
        }
        if self == Self::DynamoDb && position == Some("AT_TIMESTAMP") {
            let arn = arn.unwrap_or_default().to_owned();
            return Err(SourceError::UnsupportedPosition { arn });
        }
        if position == Some("AT_TIMESTAMP") && !settings.contains_key("StartingPositionTimestamp") {
            return Err(SourceError::NoTimestamp);
        }
        if self == Self::SelfManagedKafka && !settings.contains_key("SourceAccessConfigurations") {
            return Err(SourceError::NoSourceAccess);
        }
        self.check_settings(arn, settings)
    }

    pub(super) fn check_settings(
        self,
        arn: Option<&str>,
        settings: &Map<String, Value>,
    ) -> Result<(), SourceError> {
        self.check_supported(settings)?;
        let number = |name: &str| settings.get(name).and_then(Value::as_i64).unwrap_or(0);
        let is_large = number("BatchSize") > 10;
        if self == Self::Sqs && is_large && number("MaximumBatchingWindowInSeconds") == 0 {
            return Err(SourceError::NoBatchWindow);
        }
        let is_ordered = self == Self::Sqs && arn.is_some_and(|arn| arn.ends_with(".fifo"));
        if is_ordered && (is_large || number("MaximumBatchingWindowInSeconds") > 0) {
            return Err(SourceError::OrderedBatch {
                limit: ORDERED_BATCH,
            });
        }
        check_filters(settings)
    }

    /// Refuses what only other kinds of sources have, as far as it says anything.
    fn check_supported(self, settings: &Map<String, Value>) -> Result<(), SourceError> {
        if self == Self::Sqs && has_destination(settings) {
            let parameter = "DestinationConfig";
            return Err(SourceError::UnsupportedParameter { parameter });
        }
        let elsewhere: &[&'static str] = match self {
            Self::Sqs => STREAMS_ONLY,
            Self::Kinesis | Self::DynamoDb => &["ScalingConfig"],
            Self::ManagedKafka | Self::SelfManagedKafka | Self::Mq | Self::DocumentDb => &[
                "ScalingConfig",
                "ParallelizationFactor",
                "TumblingWindowInSeconds",
            ],
        };
        let given = elsewhere.iter().find(|name| {
            let value = settings.get(**name);
            value.is_some_and(|value| !is_neutral(value))
        });
        match given {
            Some(parameter) => Err(SourceError::UnsupportedParameter { parameter }),
            None => Ok(()),
        }
    }

    /// Fills in what AWS shows when nothing was given.
    pub(super) fn with_defaults(self, given: Map<String, Value>, uuid: &str) -> Map<String, Value> {
        let mut all = self.defaults(uuid);
        all.extend(given);
        self.shown(all)
    }

    fn defaults(self, uuid: &str) -> Map<String, Value> {
        let consumer_group = json!({"ConsumerGroupId": uuid});
        let defaults = match self {
            Self::Sqs => json!({
                "BatchSize": 10, "MaximumBatchingWindowInSeconds": 0, "FunctionResponseTypes": [],
            }),
            Self::Kinesis | Self::DynamoDb => json!({
                "BatchSize": 100, "MaximumBatchingWindowInSeconds": 0, "FunctionResponseTypes": [],
                "ParallelizationFactor": 1, "BisectBatchOnFunctionError": false,
                "MaximumRecordAgeInSeconds": -1, "MaximumRetryAttempts": -1,
                "TumblingWindowInSeconds": 0, "DestinationConfig": {"OnFailure": {}},
            }),
            Self::SelfManagedKafka => json!({
                "BatchSize": 100, "StartingPosition": "TRIM_HORIZON",
                "SelfManagedKafkaEventSourceConfig": consumer_group,
            }),
            Self::ManagedKafka => json!({
                "BatchSize": 100, "StartingPosition": "TRIM_HORIZON",
                "AmazonManagedKafkaEventSourceConfig": consumer_group,
            }),
            Self::Mq | Self::DocumentDb => json!({"BatchSize": 100}),
        };
        match defaults {
            Value::Object(defaults) => defaults,
            _ => Map::new(),
        }
    }

    /// Brings the settings into the form that answers show: nothing that was taken away by an empty value, and
    /// destinations of failures only.
    pub(super) fn shown(self, mut settings: Map<String, Value>) -> Map<String, Value> {
        settings.retain(|name, value| !(SHOWN_IF_SET.contains(&&**name) && is_neutral(value)));
        if self.is_stream() {
            let failure = settings
                .get("DestinationConfig")
                .and_then(|config| config.get("OnFailure"));
            let failure = failure.filter(|failure| !is_neutral(failure)).cloned();
            let failure = failure.unwrap_or_else(|| json!({}));
            settings.insert(
                "DestinationConfig".to_owned(),
                json!({"OnFailure": failure}),
            );
        }
        settings
    }

    /// Says what a second mapping would repeat.
    pub(super) fn duplicate(self, function: &FunctionTarget, record: &MappingRecord) -> Duplicate {
        let arn = record.event_source_arn.clone().unwrap_or_default();
        let name = function.arn.name.to_string();
        match self {
            Self::SelfManagedKafka => Duplicate::Kafka {
                endpoints: endpoints(record).join(","),
                function_arn: record.function_arn.clone(),
                topics: texts(record.settings.get("Topics")).join(","),
            },
            Self::Sqs => Duplicate::Queue {
                arn,
                function: name,
            },
            _ => Duplicate::Stream {
                arn,
                function: name,
            },
        }
    }
}

/// What answers have only where it says something.
const SHOWN_IF_SET: [&str; 6] = [
    "FilterCriteria",
    "ScalingConfig",
    "KMSKeyArn",
    "MetricsConfig",
    "ProvisionedPollerConfig",
    "LoggingConfig",
];

fn check_filters(settings: &Map<String, Value>) -> Result<(), SourceError> {
    let filters = settings
        .get("FilterCriteria")
        .and_then(|criteria| criteria["Filters"].as_array());
    let filters = filters.map(Vec::as_slice).unwrap_or_default();
    if filters.len() > FILTERS {
        return Err(SourceError::TooManyFilters { limit: FILTERS });
    }
    let mut patterns = filters.iter().map(|filter| filter["Pattern"].as_str());
    if patterns.all(|pattern| is_filter(pattern.unwrap_or_default())) {
        Ok(())
    } else {
        Err(SourceError::InvalidFilter)
    }
}

/// Tells whether a setting says nothing: tools send zeros, the default of -1, `false` and empty objects for what they
/// leave out.
fn is_neutral(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => matches!(number.as_i64(), Some(0 | -1)),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.values().all(is_neutral),
        Value::String(text) => text.is_empty(),
    }
}

fn has_destination(settings: &Map<String, Value>) -> bool {
    let config = settings.get("DestinationConfig").and_then(Value::as_object);
    config.is_some_and(|config| {
        config
            .values()
            .any(|side| side.get("Destination").is_some_and(|to| to != ""))
    })
}

/// Tells whether two mappings read the same: the same ARN, or the same topics of the same brokers.
pub(super) fn is_same(one: &MappingRecord, other: &MappingRecord) -> bool {
    match (&one.event_source_arn, &other.event_source_arn) {
        (Some(one), Some(other)) => one == other,
        (None, None) => {
            endpoints(one) == endpoints(other)
                && one.settings.get("Topics") == other.settings.get("Topics")
        }
        _ => false,
    }
}

fn endpoints(record: &MappingRecord) -> Vec<String> {
    let source = record.settings.get("SelfManagedEventSource");
    texts(source.map(|source| &source["Endpoints"]["KAFKA_BOOTSTRAP_SERVERS"]))
}

fn texts(list: Option<&Value>) -> Vec<String> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}
