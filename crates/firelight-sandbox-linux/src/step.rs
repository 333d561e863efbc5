//! What was being done when the kernel said no: every failure of launcher and init names its step.

use std::fmt::Display;
use std::io;

use crate::wire::Fault;

/// A step that failed.
#[derive(Debug)]
pub(crate) struct StepError {
    pub(crate) step: String,
    pub(crate) source: io::Error,
}

pub(crate) trait Step<T> {
    /// Names the step, in words that follow "could not".
    fn step(self, step: impl Display) -> Result<T, StepError>;
}

impl<T, E: Into<io::Error>> Step<T> for Result<T, E> {
    fn step(self, step: impl Display) -> Result<T, StepError> {
        self.map_err(|error| StepError {
            step: step.to_string(),
            source: error.into(),
        })
    }
}

impl From<StepError> for Fault {
    fn from(error: StepError) -> Self {
        Self::Step {
            step: error.step,
            errno: errno(&error.source),
        }
    }
}

/// The error number that crosses a process boundary in place of an `io::Error`.
pub(crate) fn errno(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}
