//! The initial variables of a waiting program, as `/proc/self/environ` shows them, and how they are replaced.
//!
//! The kernel shows a part of the program's own stack there, from where `exec` put the first variable to the end of the
//! last. A waiting program is started with one variable that is as long as all it may get later, and forgets it before
//! it waits; so that part can be written over from outside. Where the variables end now is then told to the kernel, on
//! its behalf (see [`Tracee`]).

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;

use crate::step::{Step, StepError};
use crate::sys::tracee::{self, Tracee};

/// The variables of one waiting program.
pub(super) struct Environ {
    pid: u32,
    memory: File,
    begin: u64,
    end: u64,
}

impl Environ {
    /// Finds the program: the one child of the sandbox's init.
    pub(super) fn of_only_child(init: u32) -> Result<Self, StepError> {
        let pid = only_child(init).step("find the waiting program")?;
        let memory = File::options()
            .read(true)
            .write(true)
            .open(format!("/proc/{pid}/mem"))
            .step("open the waiting program's memory")?;
        let (begin, end) = place(pid).step("find the waiting program's variables")?;
        // The memory is now held, whatever becomes of the number; it is the right one if the child is the same still.
        if only_child(init).step("find the waiting program")? != pid {
            return Err(io::Error::from(io::ErrorKind::NotFound)).step("find the waiting program");
        }
        Ok(Self {
            pid,
            memory,
            begin,
            end,
        })
    }

    pub(super) fn has_room_for(&self, variables: &[(OsString, OsString)]) -> bool {
        // Each with an equals sign and a NUL.
        let lengths = variables
            .iter()
            .map(|(name, value)| name.len() + value.len() + 2);
        lengths.sum::<usize>() <= self.room()
    }

    fn room(&self) -> usize {
        usize::try_from(self.end - self.begin).unwrap_or(0)
    }

    /// Writes the variables where the initial ones were.
    pub(super) fn replace(&self, variables: &[(OsString, OsString)]) -> Result<(), StepError> {
        let mut block = Vec::with_capacity(self.room());
        for (name, value) in variables {
            block.extend_from_slice(name.as_bytes());
            block.push(b'=');
            block.extend_from_slice(value.as_bytes());
            block.push(0);
        }
        let length = block.len();
        if length > self.room() {
            return Err(io::Error::from(io::ErrorKind::StorageFull)).step("replace the variables");
        }
        block.resize(self.room(), 0);
        self.memory
            .write_all_at(&block, self.begin)
            .step("replace the variables")?;
        let end = self.begin + u64::try_from(length).unwrap_or(0);
        let stopped = Tracee::stop_in_call(self.pid, &self.memory);
        match stopped.and_then(|tracee| tracee.end_variables_at(&self.memory, end)) {
            // It does not sit where it was to wait, so it will not do.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Err(error).step("stop the waiting program")
            }
            // Where the kernel will not have it, what was left over shows as empty variables at the end.
            _ => Ok(()),
        }
    }
}

fn only_child(init: u32) -> io::Result<u32> {
    let children = fs::read_to_string(format!("/proc/{init}/task/{init}/children"))?;
    let mut children = children.split_whitespace();
    let only = children.next().filter(|_| children.next().is_none());
    only.and_then(|pid| pid.parse().ok())
        .ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// Where the variables begin and end.
fn place(pid: u32) -> io::Result<(u64, u64)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    match (tracee::field(&stat, 50), tracee::field(&stat, 51)) {
        (Some(begin), Some(end)) if 0 < begin && begin < end => Ok((begin, end)),
        // Zero is what the kernel tells those who may not know.
        _ => Err(io::ErrorKind::PermissionDenied.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variables_of_this_process_are_where_the_kernel_shows_them() {
        let (begin, end) = place(std::process::id()).unwrap();

        let shown = fs::read("/proc/self/environ").unwrap();
        let mut read = vec![0; usize::try_from(end - begin).unwrap()];
        let memory = File::open("/proc/self/mem").unwrap();
        memory.read_exact_at(&mut read, begin).unwrap();
        assert_eq!(read, shown);
    }
}
