//! System calls that have no safe wrapper elsewhere, each in the smallest function that is safe to call.

pub(crate) mod addresses;
pub(crate) mod clone;
pub(crate) mod companion;
pub(crate) mod loop_device;
pub(crate) mod mount;
pub(crate) mod netlink;
pub(crate) mod signal;
pub(crate) mod spawn;
pub(crate) mod tracee;

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

/// Replaces the session keyring by a new, empty and anonymous one.
pub(crate) fn join_new_session_keyring() -> io::Result<()> {
    const KEYCTL_JOIN_SESSION_KEYRING: libc::c_int = 1;
    // SAFETY: with a null name the kernel reads no memory of ours.
    let result = unsafe {
        libc::syscall(
            libc::SYS_keyctl,
            KEYCTL_JOIN_SESSION_KEYRING,
            std::ptr::null::<libc::c_char>(),
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Moves the caller into new namespaces. Only for the launcher and its children, which have one thread.
pub(crate) fn unshare(flags: rustix::thread::UnshareFlags) -> io::Result<()> {
    // SAFETY: the flags never contain FILES or FS sharing that another thread could rely on: there is one thread.
    unsafe { rustix::thread::unshare_unsafe(flags) }.map_err(io::Error::from)
}

/// Ends this process at once, without destructors or exit handlers: they belong to the process it was copied from.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: _exit only ends the process.
    unsafe { libc::_exit(code) }
}

/// Closes the descriptors `first..=last`. Only for a process copied from the launcher that knows what it keeps.
pub(crate) fn close_range(first: u32, last: u32) -> io::Result<()> {
    // SAFETY: closing a descriptor touches no memory; the caller's child process owns none of those it closes, they
    // are values left behind in memory it never looks at again and never drops, since it ends in `exit_now`.
    if unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Takes standard input for its own. Only for the launcher, which is handed its socket there and reads nothing else.
pub(crate) fn take_stdin() -> OwnedFd {
    // SAFETY: the launcher calls this once, first thing, and nothing in it uses standard input by another name.
    unsafe { OwnedFd::from_raw_fd(0) }
}
