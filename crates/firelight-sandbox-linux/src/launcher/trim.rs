//! What the launcher gives up once it stands: capabilities that making sandboxes does not take, and system calls that
//! neither it nor any sandbox needs. What it inherits to a sandbox is narrower for it; the sandbox's own namespace
//! gives its init what building takes.

use rustix::thread::{CapabilitySet, CapabilitySets};

use super::ground::{Ground, HostIds};
use crate::step::{Step, StepError};

/// The capabilities that making sandboxes takes, each with its reason.
const KEPT: [CapabilitySet; 13] = [
    // Namespaces, mounts, cgroups.
    CapabilitySet::SYS_ADMIN,
    CapabilitySet::SYS_CHROOT,
    // Interfaces, routes and filters.
    CapabilitySet::NET_ADMIN,
    // Users and groups of sandboxes, and the owner of their /tmp.
    CapabilitySet::SETUID,
    CapabilitySet::SETGID,
    CapabilitySet::CHOWN,
    CapabilitySet::FOWNER,
    // Code that only its owner may read.
    CapabilitySet::DAC_OVERRIDE,
    CapabilitySet::DAC_READ_SEARCH,
    // Ending what an earlier life left, and telling a waiting program what for.
    CapabilitySet::KILL,
    CapabilitySet::SYS_PTRACE,
    // Devices of the template; limits above the launcher's own.
    CapabilitySet::MKNOD,
    CapabilitySet::SYS_RESOURCE,
];

/// Gives up the rest, for good.
pub(super) fn trim(ground: &Ground) -> Result<(), StepError> {
    if matches!(ground.ids, HostIds::Range { .. }) {
        keep_capabilities()?;
    }
    // Without root this process is root over its own namespace only, and needs all of that to map its one user.
    rustix::thread::set_no_new_privs(true).step("refuse new privileges")?;
    ground
        .filters
        .install_of_launcher()
        .step("install the launcher's seccomp filter")
}

fn keep_capabilities() -> Result<(), StepError> {
    let kept = KEPT
        .into_iter()
        .fold(CapabilitySet::empty(), CapabilitySet::union);
    for bit in 0..64 {
        let capability = CapabilitySet::from_bits_retain(1 << bit);
        if kept.contains(capability) {
            continue;
        }
        match rustix::thread::remove_capability_from_bounding_set(capability) {
            Ok(()) => {}
            // Past the last one this kernel knows.
            Err(rustix::io::Errno::INVAL) => break,
            Err(error) => return Err(error).step("narrow the capability bounding set"),
        }
    }
    let held = rustix::thread::capabilities(None).step("read the capabilities")?;
    let sets = CapabilitySets {
        effective: held.effective.intersection(kept),
        permitted: held.permitted.intersection(kept),
        inheritable: CapabilitySet::empty(),
    };
    rustix::thread::set_capabilities(None, sets).step("drop capabilities")
}
