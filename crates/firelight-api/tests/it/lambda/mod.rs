//! The Lambda API: every answer field for field, every refusal letter for letter.

mod aliases;
mod concurrency;
mod event_invoke;
mod events;
mod functions;
mod layers;
mod mappings;
mod operations;
mod options;
mod permissions;
pub(crate) mod plane;
mod tags;
mod urls;
mod versions;
