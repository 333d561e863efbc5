//! The root every sandbox starts from: one small tree in the launcher's memory, shown read-only to all of them.
//!
//! It holds the standard directories, made-up `/etc` files beside a few of the host's tables, and a private `/dev`.
//! Mount points that a sandbox asks for and the tree lacks are added to it; they are empty, and say no more than where
//! a runtime lives on this host.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode};
use rustix::mount::{MountFlags, OpenTreeFlags};

use crate::step::{Step, StepError};
use crate::sys::mount::{NODEV, NOSUID, RDONLY, Reach, map_owners, set_attributes};

const DIRECTORIES: &[&str] = &[
    "bin",
    "dev",
    "etc/pki",
    "etc/ssl",
    "home",
    "lib",
    "lib64",
    "media",
    "mnt",
    // The loader remembers which of its directories there are not; a waiting program has it look before there is code.
    "opt/lib",
    "proc",
    "root",
    "run",
    "sbin",
    "srv",
    "sys",
    "tmp",
    "usr/bin",
    "usr/lib",
    "usr/lib64",
    "usr/libexec",
    "usr/local",
    "usr/sbin",
    "usr/share",
    "var/lang",
    "var/runtime",
    "var/task/lib",
    "var/tmp",
];

const PASSWD: &str = "\
root:x:0:0:root:/root:/sbin/nologin
nobody:x:65534:65534:Kernel Overflow User:/:/sbin/nologin
sbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin
";
const GROUP: &str = "root:x:0:\nnobody:x:65534:\nsbx_user1051:x:990:\n";
const NSSWITCH: &str = "passwd: files\ngroup: files\nhosts: files dns\n";

/// Files of the host's `/etc` that are the same for everyone and that programs look names up in. They are copied, so that
/// no sandbox takes a mount for them; where the host has none there is none.
const HOST_TABLES: [&str; 3] = ["os-release", "protocols", "services"];
/// No such table comes near this; what is larger is something else.
const LARGEST_TABLE: u64 = 256 * 1024;

/// Character devices: name, major, minor.
const DEVICES: &[(&str, u32, u32)] = &[
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
];

pub(super) struct Template {
    root: PathBuf,
    /// A place no sandbox sees, for files that belong to one of them.
    scratch: PathBuf,
}

impl Template {
    /// Builds the tree below `state_dir`, in file systems that only this process's mount namespace has.
    pub(super) fn build(state_dir: &Path, host_name: &str) -> Result<Self, StepError> {
        let this = Self {
            root: state_dir.join("template"),
            scratch: state_dir.join("scratch"),
        };
        for directory in [&this.root, &this.scratch] {
            fs::create_dir_all(directory).step("create the template directory")?;
            mount_tmpfs(directory, MountFlags::NOSUID)?;
        }
        for directory in DIRECTORIES {
            fs::create_dir_all(this.root.join(directory)).step("fill the template")?;
        }
        mount_tmpfs(&this.root.join("dev"), MountFlags::NOSUID)?;
        this.fill_etc(host_name).step("fill the template's /etc")?;
        this.fill_dev()?;
        Ok(this)
    }

    fn fill_etc(&self, host_name: &str) -> io::Result<()> {
        let etc = self.root.join("etc");
        fs::write(etc.join("passwd"), PASSWD)?;
        fs::write(etc.join("group"), GROUP)?;
        fs::write(etc.join("nsswitch.conf"), NSSWITCH)?;
        fs::write(etc.join("hosts"), hosts(host_name))?;
        fs::write(etc.join("resolv.conf"), "")?;
        fs::write(etc.join("localtime"), utc())?;
        for name in HOST_TABLES {
            if let Some(table) = host_table(name) {
                fs::write(etc.join(name), table)?;
            }
        }
        Ok(())
    }

    /// A directory in memory that no sandbox sees.
    pub(super) fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// Names the servers that sandboxes with a way out ask.
    pub(super) fn set_resolver(&self, configuration: &str) -> io::Result<()> {
        fs::write(self.root.join("etc/resolv.conf"), configuration)
    }

    fn fill_dev(&self) -> Result<(), StepError> {
        let dev = self.root.join("dev");
        for (name, major, minor) in DEVICES {
            make_device(&dev.join(name), *major, *minor).step(format_args!("make /dev/{name}"))?;
        }
        for (name, target) in [
            ("fd", "/proc/self/fd"),
            ("stdin", "fd/0"),
            ("stdout", "fd/1"),
            ("stderr", "fd/2"),
        ] {
            symlink(target, dev.join(name)).step(format_args!("make /dev/{name}"))?;
        }
        Ok(())
    }

    /// A read-only copy of the tree's mounts, attached nowhere, whose files belong to `userns`' root.
    pub(super) fn copy(&self, userns: Option<&OwnedFd>) -> Result<OwnedFd, StepError> {
        let flags = OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC
            | OpenTreeFlags::AT_RECURSIVE;
        let tree = rustix::mount::open_tree(CWD, &self.root, flags).step("copy the template")?;
        set_attributes(tree.as_fd(), RDONLY | NOSUID, Reach::WholeTree)
            .step("make the root read-only")?;
        set_attributes(tree.as_fd(), NODEV, Reach::This).step("refuse devices in the root")?;
        if let Some(userns) = userns {
            // Owners are looks, not a wall: where the kernel cannot map them (before 6.3 on tmpfs) they are nobody's.
            let _ = map_owners(tree.as_fd(), userns.as_fd(), Reach::WholeTree);
        }
        Ok(tree)
    }

    /// Makes sure there is something at `target` to mount a directory or a file on.
    pub(super) fn ensure(&self, target: &Path, kind: FileType) -> io::Result<()> {
        let inside = target.strip_prefix("/").map_err(io::Error::other)?;
        let path = self.root.join(inside);
        if path.symlink_metadata().is_ok() {
            return Ok(());
        }
        if kind == FileType::Directory {
            return fs::create_dir_all(path);
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, "")
    }

    /// A read-only copy of a single file with this content, attached nowhere. The file itself must stay until the
    /// copy is mounted, and goes with [`Template::forget_file`].
    pub(super) fn file(&self, name: &str, content: &str) -> io::Result<OwnedFd> {
        let path = self.scratch.join(name);
        fs::write(&path, content)?;
        let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
        let tree = rustix::mount::open_tree(CWD, &path, flags)?;
        set_attributes(tree.as_fd(), RDONLY | NOSUID | NODEV, Reach::This)?;
        Ok(tree)
    }

    /// Takes the name of such a file away; what is mounted lives on.
    pub(super) fn forget_file(&self, name: &str) {
        // It is in our own memory and vanishes with us at the latest.
        let _ = fs::remove_file(self.scratch.join(name));
    }
}

/// Reads a table of the host's `/etc`. A host that lacks it, or has something odd in its place, is no reason to fail.
fn host_table(name: &str) -> Option<Vec<u8>> {
    let path = Path::new("/etc").join(name);
    let found = fs::metadata(&path).ok()?;
    if !found.is_file() || found.len() > LARGEST_TABLE {
        return None;
    }
    fs::read(path).ok()
}

/// `/etc/hosts` for a sandbox with this name.
pub(super) fn hosts(host_name: &str) -> String {
    format!(
        "127.0.0.1 localhost sandbox.localdomain sandbox {host_name}\n::1 localhost ip6-localhost\n"
    )
}

fn mount_tmpfs(at: &Path, flags: MountFlags) -> Result<(), StepError> {
    rustix::mount::mount(
        "tmpfs",
        at,
        "tmpfs",
        flags,
        c"mode=0755,size=8m,nr_inodes=8192",
    )
    .step(format_args!("mount the template's {}", at.display()))
}

/// Makes the device, or shows the host's where this process may not make one.
fn make_device(path: &Path, major: u32, minor: u32) -> io::Result<()> {
    let everybody = Mode::from_raw_mode(0o666);
    let number = rustix::fs::makedev(major, minor);
    let old = rustix::process::umask(Mode::empty());
    let made = rustix::fs::mknodat(CWD, path, FileType::CharacterDevice, everybody, number);
    rustix::process::umask(old);
    if made.is_ok() {
        return Ok(());
    }
    fs::write(path, "")?;
    let hosts_own = Path::new("/dev").join(
        path.components()
            .next_back()
            .map_or(std::ffi::OsStr::new(""), Component::as_os_str),
    );
    rustix::mount::mount_bind(hosts_own, path)?;
    Ok(())
}

/// The time zone file of UTC, version 2 with an empty first block's data repeated.
fn utc() -> Vec<u8> {
    let mut block = b"TZif2".to_vec();
    block.extend_from_slice(&[0; 15]);
    for count in [0_u32, 0, 0, 0, 1, 4] {
        block.extend_from_slice(&count.to_be_bytes());
    }
    block.extend_from_slice(&[0; 6]);
    block.extend_from_slice(b"UTC\0");
    let mut file = block.repeat(2);
    file.extend_from_slice(b"\nUTC0\n");
    file
}
