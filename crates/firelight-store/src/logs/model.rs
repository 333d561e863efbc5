//! What goes into the logs and what comes out.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use firelight_model::{AccountId, Region, WallTime};

/// An account in a region, which log groups belong to. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LogPlace {
    key: Arc<str>,
}

impl LogPlace {
    /// Names the place.
    #[must_use]
    pub fn new(account: AccountId, region: &Region) -> Self {
        Self {
            key: format!("{account}/{region}").into(),
        }
    }

    /// Reads a place as it is written in the store.
    pub(super) fn stored(key: &str) -> Self {
        Self { key: key.into() }
    }

    /// The account, and the region.
    #[must_use]
    pub fn parts(&self) -> (&str, &str) {
        self.key.split_once('/').unwrap_or((&self.key, ""))
    }

    /// How the place is written in the store.
    pub(super) fn as_str(&self) -> &str {
        &self.key
    }
}

/// Names a log stream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StreamName {
    /// Whose it is, and where.
    pub place: LogPlace,
    /// The group, such as `/aws/lambda/resize`.
    pub group: String,
    /// The stream within the group.
    pub stream: String,
}

/// A line for the next write.
#[derive(Clone, Debug)]
pub struct LogLine {
    /// Where it belongs; shared by all lines of one environment.
    pub stream: Arc<StreamName>,
    /// When it was said.
    pub at: WallTime,
    /// What was said. Bytes that are no UTF-8 are replaced when it is written.
    pub message: Bytes,
}

impl LogLine {
    /// What it costs to keep it waiting; an empty line is not free.
    pub(super) fn cost_bytes(&self) -> usize {
        size_of::<Self>() + self.message.len()
    }
}

/// An event that somebody puts into a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLogEvent {
    /// When it happened.
    pub at: WallTime,
    /// What happened.
    pub message: String,
}

/// An event that is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEvent {
    /// Its place in the order of time, which is also its id.
    pub position: EventPosition,
    /// The stream it is in.
    pub stream: String,
    /// When it happened.
    pub at: WallTime,
    /// When it was written.
    pub ingested: WallTime,
    /// What happened.
    pub message: String,
}

/// A place in the order of time, between events: before the event that carries it.
///
/// Its text is 56 digits, as event ids of CloudWatch Logs are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventPosition {
    pub(super) at_ms: u64,
    pub(super) seq: u64,
}

/// A text that is no position.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no position in a log")]
pub struct ParsePositionError(String);

const SEQ_DIGITS: usize = 20;
const DIGITS: usize = 56;

impl EventPosition {
    /// The place directly behind the event that carries this one.
    #[must_use]
    pub fn behind(self) -> Self {
        Self {
            seq: self.seq + 1,
            ..self
        }
    }

    /// The place before all events of that time.
    #[must_use]
    pub fn at(time: WallTime) -> Self {
        Self {
            at_ms: time.epoch_ms(),
            seq: 0,
        }
    }
}

impl fmt::Display for EventPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:036}{:020}", self.at_ms, self.seq)
    }
}

impl FromStr for EventPosition {
    type Err = ParsePositionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParsePositionError(text.to_owned());
        if text.len() != DIGITS || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(error());
        }
        let (at_ms, seq) = text.split_at(DIGITS - SEQ_DIGITS);
        Ok(Self {
            at_ms: at_ms.parse().map_err(|_| error())?,
            seq: seq.parse().map_err(|_| error())?,
        })
    }
}

/// A log group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogGroup {
    /// Its name.
    pub name: String,
    /// When it was created.
    pub created: WallTime,
    /// After how many days events are removed; for ever if there is none.
    pub retention_days: Option<u32>,
    /// Bytes of its events, counted as CloudWatch Logs does: 26 more than each message has.
    pub stored_bytes: u64,
}

/// A log stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogStream {
    /// Its name.
    pub name: String,
    /// When it was created.
    pub created: WallTime,
    /// The time of its earliest event, if it has one.
    pub first_event: Option<WallTime>,
    /// The time of its latest event, if it has one.
    pub last_event: Option<WallTime>,
    /// When an event was written last, if ever.
    pub last_ingestion: Option<WallTime>,
}

/// Which groups to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupQuery {
    /// What their names begin with.
    pub prefix: String,
    /// What their names contain.
    pub containing: String,
    /// Where to read on: the name of the last group of the page before.
    pub after: Option<String>,
    /// Most groups to answer.
    pub limit: u32,
}

/// Groups in the order of their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupPage {
    /// The groups.
    pub groups: Vec<LogGroup>,
    /// Pass it as `after` to read on; `None` at the end.
    pub next: Option<String>,
}

/// The order of a list of streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StreamOrder {
    /// By name.
    #[default]
    Name,
    /// By name, backwards.
    NameDescending,
    /// By the time of the latest event.
    LastEvent,
    /// By the time of the latest event, newest first.
    LastEventDescending,
}

/// A place in a list of streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamCursor {
    /// The time of the latest event of the last stream of the page before.
    pub last_event_ms: u64,
    /// The name of that stream.
    pub name: String,
}

/// Which streams to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamQuery {
    /// What their names begin with.
    pub prefix: String,
    /// In which order.
    pub order: StreamOrder,
    /// Where to read on.
    pub after: Option<StreamCursor>,
    /// Most streams to answer.
    pub limit: u32,
}

/// Streams in the order asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamPage {
    /// The streams.
    pub streams: Vec<LogStream>,
    /// Pass it as `after` to read on; `None` at the end.
    pub next: Option<StreamCursor>,
}

/// Where reading of a stream begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the earliest events.
    Head,
    /// With the latest events.
    Tail,
    /// With the events at and behind a place.
    From(EventPosition),
    /// With the last events before a place.
    Before(EventPosition),
}

/// Which events of a stream to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventQuery {
    /// The earliest time, itself included.
    pub since: Option<WallTime>,
    /// The latest time, itself not included.
    pub until: Option<WallTime>,
    /// Where to begin.
    pub start: Start,
    /// Most events to answer.
    pub limit: u32,
}

/// Events of a stream in the order of time, and the places around them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPage {
    /// The events.
    pub events: Vec<LogEvent>,
    /// Read on from here towards later events: [`Start::From`].
    pub forward: EventPosition,
    /// Read on before here towards earlier events: [`Start::Before`].
    pub backward: EventPosition,
}

/// Which streams of a group to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Streams {
    /// All of them.
    #[default]
    All,
    /// Those with these names.
    Named(Vec<String>),
    /// Those whose names begin so.
    Prefixed(String),
}

/// Which events of a group to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilterQuery {
    /// Of which streams.
    pub streams: Streams,
    /// The earliest time, itself included.
    pub since: Option<WallTime>,
    /// The latest time, itself not included.
    pub until: Option<WallTime>,
    /// Where to read on: behind the last event of the page before.
    pub from: EventPosition,
    /// Most events to answer.
    pub limit: u32,
}

/// Events of a group that arrived after others, in the order of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TailPage {
    /// The events.
    pub events: Vec<LogEvent>,
    /// Pass it as `after` to read on.
    pub upto: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_written_as_56_digits_and_read_back() {
        let position = EventPosition {
            at_ms: 1_795_437_297_123,
            seq: 42,
        };

        let text = position.to_string();

        assert_eq!(text.len(), 56);
        assert_eq!(text.parse(), Ok(position));
    }

    #[test]
    fn other_texts_are_no_positions() {
        for text in ["", "1", &"x".repeat(56), &"9".repeat(56), &"1".repeat(57)] {
            assert!(text.parse::<EventPosition>().is_err(), "{text:?}");
        }
    }
}
