//! How a command ends when it does not succeed: what happened, why, what to do, and the exit code.

use std::error::Error;
use std::io;

use crate::config::ConfigError;

/// The exit codes of every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Success = 0,
    /// Anything that has no code of its own.
    Failure = 1,
    /// The command line or the configuration is wrong. clap uses the same number.
    Usage = 2,
    /// The function, log group or file does not exist.
    NotFound = 3,
    /// The function ran and failed.
    FunctionError = 4,
    /// Nothing answers at the endpoint.
    Unreachable = 5,
    /// The credentials were refused.
    Denied = 6,
    /// The host lacks something that was asked for.
    HostLacks = 7,
    /// Who read the output wanted no more of it (`| head`). The number is what a shell gives for SIGPIPE.
    ReaderLeft = 141,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The table printed by `firelight --help`.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  success
  1  failure
  2  wrong usage or configuration
  3  not found
  4  the function ran and failed
  5  nothing answers at the endpoint
  6  the credentials were refused
  7  this host lacks something that was asked for";

/// A command failed.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    /// What was being done, to what.
    pub what: String,
    /// The reasons, outermost first.
    pub why: Vec<String>,
    /// What a person can do about it.
    pub remedy: Option<String>,
}

impl Failure {
    pub fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self {
            exit,
            what: what.into(),
            why: Vec::new(),
            remedy: None,
        }
    }

    /// A failure with an error and all its sources as the reasons.
    pub fn because(exit: Exit, what: impl Into<String>, cause: &(dyn Error + 'static)) -> Self {
        let mut why = vec![cause.to_string()];
        let mut inner = cause.source();
        while let Some(error) = inner {
            why.push(error.to_string());
            inner = error.source();
        }
        Self {
            why,
            ..Self::new(exit, what)
        }
    }

    pub fn with_why(mut self, why: impl Into<String>) -> Self {
        self.why.push(why.into());
        self
    }

    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let failure = Self::because(Exit::Usage, "could not use the configuration", &error);
        match error.remedy() {
            Some(remedy) => failure.with_remedy(remedy),
            None => failure,
        }
    }
}

/// Writing to the terminal failed; the commands wrap all other I/O with what they were doing.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::new(Exit::ReaderLeft, "the reader of the output left");
        }
        Self::because(Exit::Failure, "could not write the output", &error)
    }
}

/// What a command ends with.
pub type Outcome = Result<Exit, Failure>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reader_that_left_is_told_from_output_that_cannot_be_written() {
        let left = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        let full = Failure::from(io::Error::from(io::ErrorKind::StorageFull));

        assert_eq!(left.exit, Exit::ReaderLeft);
        assert_eq!(full.exit, Exit::Failure);
    }
}
