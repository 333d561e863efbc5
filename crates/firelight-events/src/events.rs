//! The door of asynchronous invocation: accepts events and tells how many wait.

use std::sync::Arc;
use std::time::Duration;

use firelight_store::{EnqueueError, Queue, ReadError};

use crate::attempt::{Workshop, new_item};
use crate::counters::{Counters, Totals};
use crate::dispatcher::{Dispatcher, Token};
use crate::event::EventRequest;
use crate::lineage;
use crate::ports::Ports;
use crate::queue::AnyQueue;
use crate::settings::Settings;
use crate::work::Work;

/// Asynchronous invocation. Cheap to clone: all clones are one.
#[derive(Clone)]
pub struct Events {
    queue: Arc<dyn AnyQueue>,
    workshop: Arc<Workshop>,
}

/// An event was not acknowledged. The caller may send it again; it may then run twice.
#[derive(Debug, thiserror::Error)]
#[error("could not accept the event")]
pub struct AcceptError(#[from] pub EnqueueError);

/// The events of one function that wait or run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionDepth {
    /// `account/function`.
    pub function: String,
    pub events: u64,
    /// The age of the oldest (`AsyncEventAge`).
    pub oldest: Duration,
}

impl Events {
    /// Makes the door. Nothing runs before [`Events::dispatch`].
    pub fn new(queue: impl Queue, ports: Ports, settings: Settings) -> Self {
        let workshop = Workshop {
            ports,
            settings,
            counters: Counters::default(),
        };
        Self {
            queue: Arc::new(queue),
            workshop: Arc::new(workshop),
        }
    }

    /// Accepts an event; answers once it is durable. From then on it is run at least once, or given up by the rules.
    ///
    /// The payload must be a JSON text of at most [`LARGEST_PAYLOAD`](crate::LARGEST_PAYLOAD) bytes.
    pub async fn accept(&self, mut event: EventRequest) -> Result<(), AcceptError> {
        event.trace.get_or_insert_with(|| self.fresh_trace());
        let item = new_item(&Work::Event(event));
        self.queue.enqueue(vec![item]).await?;
        self.workshop.counters.accepted.add();
        Ok(())
    }

    fn fresh_trace(&self) -> String {
        let Workshop {
            ports, settings, ..
        } = &*self.workshop;
        let now_s = ports.clock.now().epoch_ms() / 1000;
        lineage::fresh(now_s, (ports.random)(), settings.samples_traces)
    }

    /// Starts to run events, as long as the returned guard lives.
    pub fn dispatch(&self, token: Token) -> Dispatcher {
        Dispatcher::start(Arc::clone(&self.queue), Arc::clone(&self.workshop), token)
    }

    /// What happened since the start.
    pub fn totals(&self) -> Totals {
        self.workshop.counters.totals()
    }

    /// The events that wait or run, for each function that has any.
    pub async fn depths(&self) -> Result<Vec<FunctionDepth>, ReadError> {
        let lanes = self.queue.depths().await?;
        let of_events = lanes.into_iter().filter_map(|lane| {
            Some(FunctionDepth {
                function: lane.lane.strip_prefix("event/")?.to_owned(),
                events: lane.items,
                oldest: lane.oldest,
            })
        });
        Ok(of_events.collect())
    }
}
