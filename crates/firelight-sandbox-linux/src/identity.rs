//! Whose rights this process acts with, in all its threads.
//!
//! By the C library's own functions: the system calls behind them change a single thread.

use std::io;

/// A user and its group. It has no other groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    pub user: u32,
    pub group: u32,
}

impl Identity {
    /// Acts as this user until [`act_as_root`]: files that are made belong to it, and what it may not touch cannot be
    /// touched by mistake.
    ///
    /// # Errors
    /// If this process is not root.
    pub fn act_as(self) -> io::Result<()> {
        leave_groups()?;
        // SAFETY: integers only.
        check(unsafe { libc::setegid(self.group) })?;
        // SAFETY: integers only.
        check(unsafe { libc::seteuid(self.user) })
    }

    /// Becomes this user, with no way back.
    ///
    /// # Errors
    /// If this process is not root; or if it could become root again, which no kernel allows.
    pub fn become_for_good(self) -> io::Result<()> {
        act_as_root()?;
        leave_groups()?;
        let Self { user, group } = self;
        // SAFETY: integers only.
        check(unsafe { libc::setresgid(group, group, group) })?;
        // SAFETY: integers only.
        check(unsafe { libc::setresuid(user, user, user) })?;
        match act_as_root() {
            Err(_) => Ok(()),
            Ok(()) => Err(io::Error::other("root can still be taken back")),
        }
    }
}

/// Takes root's rights back after [`Identity::act_as`].
///
/// # Errors
/// If this process is not root at heart.
pub fn act_as_root() -> io::Result<()> {
    // SAFETY: integers only.
    check(unsafe { libc::seteuid(0) })?;
    // SAFETY: integers only.
    check(unsafe { libc::setegid(0) })
}

fn leave_groups() -> io::Result<()> {
    // SAFETY: of an empty list the kernel reads nothing.
    check(unsafe { libc::setgroups(0, std::ptr::null()) })
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
