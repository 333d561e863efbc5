//! The daemon's numbers for the programs that it has the launcher keep waiting.

use std::sync::{Mutex, PoisonError};

use firelight_sandbox::WaitingProgram;

use crate::wire::Waiting;

/// Programs by number. A program keeps its number as long as it is wanted without a break.
#[derive(Debug, Default)]
pub(super) struct Programs {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    last: u64,
    wanted: Vec<Waiting>,
}

impl Programs {
    /// Takes over what is wanted now, and returns it numbered for the launcher.
    pub(super) fn replace(&self, wanted: Vec<(WaitingProgram, u32)>) -> Vec<Waiting> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut numbered = Vec::with_capacity(wanted.len());
        for (program, count) in wanted {
            let number = known.number_of(&program).unwrap_or_else(|| {
                known.last += 1;
                known.last
            });
            numbered.push(Waiting {
                number,
                program,
                count,
            });
        }
        known.wanted = numbered.clone();
        numbered
    }

    /// The number of a program that is kept waiting.
    pub(super) fn number_of(&self, program: &WaitingProgram) -> Option<u64> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.number_of(program)
    }
}

impl Known {
    fn number_of(&self, program: &WaitingProgram) -> Option<u64> {
        let found = self.wanted.iter().find(|known| known.program == *program);
        found.map(|known| known.number)
    }
}
