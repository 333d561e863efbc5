//! What lies in the queue: an event to run or a delivery to make, and the form in which it is stored.
//!
//! ```text
//!  format (1 byte) | length of the header (4 bytes, big endian) | header (JSON) | payload
//! ```
//!
//! The payload stays as it came, so that nothing is escaped or parsed on its way. An unknown field of a header is
//! ignored; a change that old readers would misread gets another format number.

use bytes::{BufMut, Bytes, BytesMut};
use firelight_model::{FunctionArn, FunctionTarget};
use serde::{Deserialize, Serialize};

use crate::destination::Destination;
use crate::event::EventRequest;
use crate::service_request::ServiceRequest;

const FORMAT: u8 = 1;
const PREFIX: usize = 5;

/// One item of work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Event(EventRequest),
    Delivery(Delivery),
}

/// Something to hand over to another service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The function whose event it comes from; its execution role makes the call.
    pub function: FunctionArn,
    /// The event it tells of. Empty in what the first versions stored.
    pub request_id: String,
    pub kind: DeliveryKind,
    /// The call to make.
    pub request: ServiceRequest,
}

/// What is handed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryKind {
    /// The record of an event, for a destination.
    #[default]
    Record,
    /// The event itself, for the dead-letter queue.
    DeadLetter,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Header {
    Event {
        request_id: String,
        function: String,
        trace: Option<String>,
        tenant_id: Option<String>,
    },
    Delivery {
        function: String,
        #[serde(default)]
        request_id: String,
        #[serde(default)]
        delivery: DeliveryKind,
        request: ServiceRequest,
    },
}

/// The stored form cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("the item has format {0}, which a newer version wrote")]
    Format(u8),
    #[error("the item is cut off")]
    CutOff,
    #[error("the header of the item cannot be read")]
    Header(#[from] serde_json::Error),
    #[error("the header of the item names {what} {text:?}")]
    Name { what: &'static str, text: String },
}

impl Work {
    pub(crate) fn encode(&self) -> Bytes {
        let (header, payload) = match self {
            Self::Event(event) => (event_header(event), event.payload.clone()),
            Self::Delivery(delivery) => (delivery_header(delivery), Bytes::new()),
        };
        let header = serde_json::to_vec(&header).expect("a header has only texts");
        let length = u32::try_from(header.len()).expect("headers are far below 4 GiB");
        let mut stored = BytesMut::with_capacity(PREFIX + header.len() + payload.len());
        stored.put_u8(FORMAT);
        stored.put_u32(length);
        stored.put_slice(&header);
        stored.put_slice(&payload);
        stored.freeze()
    }

    pub(crate) fn decode(stored: &Bytes) -> Result<Self, DecodeError> {
        let (&format, _) = stored.split_first().ok_or(DecodeError::CutOff)?;
        if format != FORMAT {
            return Err(DecodeError::Format(format));
        }
        let length = stored.get(1..PREFIX).ok_or(DecodeError::CutOff)?;
        let length = u32::from_be_bytes(length.try_into().expect("four bytes")) as usize;
        let end = PREFIX.saturating_add(length);
        let header = stored.get(PREFIX..end).ok_or(DecodeError::CutOff)?;
        read(serde_json::from_slice(header)?, stored.slice(end..))
    }
}

fn event_header(event: &EventRequest) -> Header {
    Header::Event {
        request_id: event.request_id.to_string(),
        function: event.invoked_arn(),
        trace: event.trace.clone(),
        tenant_id: event.tenant_id.clone(),
    }
}

fn delivery_header(delivery: &Delivery) -> Header {
    Header::Delivery {
        function: delivery.function.to_string(),
        request_id: delivery.request_id.clone(),
        delivery: delivery.kind,
        request: delivery.request.clone(),
    }
}

fn read(header: Header, payload: Bytes) -> Result<Work, DecodeError> {
    Ok(match header {
        Header::Event {
            request_id,
            function,
            trace,
            tenant_id,
        } => {
            let FunctionTarget { arn, qualifier } = target(&function)?;
            Work::Event(EventRequest {
                request_id: request_id.parse().map_err(|_| DecodeError::Name {
                    what: "the request",
                    text: request_id,
                })?,
                function: arn,
                qualifier,
                payload,
                trace,
                tenant_id,
            })
        }
        Header::Delivery {
            function,
            request_id,
            delivery,
            request,
        } => Work::Delivery(Delivery {
            function: target(&function)?.arn,
            request_id,
            kind: delivery,
            request,
        }),
    })
}

fn target(arn: &str) -> Result<FunctionTarget, DecodeError> {
    match arn.parse() {
        Ok(Destination::Function(target)) => Ok(target),
        _ => Err(DecodeError::Name {
            what: "the function",
            text: arn.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use firelight_model::RequestId;
    use proptest::prelude::*;

    use super::*;

    fn function() -> FunctionArn {
        FunctionArn {
            region: "eu-west-1".parse().unwrap(),
            account: "000000000000".parse().unwrap(),
            name: "f".parse().unwrap(),
        }
    }

    fn event(qualifier: Option<&str>) -> Work {
        Work::Event(EventRequest {
            request_id: RequestId::from_random([7; 16]),
            function: function(),
            qualifier: qualifier.map(|text| text.parse().unwrap()),
            payload: Bytes::from_static(b"{\"a\":1}"),
            trace: Some("Root=1-2-3".to_owned()),
            tenant_id: None,
        })
    }

    #[test]
    fn work_survives_the_queue() {
        let delivery = Work::Delivery(Delivery {
            function: function(),
            request_id: "07070707-0707-4707-8707-070707070707".to_owned(),
            kind: DeliveryKind::DeadLetter,
            request: ServiceRequest::PutObject {
                bucket: "b".to_owned(),
                key: "k".to_owned(),
                body: "{}".to_owned(),
                trace: Some("Root=1-2-3".to_owned()),
            },
        });

        for work in [
            event(None),
            event(Some("live")),
            event(Some("$LATEST")),
            delivery,
        ] {
            assert_eq!(Work::decode(&work.encode()).unwrap(), work);
        }
    }

    #[test]
    fn the_first_format_stays_readable() {
        let mut stored = b"\x01\x00\x00\x00\x9c".to_vec();
        let header = br#"{"kind":"event","request_id":"07070707-0707-4707-8707-070707070707","function":"arn:aws:lambda:eu-west-1:000000000000:function:f:live","trace":"Root=1-2-3"}"#;
        stored[4] = u8::try_from(header.len()).unwrap();
        stored.extend_from_slice(header);
        stored.extend_from_slice(br#"{"a":1}"#);

        let work = Work::decode(&stored.into()).unwrap();

        assert_eq!(work, event(Some("live")));
    }

    #[test]
    fn a_delivery_of_the_first_versions_stays_readable() {
        let header = concat!(
            r#"{"kind":"delivery","function":"arn:aws:lambda:eu-west-1:000000000000:function:f","#,
            r#""request":{"action":"Publish","topic_arn":"t","message":"m","attributes":[]}}"#,
        );
        let length = u32::try_from(header.len()).unwrap();
        let stored = [&b"\x01"[..], &length.to_be_bytes(), header.as_bytes()].concat();

        let work = Work::decode(&stored.into()).unwrap();

        let expected = Work::Delivery(Delivery {
            function: function(),
            request_id: String::new(),
            kind: DeliveryKind::Record,
            request: ServiceRequest::Publish {
                topic_arn: "t".to_owned(),
                message: "m".to_owned(),
                attributes: Vec::new(),
                trace: None,
            },
        });
        assert_eq!(work, expected);
    }

    #[test]
    fn a_newer_format_is_told_by_its_number() {
        let error = Work::decode(&Bytes::from_static(b"\x02whatever")).unwrap_err();

        assert!(matches!(error, DecodeError::Format(2)), "{error}");
    }

    proptest! {
        #[test]
        fn damaged_items_are_refused_without_harm(cut in 0..200_usize, at in 0..200_usize, byte: u8) {
            let mut stored = event(None).encode().to_vec();
            stored.truncate(cut);
            if let Some(place) = stored.get_mut(at) {
                *place = byte;
            }
            let _ = Work::decode(&stored.into());
        }
    }
}
