//! What a subscribed function is told: events of one stream as the event `awslogs`. Pure.
//!
//! ```text
//!  {"awslogs":{"data":"<base64 of gzip of {messageType, owner, logGroup, logStream, subscriptionFilters, logEvents}>"}}
//! ```

use std::collections::BTreeMap;
use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use firelight_store::LogEvent;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;

/// Messages that go together. What cannot be compressed still fits into an event of Lambda, with the ids around it.
const FULL_BYTES: usize = 512 * 1024;
/// What an event costs beside its message: its id, its time, and their names.
const EVENT_BYTES: usize = 128;

/// Where events come from, and by which filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSource {
    pub account: String,
    pub region: String,
    pub group: String,
    pub filter: String,
}

impl LogSource {
    /// Returns the ARN that permissions of functions name: with the `:*` that stands for all streams.
    pub fn arn(&self) -> String {
        let Self {
            account,
            region,
            group,
            ..
        } = self;
        format!("arn:aws:logs:{region}:{account}:log-group:{group}:*")
    }
}

/// Events of one stream that go together.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parcel {
    stream: String,
    events: Vec<LogEvent>,
}

/// Lays events out in parcels. Those of one stream keep their order.
pub(super) fn pack(events: Vec<LogEvent>) -> Vec<Parcel> {
    let mut streams: BTreeMap<String, Vec<LogEvent>> = BTreeMap::new();
    for event in events {
        streams.entry(event.stream.clone()).or_default().push(event);
    }
    let packed = streams
        .into_iter()
        .flat_map(|(stream, events)| pack_stream(&stream, events));
    packed.collect()
}

fn pack_stream(stream: &str, events: Vec<LogEvent>) -> Vec<Parcel> {
    let mut parcels: Vec<Parcel> = Vec::new();
    let mut bytes = 0;
    for event in events {
        let cost = event.message.len() + EVENT_BYTES;
        bytes += cost;
        match parcels.last_mut() {
            Some(open) if bytes <= FULL_BYTES => open.events.push(event),
            _ => {
                bytes = cost;
                parcels.push(Parcel {
                    stream: stream.to_owned(),
                    events: vec![event],
                });
            }
        }
    }
    parcels
}

#[derive(Serialize)]
struct Envelope {
    awslogs: Data,
}

#[derive(Serialize)]
struct Data {
    data: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    message_type: &'static str,
    owner: &'a str,
    log_group: &'a str,
    log_stream: &'a str,
    subscription_filters: &'a [&'a str],
    log_events: Vec<Event<'a>>,
}

#[derive(Serialize)]
struct Event<'a> {
    id: String,
    timestamp: u64,
    message: &'a str,
}

impl<'a> From<&'a LogEvent> for Event<'a> {
    fn from(event: &'a LogEvent) -> Self {
        Self {
            id: event.position.to_string(),
            timestamp: event.at.epoch_ms(),
            message: &event.message,
        }
    }
}

impl Parcel {
    /// Returns the event that the function is invoked with.
    pub(super) fn payload(&self, source: &LogSource) -> Bytes {
        enclose(&Message {
            message_type: "DATA_MESSAGE",
            owner: &source.account,
            log_group: &source.group,
            log_stream: &self.stream,
            subscription_filters: &[&source.filter],
            log_events: self.events.iter().map(Event::from).collect(),
        })
    }
}

/// Returns the event that tests whether a function can be reached, which is sent when a filter is put.
pub fn control_message(now_epoch_ms: u64) -> Bytes {
    enclose(&Message {
        message_type: "CONTROL_MESSAGE",
        owner: "CloudwatchLogs",
        log_group: "",
        log_stream: "",
        subscription_filters: &[],
        log_events: vec![Event {
            id: String::new(),
            timestamp: now_epoch_ms,
            message: "CWL CONTROL MESSAGE: Checking health of destination Lambda function.",
        }],
    })
}

fn enclose(message: &Message<'_>) -> Bytes {
    let mut zipped = GzEncoder::new(Vec::new(), Compression::fast());
    let json = serde_json::to_vec(message).expect("texts and numbers are JSON");
    zipped.write_all(&json).expect("memory takes it");
    let zipped = zipped.finish().expect("memory takes it");
    let data = STANDARD.encode(zipped);
    let envelope = Envelope {
        awslogs: Data { data },
    };
    serde_json::to_vec(&envelope)
        .expect("a text is JSON")
        .into()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use firelight_model::WallTime;
    use flate2::read::GzDecoder;
    use serde_json::{Value, json};

    use super::*;

    fn event(stream: &str, message: String) -> LogEvent {
        LogEvent {
            position: "00000000000000000000000000000000000100000000000000000007"
                .parse()
                .unwrap(),
            stream: stream.to_owned(),
            at: WallTime::from_epoch_ms(5),
            ingested: WallTime::from_epoch_ms(6),
            message,
        }
    }

    fn source() -> LogSource {
        LogSource {
            account: "123456789012".into(),
            region: "eu-west-1".into(),
            group: "/g".into(),
            filter: "mine".into(),
        }
    }

    fn opened(payload: &[u8]) -> Value {
        let envelope: Value = serde_json::from_slice(payload).unwrap();
        let zipped = STANDARD
            .decode(envelope["awslogs"]["data"].as_str().unwrap())
            .unwrap();
        let mut json = String::new();
        GzDecoder::new(&zipped[..])
            .read_to_string(&mut json)
            .unwrap();
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn a_function_is_told_of_events_as_on_aws() {
        let events = vec![event("s", "hello\n".into())];
        let id = events[0].position.to_string();

        let parcels = pack(events);

        assert_eq!(
            opened(&parcels[0].payload(&source())),
            json!({
                "messageType": "DATA_MESSAGE",
                "owner": "123456789012",
                "logGroup": "/g",
                "logStream": "s",
                "subscriptionFilters": ["mine"],
                "logEvents": [{"id": id, "timestamp": 5, "message": "hello\n"}],
            })
        );
    }

    #[test]
    fn a_parcel_is_of_one_stream() {
        let events = ["a", "b", "a"].map(|stream| event(stream, stream.to_owned()));

        let parcels = pack(events.into());

        let told: Vec<_> = parcels
            .iter()
            .map(|parcel| (&*parcel.stream, parcel.events.len()))
            .collect();
        assert_eq!(told, [("a", 2), ("b", 1)]);
    }

    #[test]
    fn a_parcel_of_noise_fits_into_an_event_of_lambda() {
        let mut state = 1_u64;
        let mut noise = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            char::from(b' ' + u8::try_from((state >> 33) % 95).unwrap())
        };
        let events = (0..5_000).map(|_| event("s", (0..180).map(|_| noise()).collect()));

        let parcels = pack(events.collect());

        assert!(parcels.len() > 1);
        assert_eq!(
            parcels
                .iter()
                .map(|parcel| parcel.events.len())
                .sum::<usize>(),
            5_000
        );
        for parcel in parcels {
            assert!(parcel.payload(&source()).len() < 1024 * 1024);
        }
    }

    #[test]
    fn the_test_message_has_no_group() {
        let told = opened(&control_message(7));

        assert_eq!(told["messageType"], "CONTROL_MESSAGE");
        assert_eq!(told["logGroup"], "");
        assert_eq!(told["logEvents"][0]["timestamp"], 7);
    }
}
