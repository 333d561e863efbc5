//! Signals and children of a process with one thread.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

/// Makes deaths of children readable on a descriptor instead of interrupting the process.
pub(crate) fn child_signals() -> io::Result<OwnedFd> {
    // SAFETY: an all-zero set is valid input for sigemptyset, which initialises it.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: `set` is a valid signal set on this stack for all three calls.
    let fd = unsafe {
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGCHLD);
        if libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) < 0 {
            return Err(io::Error::last_os_error());
        }
        libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK)
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just returned it to us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Kills every process of this process's pid namespace, except itself. Only for a pid namespace's init.
pub(crate) fn kill_all_others() -> io::Result<()> {
    assert_eq!(
        std::process::id(),
        1,
        "kill(-1) belongs to the init of a pid namespace alone"
    );
    // SAFETY: kill touches no memory.
    if unsafe { libc::kill(-1, libc::SIGKILL) } < 0 {
        let error = io::Error::last_os_error();
        // Nobody there to kill is what the caller wants.
        if error.raw_os_error() != Some(libc::ESRCH) {
            return Err(error);
        }
    }
    Ok(())
}

/// Sends any signal number to a child that has not been reaped, so its pid cannot have been reused.
pub(crate) fn kill_child(pid: i32, signal: i32) -> io::Result<()> {
    // SAFETY: kill touches no memory.
    if unsafe { libc::kill(pid, signal) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// One child that ended: its pid and the raw status word.
pub(crate) fn reap_one() -> io::Result<Option<(i32, i32)>> {
    reap(libc::WNOHANG)
}

/// Waits until any child ends. `None` when there is no child at all.
pub(crate) fn reap_blocking() -> io::Result<Option<(i32, i32)>> {
    reap(0)
}

fn reap(options: libc::c_int) -> io::Result<Option<(i32, i32)>> {
    let mut status = 0;
    loop {
        // SAFETY: `status` is a valid place for the status word.
        let pid = unsafe { libc::waitpid(-1, &raw mut status, options | libc::__WALL) };
        match pid {
            0 => return Ok(None),
            1.. => return Ok(Some((pid, status))),
            _ => {
                let error = io::Error::last_os_error();
                match error.raw_os_error() {
                    Some(libc::EINTR) => {}
                    Some(libc::ECHILD) => return Ok(None),
                    _ => return Err(error),
                }
            }
        }
    }
}

/// Gives every signal its default effect and blocks none, whatever the daemon's parent left behind.
///
/// By the bare system call: the C library hides two signals that it uses itself, and those can be inherited as
/// ignored as well.
pub(crate) fn reset_all() {
    /// Larger than the kernel's structure on any architecture; all zero is the default action.
    const DEFAULT_ACTION: [u64; 8] = [0; 8];
    for signal in 1..=64 {
        let set = libc::SYS_rt_sigaction;
        let action = DEFAULT_ACTION.as_ptr();
        // SAFETY: the kernel reads one action, which is there; the two that cannot be changed answer EINVAL.
        unsafe {
            libc::syscall(
                set,
                signal,
                action,
                std::ptr::null::<u64>(),
                size_of::<u64>(),
            )
        };
    }
    let (how, none) = (libc::SIG_SETMASK, 0_u64);
    // SAFETY: the kernel reads one 64-bit mask.
    unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            how,
            &raw const none,
            std::ptr::null::<u64>(),
            size_of::<u64>(),
        )
    };
}
