//! What runs inside one execution environment sees: the Runtime, Extensions and Telemetry APIs.
//!
//! ```text
//!   data plane                     this crate                        inside the sandbox
//!   offer(event) ───────────► parked GET next ───────────────────► runtime
//!   Invocation::answer() ◄─── POST response | error ◄───────────── runtime
//!   SessionEvents ◄────────── register, event/next, init/error ◄── extensions
//!   publish(record) ────────► buffered subscriptions ────────────► telemetry consumers
//! ```
//!
//! One [`Session`] serves one listener, which the caller bound inside the sandbox's network. What is legal when is
//! decided by the pure machines of [`machine`]; the rest carries bytes. Whoever speaks to the listener is hostile:
//! every head, body, queue and number of connections is bounded, and abuse is counted, never fatal.
//!
//! Deliberately absent: processes, deadlines and phases. The session is told when a generation of processes ended
//! ([`Session::reset`]) and never decides that an invocation took too long.

mod answer;
mod config;
mod endpoint;
mod event;
mod head_timeout;
mod listener;
pub mod machine;
mod prompt_ack;
mod session;
mod state;
mod telemetry;

pub use answer::{
    Abandoned, Answer, AnswerTime, ErrorReport, ErrorType, StreamEnd, StreamPart, StreamedBody,
};
pub use config::{InitializationType, Limits, SessionConfig};
pub use event::{
    Event, ExtensionEvent, ExtensionKind, SessionEvent, SessionEvents, ShutdownReason,
};
pub use listener::Abuse;
pub use session::{Invocation, OfferError, Session};
pub use telemetry::{Category, Connect, Connecting, TelemetryApi, TelemetryRecord};
