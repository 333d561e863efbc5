//! One extension of one generation of processes.
//!
//! ```text
//!  Registered ─next─► Ready ─event─► Running ─next─► Ready …
//!      │ init/error                  any of these ─exit/error─► ExitError
//!      ▼
//!  InitError
//! ```
//!
//! Deliberately absent: `Started`, `LaunchError`, `Exited` and `ShutdownFailed`. Those belong to the process, which
//! the data plane owns; here an extension exists from its registration on.

use super::Forbidden;

/// States by AWS's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtensionState {
    Registered,
    Ready,
    Running,
    InitError,
    ExitError,
}

#[derive(Clone, Copy, Debug)]
pub struct ExtensionMachine {
    state: ExtensionState,
}

impl ExtensionMachine {
    pub const fn registered() -> Self {
        Self {
            state: ExtensionState::Registered,
        }
    }

    pub const fn state(self) -> ExtensionState {
        self.state
    }

    /// The extension asks for its next event. Returns whether it is the first time.
    pub fn poll(&mut self) -> Result<bool, Forbidden<ExtensionState>> {
        let first = match self.state {
            ExtensionState::Registered => true,
            ExtensionState::Ready | ExtensionState::Running => false,
            _ => return Err(self.forbidden(ExtensionState::Ready)),
        };
        self.state = ExtensionState::Ready;
        Ok(first)
    }

    /// An event was handed to it.
    pub fn hand_out(&mut self) {
        if self.state == ExtensionState::Ready {
            self.state = ExtensionState::Running;
        }
    }

    pub fn init_error(&mut self) -> Result<(), Forbidden<ExtensionState>> {
        if self.state != ExtensionState::Registered {
            return Err(self.forbidden(ExtensionState::InitError));
        }
        self.state = ExtensionState::InitError;
        Ok(())
    }

    pub fn exit_error(&mut self) -> Result<(), Forbidden<ExtensionState>> {
        if matches!(
            self.state,
            ExtensionState::InitError | ExtensionState::ExitError
        ) {
            return Err(self.forbidden(ExtensionState::ExitError));
        }
        self.state = ExtensionState::ExitError;
        Ok(())
    }

    const fn forbidden(self, to: ExtensionState) -> Forbidden<ExtensionState> {
        Forbidden {
            from: self.state,
            to,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extension_runs_between_its_event_and_its_next_request() {
        let mut extension = ExtensionMachine::registered();

        assert_eq!(extension.poll(), Ok(true));
        extension.hand_out();
        assert_eq!(extension.state(), ExtensionState::Running);
        assert_eq!(extension.poll(), Ok(false));
        assert_eq!(extension.state(), ExtensionState::Ready);
    }

    #[test]
    fn init_error_is_taken_before_the_first_request_only() {
        let mut extension = ExtensionMachine::registered();
        extension.poll().unwrap();

        let refused = extension.init_error().unwrap_err();

        assert_eq!(
            refused.to_string(),
            "State transition from Ready to InitError failed"
        );
    }

    #[test]
    fn extension_that_reported_its_exit_gets_no_more_events() {
        let mut extension = ExtensionMachine::registered();
        extension.exit_error().unwrap();

        assert!(extension.poll().is_err());
        assert!(extension.exit_error().is_err());
        assert!(extension.init_error().is_err());
    }
}
