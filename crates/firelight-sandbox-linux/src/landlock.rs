//! Landlock by hand: three system calls, because a rule here must be the same on every kernel that has it.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

const EXECUTE: u64 = 1;
const WRITE_FILE: u64 = 1 << 1;
const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;
const TRUNCATE: u64 = 1 << 14;
const IOCTL_DEV: u64 = 1 << 15;
const SCOPE_ABSTRACT_UNIX_SOCKET: u64 = 1;
const SCOPE_SIGNAL: u64 = 1 << 1;

#[repr(C)]
struct RulesetAttr {
    handled_access_fs: u64,
    handled_access_net: u64,
    scoped: u64,
}

#[repr(C, packed)]
struct PathBeneathAttr {
    allowed_access: u64,
    parent_fd: i32,
}

/// A ruleset under construction. It denies everything this kernel's landlock can deny, except what is allowed here.
pub(crate) struct Ruleset {
    fd: OwnedFd,
    handled: u64,
}

impl Ruleset {
    /// `None` where the kernel has no landlock that is fit for use, or has it switched off.
    pub(crate) fn new() -> io::Result<Option<Self>> {
        // The first version cannot allow a rename between directories, which programs do in /tmp.
        let Some(version) = version().filter(|version| *version >= 2) else {
            return Ok(None);
        };
        let handled = handled_access(version);
        let scoped = if version >= 6 {
            SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL
        } else {
            0
        };
        let attr = RulesetAttr {
            handled_access_fs: handled,
            handled_access_net: 0,
            scoped,
        };
        // An older kernel takes a shorter structure and knows nothing of the rest.
        let size = match version {
            ..4 => 8,
            4..6 => 16,
            6.. => 24,
        };
        // SAFETY: the kernel reads at most `size` bytes of `attr`, which has 24.
        let fd =
            unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, &raw const attr, size, 0) };
        let fd = descriptor(fd)?;
        Ok(Some(Self { fd, handled }))
    }

    pub(crate) fn allow_reading(&self, beneath: &OwnedFd) -> io::Result<()> {
        self.allow(beneath, EXECUTE | READ_FILE | READ_DIR)
    }

    pub(crate) fn allow_writing_files(&self, beneath: &OwnedFd) -> io::Result<()> {
        self.allow(
            beneath,
            READ_FILE | READ_DIR | WRITE_FILE | TRUNCATE | IOCTL_DEV,
        )
    }

    pub(crate) fn allow_everything(&self, beneath: &OwnedFd) -> io::Result<()> {
        self.allow(beneath, self.handled)
    }

    fn allow(&self, beneath: &OwnedFd, access: u64) -> io::Result<()> {
        const RULE_PATH_BENEATH: libc::c_int = 1;
        let rule = PathBeneathAttr {
            allowed_access: access & self.handled,
            parent_fd: beneath.as_raw_fd(),
        };
        // SAFETY: the kernel reads one rule of the layout it defines.
        let result = unsafe {
            libc::syscall(
                libc::SYS_landlock_add_rule,
                self.fd.as_raw_fd(),
                RULE_PATH_BENEATH,
                &raw const rule,
                0,
            )
        };
        if result < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
        }
    }

    pub(crate) fn restrict_self(self) -> io::Result<()> {
        // SAFETY: two integers.
        let result =
            unsafe { libc::syscall(libc::SYS_landlock_restrict_self, self.fd.as_raw_fd(), 0) };
        if result < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
        }
    }
}

/// The version of the kernel's landlock interface, if it has one that is switched on.
pub(crate) fn version() -> Option<u32> {
    const CREATE_RULESET_VERSION: libc::c_int = 1;
    // SAFETY: a null attribute of size zero asks for the version only.
    let version = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<RulesetAttr>(),
            0,
            CREATE_RULESET_VERSION,
        )
    };
    u32::try_from(version).ok().filter(|version| *version > 0)
}

fn handled_access(version: u32) -> u64 {
    let bits = match version {
        ..3 => 14,
        3 | 4 => 15,
        _ => 16,
    };
    (1 << bits) - 1
}

fn descriptor(result: libc::c_long) -> io::Result<OwnedFd> {
    match i32::try_from(result) {
        // SAFETY: the kernel just returned this new descriptor to us.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}
