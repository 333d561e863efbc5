//! The data plane over a fake driver: real Runtime API, real pipes, scripted programs, no walls.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod concurrent;
mod failures;
mod limits;
mod log;
mod plane;
mod provisioned;
mod reuse;
mod runtime;
mod started;
mod streaming;
