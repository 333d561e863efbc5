//! Asynchronous invocation: events are accepted, kept, run, retried, and their ends told.
//!
//! ```text
//!  accept ─► queue (durable) ─► dispatcher ─► Invoker ─┬─ retry: back to the queue
//!                 ▲                                    └─ end: record, dead letter
//!                 └──── deliveries, events of other functions ◄──────┘   (in the same commit)
//! ```
//!
//! ```no_run
//! # use std::time::Duration;
//! # use firelight_events::{AcceptError, EventRequest, Events, Ports, Settings, Token};
//! # use firelight_store::SqliteQueue;
//! async fn example(queue: SqliteQueue, ports: Ports, event: EventRequest) -> Result<(), AcceptError> {
//!     let token = Token::alone(queue.epoch());
//!     let events = Events::new(queue, ports, Settings::default());
//!     let dispatcher = events.dispatch(token);
//!     // At the front door, for `InvocationType=Event`: 202 once this returned.
//!     events.accept(event).await?;
//!     // At shutdown:
//!     dispatcher.stop(Duration::from_secs(30)).await;
//!     Ok(())
//! }
//! ```
//!
//! Read `policy` for the rules, `attempt` for one attempt, `dispatcher` for the task that ties them to the queue.
//!
//! Deliberately absent: sandboxes and pools (the [`Invoker`](firelight_invoke::Invoker) has them), HTTP and
//! signatures ([`Deliver`] has them), and SQL.

mod aftermath;
mod attempt;
mod counters;
mod destination;
mod dispatcher;
mod event;
mod events;
mod in_flight;
pub mod lineage;
mod policy;
mod ports;
mod queue;
mod record;
mod service_request;
mod settings;
mod work;

pub use counters::{Dropped, Totals};
pub use destination::{Destination, DestinationError};
pub use dispatcher::{Dispatcher, Token};
pub use event::{EventRequest, LARGEST_PAYLOAD};
pub use events::{AcceptError, Events, FunctionDepth};
pub use policy::{Condition, Limits, Waits};
pub use ports::{Deliver, DeliverError, Functions, Ports, Resolution, Resolved, Targets};
pub use service_request::{MessageAttribute, ServiceRequest};
pub use settings::Settings;
pub use work::{Delivery, DeliveryKind};
