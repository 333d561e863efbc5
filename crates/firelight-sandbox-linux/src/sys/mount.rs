//! `mount_setattr`, and the flags of a mount.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

pub(crate) const RDONLY: u64 = 0x1;
pub(crate) const NOSUID: u64 = 0x2;
pub(crate) const NODEV: u64 = 0x4;
const IDMAP: u64 = 0x0010_0000;

#[repr(C)]
struct MountAttr {
    set: u64,
    clear: u64,
    propagation: u64,
    userns: u64,
}

/// How far an attribute change reaches.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    This,
    WholeTree,
}

/// Adds attributes to the detached mount `tree`.
pub(crate) fn set_attributes(tree: BorrowedFd<'_>, set: u64, reach: Reach) -> io::Result<()> {
    change(
        tree,
        &MountAttr {
            set,
            clear: 0,
            propagation: 0,
            userns: 0,
        },
        reach,
    )
}

/// Shows the owners of files in the detached mount `tree` as the user namespace `userns` maps them.
pub(crate) fn map_owners(
    tree: BorrowedFd<'_>,
    userns: BorrowedFd<'_>,
    reach: Reach,
) -> io::Result<()> {
    let userns = u64::from(userns.as_raw_fd().unsigned_abs());
    change(
        tree,
        &MountAttr {
            set: IDMAP,
            clear: 0,
            propagation: 0,
            userns,
        },
        reach,
    )
}

fn change(tree: BorrowedFd<'_>, attributes: &MountAttr, reach: Reach) -> io::Result<()> {
    let recursive = if reach == Reach::WholeTree {
        libc::AT_RECURSIVE
    } else {
        0
    };
    // SAFETY: the path is a constant string and `attributes` is read for exactly its size.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | recursive,
            std::ptr::from_ref(attributes),
            size_of::<MountAttr>(),
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
