//! The mount namespace in which sandboxes are born: an empty root, the host's `/proc`, and a place for the new root.
//!
//! A newborn gets a copy of all mounts of the namespace that it is made in, and then leaves them behind. Copying those of
//! a host, and taking them away again, would be the larger part of making a mount namespace. Whole as it is, `/proc` is
//! what the kernel wants to see before it lets a sandbox have one of its own.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags,
    OpenTreeFlags, UnmountFlags,
};
use rustix::thread::{LinkNameSpaceType, UnshareFlags};

use super::birth::open_door;
use super::visit::Visit;
use crate::step::{Step, StepError};
use crate::sys;

pub(super) struct Antechamber {
    door: OwnedFd,
}

impl Antechamber {
    /// Where a newborn puts up its root.
    pub(super) const STAGING: &str = "/root";

    /// Builds it. The launcher is back among its own mounts, `own`, afterwards.
    pub(super) fn build(own: &OwnedFd) -> Result<Self, StepError> {
        sys::unshare(UnshareFlags::NEWNS).step("make the antechamber's namespace")?;
        let built = furnish().and_then(|()| open_door("self", "mnt"));
        Visit::leave_to(own, LinkNameSpaceType::Mount);
        Ok(Self { door: built? })
    }

    /// Goes there, to have a child that gets a copy of it.
    pub(super) fn enter<'a>(&self, own: &'a OwnedFd) -> Result<Visit<'a>, StepError> {
        Visit::enter(&self.door, own, LinkNameSpaceType::Mount)
    }
}

/// Replaces the copy of the host's mounts.
fn furnish() -> Result<(), StepError> {
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    rustix::mount::mount_change("/", private).step("part from the host's mounts")?;
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE;
    let proc = rustix::mount::open_tree(CWD, "/proc", flags).step("copy /proc")?;
    let root = empty_root()?;
    let from_fd = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    rustix::mount::move_mount(&root, "", CWD, "/", from_fd).step("put up the antechamber")?;
    rustix::mount::move_mount(&proc, "", &root, "proc", from_fd).step("mount /proc")?;
    rustix::process::fchdir(&root).step("enter the antechamber")?;
    rustix::process::pivot_root(".", ".").step("pivot to the antechamber")?;
    rustix::mount::unmount(".", UnmountFlags::DETACH).step("leave the host's tree")
}

fn empty_root() -> Result<OwnedFd, StepError> {
    let context = rustix::mount::fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC).step("open tmpfs")?;
    rustix::mount::fsconfig_create(&context).step("create the antechamber's root")?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    let root = rustix::mount::fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
        .step("make the antechamber's root")?;
    for name in [Path::new("/proc"), Path::new(Antechamber::STAGING)] {
        let name = name.strip_prefix("/").unwrap_or(name);
        rustix::fs::mkdirat(root.as_fd(), name, Mode::from_raw_mode(0o755))
            .step("furnish the antechamber")?;
    }
    Ok(root)
}
