//! Export of spans in the OpenTelemetry protocol (OTLP 1.x, protobuf over HTTP).
//!
//! ```text
//!  data plane ─► sink ─► bounded queue ─► batch ─► POST /v1/traces ─► collector
//!                 └─ full: dropped, counted          └─ away: again a few times, then dropped, counted
//! ```
//!
//! Read `message` for the wire form, `render` for what an invocation becomes, `exporter` for the task that sends.
//!
//! Deliberately absent: HTTP, which whoever wires this up brings along, and metrics and logs, which have other ways out.

mod exporter;
pub mod message;
mod render;

pub use exporter::{Exporter, Post, PostError, Totals};
pub use render::Service;
