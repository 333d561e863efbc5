//! Stays of the launcher in other namespaces than its own.

use std::os::fd::{AsFd, OwnedFd};

use rustix::thread::LinkNameSpaceType;

use crate::step::{Step, StepError};

/// A stay of the launcher in another namespace. It must end with [`Visit::leave`].
pub(super) struct Visit<'a> {
    home: &'a OwnedFd,
    kind: LinkNameSpaceType,
}

impl<'a> Visit<'a> {
    pub(super) fn enter(
        door: &OwnedFd,
        home: &'a OwnedFd,
        kind: LinkNameSpaceType,
    ) -> Result<Self, StepError> {
        rustix::thread::move_into_link_name_space(door.as_fd(), Some(kind))
            .step("enter the sandbox's namespace")?;
        Ok(Self { home, kind })
    }

    pub(super) fn leave(self) {
        Self::leave_to(self.home, self.kind);
    }

    /// Comes back from a namespace that the launcher did not enter but make.
    pub(super) fn leave_to(home: &OwnedFd, kind: LinkNameSpaceType) {
        let left = rustix::thread::move_into_link_name_space(home.as_fd(), Some(kind));
        // Continuing in a sandbox's namespace would mix up everybody's mounts: better to end, which ends them all.
        assert!(
            left.is_ok(),
            "the launcher can always return to its own namespace"
        );
    }
}
