//! The network that this daemon's sandboxes get their addresses from.
//!
//! There are 64 of them, the parts of what is set aside for carriers' own translation. A daemon holds the lock of the one
//! it uses as long as it lives, so that daemons on one host never share one; the kernel gives the lock back at any death.

use std::fs::{File, OpenOptions};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

/// How many networks there are.
const NETWORKS: u8 = 64;
const FIRST: u8 = 64;

/// A network that is this daemon's while the value lives.
pub struct EgressNetwork {
    pub address: Ipv4Addr,
    _lock: File,
}

impl EgressNetwork {
    /// Takes a network that no other daemon has, beginning at the `preferred`th; `None` if all are taken.
    pub fn take(preferred: u8) -> Option<Self> {
        Self::take_in(&lock_directory(), preferred)
    }

    fn take_in(directory: &Path, preferred: u8) -> Option<Self> {
        (0..NETWORKS).find_map(|step| {
            let number = preferred.wrapping_add(step) % NETWORKS;
            let lock = lock(directory, number)?;
            Some(Self {
                address: Ipv4Addr::new(100, FIRST + number, 0, 0),
                _lock: lock,
            })
        })
    }
}

fn lock(directory: &Path, number: u8) -> Option<File> {
    let path = directory.join(format!("firelight-egress-{number}.lock"));
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .ok()?;
    file.try_lock().is_ok().then_some(file)
}

/// Where all daemons of a host look: only root gives sandboxes a network, and root has this directory.
fn lock_directory() -> PathBuf {
    let run = PathBuf::from("/run");
    if run.is_dir() {
        run
    } else {
        std::env::temp_dir()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_daemons_never_share_a_network() {
        let directory = tempfile::tempdir().unwrap();

        let first = EgressNetwork::take_in(directory.path(), 63).unwrap();
        let second = EgressNetwork::take_in(directory.path(), 63).unwrap();

        assert_eq!(first.address, Ipv4Addr::new(100, 127, 0, 0));
        assert_eq!(second.address, Ipv4Addr::new(100, 64, 0, 0));
    }

    #[test]
    fn network_of_a_daemon_that_ended_is_free_again() {
        let directory = tempfile::tempdir().unwrap();
        drop(EgressNetwork::take_in(directory.path(), 5));

        let again = EgressNetwork::take_in(directory.path(), 5).unwrap();

        assert_eq!(again.address, Ipv4Addr::new(100, 69, 0, 0));
    }
}
