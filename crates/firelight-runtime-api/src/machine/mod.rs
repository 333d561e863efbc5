//! What the runtime and the extensions may do when: pure state machines, told what happened.
//!
//! Deliberately absent: sockets, payloads, clocks and locks. The names of the states are those of AWS's own emulator,
//! because they appear in the texts that a refused runtime reads.

mod extension;
mod runtime;

pub use extension::{ExtensionMachine, ExtensionState};
pub use runtime::{
    AnswerKind, AnswerRefused, Handout, InitErrorAs, Next, ParkId, RuntimeMachine, RuntimeState,
};

use std::fmt;

/// A step that is not allowed in the present state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forbidden<S> {
    pub from: S,
    pub to: S,
}

impl<S: fmt::Debug> fmt::Display for Forbidden<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "State transition from {:?} to {:?} failed",
            self.from, self.to
        )
    }
}
