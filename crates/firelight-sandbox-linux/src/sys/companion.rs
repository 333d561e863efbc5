//! A program of the host's that works for this process and must not outlive it.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command};

use rustix::process::Signal;

/// Starts a program that the kernel kills when this thread ends. Only for processes with one thread.
pub(crate) fn spawn(command: &mut Command) -> io::Result<Child> {
    let tie = || {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        rustix::thread::set_no_new_privs(true)?;
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes two system calls and touches no memory.
    unsafe { command.pre_exec(tie) };
    command.spawn()
}

/// The path by which this process, and what it forks, find what a descriptor is open for.
pub(crate) fn path_of(fd: BorrowedFd<'_>) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", fd.as_raw_fd()))
}
