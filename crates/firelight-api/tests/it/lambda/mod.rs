//! The Lambda API: every answer field for field, every refusal letter for letter.

mod aliases;
mod attached;
mod capacity_providers;
mod check_order;
mod clearing;
mod client_context;
mod concurrency;
mod event_invoke;
mod events;
mod facts;
mod functions;
mod layers;
mod limits;
mod mappings;
mod markers;
mod operations;
mod options;
mod permissions;
pub(crate) mod plane;
mod recursion;
mod revisions;
mod settings;
mod tags;
mod tenants;
mod urls;
mod versions;
