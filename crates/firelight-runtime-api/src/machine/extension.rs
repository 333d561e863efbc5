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
