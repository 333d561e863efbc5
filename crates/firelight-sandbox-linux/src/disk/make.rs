//! Making a file system in a file, with the host's `mke2fs`.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::fs::{AtFlags, Mode, OFlags};

use super::Capacity;
use super::image::BLOCK_BYTES;
use crate::step::{Step, StepError};

const PROGRAMS: &[&str] = &["/sbin/mke2fs", "/usr/sbin/mke2fs", "/usr/local/sbin/mke2fs"];
/// No journal, no checksums: nothing in a `/tmp` is worth being recovered.
const FEATURES: &str = "none,extent,flex_bg,filetype,sparse_super,large_file,huge_file,dir_nlink,\
                        extra_isize,uninit_bg,ext_attr,dir_index";
const INODE_BYTES: u64 = 256;
/// Inodes that the file system itself has.
const OWN_INODES: u64 = 11;

/// Opens a new file below `dir` that no path leads to.
pub(super) fn unnamed_file(dir: &OwnedFd) -> Result<OwnedFd, StepError> {
    let mode = Mode::RUSR | Mode::WUSR;
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    match rustix::fs::openat(dir, ".", flags | OFlags::TMPFILE, mode) {
        // A file system without such files: one with a name for a moment does it too.
        Err(rustix::io::Errno::OPNOTSUPP) => {
            const NAME: &str = "tmp-image";
            let _ = rustix::fs::unlinkat(dir, NAME, AtFlags::empty());
            let file = rustix::fs::openat(dir, NAME, flags | OFlags::CREATE | OFlags::EXCL, mode);
            let _ = rustix::fs::unlinkat(dir, NAME, AtFlags::empty());
            file
        }
        file => file,
    }
    .step("make a file for /tmp")
}

/// Makes a file system in the empty file `image` that holds at least `capacity`.
pub(super) fn format(image: &OwnedFd, capacity: Capacity) -> Result<(), StepError> {
    let blocks = blocks_for(capacity);
    rustix::fs::ftruncate(image, blocks * BLOCK_BYTES).step("size the image of /tmp")?;
    let absent = || io::Error::new(io::ErrorKind::NotFound, "no mke2fs");
    let program = PROGRAMS.iter().find(|path| Path::new(path).exists());
    let program = program.ok_or_else(absent).step("find mke2fs")?;
    let image = image.try_clone().step("hand over the image of /tmp")?;
    let status = Command::new(program)
        .args(["-q", "-F", "-b", "4096", "-I", "256", "-m", "0"])
        .args(["-O", FEATURES])
        .args(["-N", &(capacity.inodes + OWN_INODES).to_string()])
        .args(["-E", "lazy_itable_init=1,nodiscard,root_owner=0:0"])
        .arg("/proc/self/fd/0")
        .arg(blocks.to_string())
        .env_clear()
        // What the host's own configuration file says is not for us.
        .env("MKE2FS_CONFIG", "/dev/null")
        .stdin(Stdio::from(image))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match status.step("run mke2fs")? {
        status if status.success() => Ok(()),
        status => Err(io::Error::other(status.to_string())).step("make a file system with mke2fs"),
    }
}

/// Enough blocks for what was asked for, the kernel's own reserve of a fiftieth, the inodes and the maps.
fn blocks_for(capacity: Capacity) -> u64 {
    const BLOCKS_IN_GROUP: u64 = 32_768;
    const KERNEL_RESERVE_AT_MOST: u64 = 4096;
    let wanted = capacity.bytes.div_ceil(BLOCK_BYTES);
    let inodes = ((capacity.inodes + OWN_INODES) * INODE_BYTES).div_ceil(BLOCK_BYTES);
    let plain = wanted + inodes;
    let reserve = (plain / 45).min(KERNEL_RESERVE_AT_MOST);
    let groups = (plain + reserve).div_ceil(BLOCKS_IN_GROUP) + 1;
    plain + reserve + groups * 16 + 64
}

/// Leaves nothing in the root of a new file system, and lets everybody write there.
pub(super) fn empty(mount: &OwnedFd) -> io::Result<()> {
    rustix::fs::unlinkat(mount, "lost+found", AtFlags::REMOVEDIR)?;
    // By the directory itself: the mount's descriptor is only a path.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::openat(mount, ".", flags, Mode::empty())?;
    rustix::fs::fchmod(&root, Mode::from_raw_mode(0o1777))?;
    Ok(())
}
