//! `clone3`: a child in its own namespaces, born inside its cgroup, held by a pidfd.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// Which side of the copy the caller finds itself on.
pub(crate) enum Side {
    Child,
    Parent { pid: u32, pidfd: OwnedFd },
}

/// Copies the calling process like `fork`, into the namespaces of `flags` and the version 2 cgroup `cgroup`.
///
/// The caller must have one thread: the child gets a copy of that thread alone, so a lock held by another one would
/// stay locked in it for ever. The launcher, the only caller, never starts a thread.
pub(crate) fn clone_process(flags: u64, cgroup: Option<BorrowedFd<'_>>) -> io::Result<Side> {
    let mut pidfd: libc::c_int = -1;
    // SAFETY: clone_args is plain integers, for which zero is valid.
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = flags | flag(libc::CLONE_PIDFD);
    args.pidfd = (&raw mut pidfd).addr() as u64;
    args.exit_signal = u64::from(libc::SIGCHLD.unsigned_abs());
    if let Some(cgroup) = cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = u64::from(cgroup.as_raw_fd().unsigned_abs());
    }
    // SAFETY: no stack and no shared memory are asked for, so this is a fork: the child continues on a private copy
    // of this stack. `args` and `pidfd` live on it until the call returns.
    let pid = unsafe {
        libc::syscall(
            libc::SYS_clone3,
            &raw mut args,
            size_of::<libc::clone_args>(),
        )
    };
    match u32::try_from(pid) {
        Err(_) => Err(io::Error::last_os_error()),
        Ok(0) => Ok(Side::Child),
        Ok(pid) => {
            // SAFETY: the kernel just stored a new descriptor there, owned by nobody else.
            let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
            Ok(Side::Parent { pid, pidfd })
        }
    }
}

const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// Widens a C flag to the 64 bits of `clone_args`, without copying its sign.
pub(crate) fn flag(bits: libc::c_int) -> u64 {
    u64::from(bits.cast_unsigned())
}
