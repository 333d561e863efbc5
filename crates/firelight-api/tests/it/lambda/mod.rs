//! The Lambda API: every answer field for field, every refusal letter for letter.

mod aliases;
mod functions;
pub(crate) mod plane;
mod tags;
mod versions;
