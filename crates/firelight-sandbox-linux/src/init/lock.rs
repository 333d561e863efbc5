//! The last act of building: init gives up every right, for good.

use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags};
use rustix::process::{DumpableBehavior, Signal};
use rustix::thread::{CapabilitiesSecureBits, CapabilitySet, CapabilitySets};

use super::build::function_identity;
use crate::landlock::Ruleset;
use crate::seccomp::Filters;
use crate::step::{Step, StepError};

/// Locks init in: no capability now or by any later exec, no new privileges, landlock, seccomp.
///
/// The order matters. Each step needs a right that a later one takes away, and the seccomp filter, which forbids most
/// of what happens here, comes last.
pub(crate) fn lock_in(filters: &Filters) -> Result<(), StepError> {
    empty_bounding_set()?;
    lock_secure_bits()?;
    become_function_user()?;
    drop_capabilities()?;
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .step("stop being dumpable")?;
    // After the change of user, which clears it.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .step("die with the launcher")?;
    rustix::thread::set_no_new_privs(true).step("refuse new privileges")?;
    restrict_file_access()?;
    filters.install().step("install the seccomp filters")
}

fn empty_bounding_set() -> Result<(), StepError> {
    rustix::thread::clear_ambient_capability_set().step("clear the ambient capabilities")?;
    for bit in 0..64 {
        let capability = CapabilitySet::from_bits_retain(1 << bit);
        match rustix::thread::remove_capability_from_bounding_set(capability) {
            Ok(()) => {}
            // Past the last one this kernel knows.
            Err(rustix::io::Errno::INVAL) => break,
            Err(error) => return Err(error).step("empty the capability bounding set"),
        }
    }
    Ok(())
}

fn lock_secure_bits() -> Result<(), StepError> {
    let bits = CapabilitiesSecureBits::NO_ROOT
        | CapabilitiesSecureBits::NO_ROOT_LOCKED
        | CapabilitiesSecureBits::NO_SETUID_FIXUP
        | CapabilitiesSecureBits::NO_SETUID_FIXUP_LOCKED
        | CapabilitiesSecureBits::KEEP_CAPS_LOCKED
        | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE
        | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE_LOCKED;
    rustix::thread::set_capabilities_secure_bits(bits).step("lock the secure bits")
}

fn become_function_user() -> Result<(), StepError> {
    let (user, group) = function_identity();
    rustix::thread::set_thread_res_gid(group, group, group).step("become the function's group")?;
    rustix::thread::set_thread_res_uid(user, user, user).step("become the function's user")
}

fn drop_capabilities() -> Result<(), StepError> {
    let none = CapabilitySet::empty();
    let sets = CapabilitySets {
        effective: none,
        permitted: none,
        inheritable: none,
    };
    rustix::thread::set_capabilities(None, sets).step("drop the capabilities")
}

/// Landlock behind the mounts: even if a mount were writable by mistake, only these places would be.
fn restrict_file_access() -> Result<(), StepError> {
    let Some(ruleset) = Ruleset::new().step("create a landlock ruleset")? else {
        return Ok(());
    };
    ruleset
        .allow_reading(&open("/")?)
        .step("allow reading the root")?;
    ruleset
        .allow_everything(&open("/tmp")?)
        .step("allow all of /tmp")?;
    ruleset
        .allow_writing_files(&open("/dev")?)
        .step("allow writing devices")?;
    ruleset.restrict_self().step("enter the landlock ruleset")
}

fn open(path: &str) -> Result<OwnedFd, StepError> {
    rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
        .step(format_args!("open {path}"))
}
