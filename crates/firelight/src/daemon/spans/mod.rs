//! Spans of invocations, where somebody collects them and this build can send them.

#[cfg(feature = "otel")]
mod export;
#[cfg(not(feature = "otel"))]
mod none;

#[cfg(feature = "otel")]
pub use export::Spans;
#[cfg(not(feature = "otel"))]
pub use none::Spans;
