//! The one program that may wait in a sandbox before it is known what for.
//!
//! ```text
//!  Prepare ──► starting ── its byte ──► waiting ── Claim ──► a process like any other
//!                  └── ended, printed something, or broke the socket ──► killed, Unprepared
//! ```
//!
//! Deliberately absent: who it is claimed for. Init passes on what the daemon says, once.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::sys::signal::kill_child;
use crate::wire;

/// A program started ahead, with its pipe.
pub(super) struct Waiting {
    pid: i32,
    output: OwnedFd,
    socket: OwnedFd,
    is_ready: bool,
}

/// What became of it: a process with its output.
pub(super) struct Claimed {
    pub(super) pid: i32,
    pub(super) output: OwnedFd,
}

impl Waiting {
    pub(super) fn new(pid: i32, output: OwnedFd, socket: OwnedFd) -> Self {
        Self {
            pid,
            output,
            socket,
            is_ready: false,
        }
    }

    pub(super) fn pid(&self) -> i32 {
        self.pid
    }

    /// The socket on which it will say that it waits; `None` once it has.
    pub(super) fn unheard(&self) -> Option<BorrowedFd<'_>> {
        (!self.is_ready).then(|| self.socket.as_fd())
    }

    /// Hears that it waits. `false` if it will not do.
    pub(super) fn hear(&mut self) -> bool {
        let mut byte = [0_u8; 2];
        self.is_ready = rustix::io::read(&self.socket, &mut byte) == Ok(1) && self.is_silent();
        self.is_ready
    }

    /// What it printed would look like the function's own output.
    fn is_silent(&self) -> bool {
        rustix::io::ioctl_fionread(&self.output) == Ok(0)
    }

    /// Tells it what for. A program that cannot be told is killed.
    pub(super) fn claim(
        self,
        variables: Vec<(OsString, OsString)>,
        directory: PathBuf,
    ) -> io::Result<Claimed> {
        let told = if self.is_ready && self.is_silent() {
            let purpose = purpose(&variables, &directory);
            purpose.and_then(|purpose| wire::send(&self.socket, &purpose, &[]))
        } else {
            Err(io::ErrorKind::NotConnected.into())
        };
        if let Err(error) = told {
            self.discard();
            return Err(error);
        }
        Ok(Claimed {
            pid: self.pid,
            output: self.output,
        })
    }

    /// Kills it. It is reaped like any orphan.
    pub(super) fn discard(&self) {
        // An error means that it has ended.
        let _ = kill_child(self.pid, libc::SIGKILL);
    }
}

/// The packet that tells a program what for: directory and variables, each with a NUL after it.
fn purpose(variables: &[(OsString, OsString)], directory: &Path) -> io::Result<Vec<u8>> {
    let mut parts = vec![directory.as_os_str().as_bytes().to_vec()];
    parts.extend(variables.iter().map(|(name, value)| {
        let mut part = name.clone().into_vec();
        part.push(b'=');
        part.extend_from_slice(value.as_bytes());
        part
    }));
    if parts.iter().any(|part| part.contains(&0)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(parts
        .into_iter()
        .flat_map(|part| [part, vec![0]].concat())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purpose_is_its_parts_with_a_nul_after_each() {
        let variables = [("A".into(), "1".into()), ("B".into(), "".into())];

        let packet = purpose(&variables, Path::new("/var/task")).unwrap();

        assert_eq!(packet, b"/var/task\0A=1\0B=\0");
    }

    #[test]
    fn a_variable_cannot_carry_a_second_one() {
        let variables = [("A".into(), "1\0B=2".into())];

        assert!(purpose(&variables, Path::new("/")).is_err());
    }
}
