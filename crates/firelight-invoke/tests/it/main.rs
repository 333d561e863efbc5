//! The data plane over a fake driver: real Runtime API, real pipes, scripted programs, no walls.

mod failures;
mod limits;
mod log;
mod plane;
mod reuse;
mod runtime;
