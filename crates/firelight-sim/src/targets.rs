//! Where records go in a simulation: a queue that is away now and then, and a ledger that reads what arrives.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use firelight_events::{Deliver, DeliverError, Delivery, ServiceRequest, Targets};
use tokio::time::sleep;

use crate::ledger::Ledger;
use crate::rng::Rng;

const TARGET: &str = "arn:aws:sqs:eu-west-1:000000000000:ends";

/// Every end of an event goes to the same target.
pub(crate) fn every_end() -> Targets {
    Targets {
        on_success: Some(TARGET.to_owned()),
        on_failure: Some(TARGET.to_owned()),
        dead_letter: None,
    }
}

pub(crate) struct SimTarget {
    pub(crate) ledger: Ledger,
    pub(crate) rng: Mutex<Rng>,
    /// How often it is away, in percent.
    pub(crate) away: u64,
}

impl Deliver for SimTarget {
    fn deliver(
        &self,
        delivery: &Delivery,
    ) -> Pin<Box<dyn Future<Output = Result<(), DeliverError>> + Send + '_>> {
        let ServiceRequest::SendMessage { body, .. } = &delivery.request else {
            unreachable!("the only target is a queue")
        };
        // A target that is away may have taken the message all the same.
        if let Ok(id) = text_of(body, "requestId").parse() {
            self.ledger.told(id, text_of(body, "condition"));
        }
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        let away = rng.percent(self.away);
        Box::pin(async move {
            sleep(Duration::from_millis(5)).await;
            let reason = "simulated".to_owned();
            if away {
                Err(DeliverError::Unavailable { reason })
            } else {
                Ok(())
            }
        })
    }
}

/// A text field of a record.
fn text_of<'a>(record: &'a str, field: &str) -> &'a str {
    let name = format!("\"{field}\":\"");
    let value = record.split_once(&name).map_or("", |(_, rest)| rest);
    value.split('"').next().unwrap_or_default()
}
