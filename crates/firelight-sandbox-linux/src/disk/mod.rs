//! `/tmp` on disk: a file system of its own for each sandbox, in a file without a name.
//!
//! ```text
//!  mke2fs, once a size ──► template (its few written blocks) ──► image (sparse, unnamed) ──► loop device ──► mount
//! ```
//!
//! What a function writes is file content in the page cache: charged to its memory while it is there, and given back
//! to the disk when memory is short, as on any machine. The size is exact to the byte, the number of files to a block
//! of the inode table. Everything is held by the mount alone: when the sandbox's mount namespace ends, by whatever
//! death, the kernel gives back mount, device and file. Nobody ever sees the blocks of another sandbox, because no
//! block is used twice without a new file around it.
//!
//! Not chosen: project quotas in one image for all (needs a kernel with quota support, which small kernels leave out,
//! and a walk through a hostile tree to clean up), growing a mounted image (needs a capability that containers drop).

mod image;
mod make;

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, Uid};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags};

use self::image::{BLOCK_BYTES, Template};
use crate::step::{Step, StepError};
use crate::sys::loop_device;

/// Templates kept: a host runs functions of a few sizes.
const MAX_TEMPLATES: usize = 8;
/// Made ahead: attaching a device and mounting it wait for the disk and for other processors, which an order should not.
const STOCK: usize = 2;
/// Of all sizes together.
const MAX_STOCK: usize = 4;
/// Another process can take the free device first, but not for ever.
const MAX_TRIES: u32 = 32;

/// How much a `/tmp` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Capacity {
    pub(crate) bytes: u64,
    pub(crate) inodes: u64,
}

/// Makes file systems for `/tmp`.
pub(crate) struct Disks {
    /// Where the images lie; held open, so that nobody can put another directory in its place.
    dir: OwnedFd,
    /// Where device nodes can be made, for hosts whose `/dev` does not follow the kernel.
    nodes: PathBuf,
    control: OwnedFd,
    /// The one used last comes first.
    templates: Vec<(Capacity, Template)>,
    /// New, empty file systems of nobody's, open and without a mount: one made ahead would stand out by its place among
    /// the mounts of its sandbox. The oldest comes first.
    stock: RefCell<Vec<(Capacity, OwnedFd)>>,
}

impl Disks {
    /// Tries everything that a `/tmp` of this capacity needs.
    pub(crate) fn prepare(dir: &Path, nodes: &Path, usual: Capacity) -> Result<Self, StepError> {
        let mut this = Self {
            dir: own_directory(dir).step("open the directory of images")?,
            nodes: nodes.to_owned(),
            control: open_control(nodes).step("open the control of loop devices")?,
            templates: Vec::new(),
            stock: RefCell::default(),
        };
        this.ensure(usual)?;
        Ok(this)
    }

    /// Makes the template for this capacity, unless it is there.
    pub(crate) fn ensure(&mut self, capacity: Capacity) -> Result<(), StepError> {
        let known = self
            .templates
            .iter()
            .position(|(known, _)| *known == capacity);
        let entry = match known {
            Some(index) => self.templates.remove(index),
            None => (capacity, self.make_template(capacity)?),
        };
        self.templates.insert(0, entry);
        self.templates.truncate(MAX_TEMPLATES);
        Ok(())
    }

    /// Gives out a new, empty file system whose root belongs to `owner`, mounted nowhere. The capacity's template must
    /// be there.
    pub(crate) fn provide(&self, capacity: Capacity, owner: u32) -> Result<OwnedFd, StepError> {
        let disk = match self.take(capacity) {
            Some(disk) => disk,
            None => self.make(capacity)?,
        };
        let mount = mount(&disk)?;
        let (user, group) = (Uid::from_raw(owner), Gid::from_raw(owner));
        rustix::fs::chownat(&mount, "", Some(user), Some(group), AtFlags::EMPTY_PATH)
            .step("give /tmp to the sandbox")?;
        Ok(mount)
    }

    /// Whether there should be more of this capacity in stock.
    pub(crate) fn is_short_of(&self, capacity: Capacity) -> bool {
        let stock = self.stock.borrow();
        stock.iter().filter(|(known, _)| *known == capacity).count() < STOCK
    }

    /// Makes one more of this capacity for the stock, in the place of the oldest if there are many.
    pub(crate) fn restock(&mut self, capacity: Capacity) -> Result<(), StepError> {
        self.ensure(capacity)?;
        let disk = self.make(capacity)?;
        let stock = self.stock.get_mut();
        if stock.len() >= MAX_STOCK {
            stock.remove(0);
        }
        stock.push((capacity, disk));
        Ok(())
    }

    fn take(&self, capacity: Capacity) -> Option<OwnedFd> {
        let mut stock = self.stock.borrow_mut();
        let index = stock.iter().position(|(known, _)| *known == capacity)?;
        Some(stock.remove(index).1)
    }

    fn make(&self, capacity: Capacity) -> Result<OwnedFd, StepError> {
        let missing = || io::Error::from(io::ErrorKind::NotFound);
        let template = self
            .templates
            .iter()
            .find_map(|(known, template)| (*known == capacity).then_some(template));
        let template = template
            .ok_or_else(missing)
            .step("find the template of /tmp")?;
        let image = make::unnamed_file(&self.dir)?;
        template.write(&image).step("write the image of /tmp")?;
        self.open(&image)
    }

    /// Whether the disk still has room for all that a new `/tmp` may hold.
    pub(crate) fn has_room_for(&self, capacity: Capacity) -> bool {
        rustix::fs::fstatvfs(&self.dir)
            .is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) >= capacity.bytes)
    }

    fn make_template(&self, capacity: Capacity) -> Result<Template, StepError> {
        let image = make::unnamed_file(&self.dir)?;
        make::format(&image, capacity)?;
        let spare_blocks = {
            let mount = mount(&self.open(&image)?)?;
            make::empty(&mount).step("empty the new file system of /tmp")?;
            let found = rustix::fs::fstatvfs(&mount).step("measure the new file system of /tmp")?;
            found.f_bavail.checked_sub(capacity.bytes / BLOCK_BYTES)
        };
        // The mount is gone, and all it knew is in the file.
        let too_small = || io::Error::from(io::ErrorKind::StorageFull);
        let spare_blocks = spare_blocks
            .ok_or_else(too_small)
            .step("size the file system of /tmp")?;
        let template = Template::read(&image, spare_blocks);
        template.step("read the template of /tmp")
    }

    /// Opens the file system in an image.
    fn open(&self, image: &OwnedFd) -> Result<OwnedFd, StepError> {
        let (device, node) = self.attach(image).step("attach the image of /tmp")?;
        let opened = open_device(&node);
        // The file system holds the device from here on.
        drop(device);
        opened
    }

    fn attach(&self, image: &OwnedFd) -> io::Result<(OwnedFd, PathBuf)> {
        let mut tries = 0;
        loop {
            let number = loop_device::free_number(self.control.as_fd())?;
            let node = device_node(number, &self.nodes)?;
            let device = rustix::fs::open(&node, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
            let block_bytes = u32::try_from(BLOCK_BYTES).map_err(io::Error::other)?;
            match loop_device::configure(device.as_fd(), image.as_fd(), block_bytes) {
                Err(error) if error.raw_os_error() == Some(libc::EBUSY) && tries < MAX_TRIES => {
                    tries += 1;
                }
                configured => return configured.map(|()| (device, node)),
            }
        }
    }
}

/// Opens a directory that belongs to this user, making it if need be.
fn own_directory(path: &Path) -> io::Result<OwnedFd> {
    match rustix::fs::mkdir(path, Mode::RWXU) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => {}
        Err(error) => return Err(error.into()),
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let dir = rustix::fs::open(path, flags, Mode::empty())?;
    if rustix::fs::fstat(&dir)?.st_uid != rustix::process::geteuid().as_raw() {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "it belongs to somebody else",
        ));
    }
    Ok(dir)
}

fn open_device(node: &Path) -> Result<OwnedFd, StepError> {
    let context = rustix::mount::fsopen("ext4", FsOpenFlags::FSOPEN_CLOEXEC)
        .step("open the ext4 file system")?;
    rustix::mount::fsconfig_set_string(&context, "source", node).step("name the disk of /tmp")?;
    // What is in /tmp need not survive a power cut; and the image is new, so what is not written is zero.
    for flag in ["nobarrier", "noinit_itable"] {
        rustix::mount::fsconfig_set_flag(&context, flag).step("set up /tmp")?;
    }
    rustix::mount::fsconfig_create(&context).step("open the file system of /tmp")?;
    Ok(context)
}

/// Mounts an open file system, at no place yet.
fn mount(context: &OwnedFd) -> Result<OwnedFd, StepError> {
    let flags = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    rustix::mount::fsmount(context, FsMountFlags::FSMOUNT_CLOEXEC, flags)
        .step("make the mount of /tmp")
}

const MISC_MAJOR: u32 = 10;
const CONTROL_MINOR: u32 = 237;

fn open_control(nodes: &Path) -> io::Result<OwnedFd> {
    let usual = PathBuf::from("/dev/loop-control");
    let node = existing_or_made(usual, nodes, (MISC_MAJOR, CONTROL_MINOR))?;
    Ok(rustix::fs::open(
        node,
        OFlags::RDWR | OFlags::CLOEXEC,
        Mode::empty(),
    )?)
}

/// The node of a loop device: the host's, or one of our own in a container whose `/dev` was made once.
fn device_node(number: u32, nodes: &Path) -> io::Result<PathBuf> {
    let usual = PathBuf::from(format!("/dev/loop{number}"));
    if usual.exists() {
        return Ok(usual);
    }
    let text = std::fs::read_to_string(format!("/sys/block/loop{number}/dev"))?;
    let parsed = text
        .trim()
        .split_once(':')
        .and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
    let numbers = parsed.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
    existing_or_made(usual, nodes, numbers)
}

fn existing_or_made(
    usual: PathBuf,
    nodes: &Path,
    (major, minor): (u32, u32),
) -> io::Result<PathBuf> {
    if usual.exists() {
        return Ok(usual);
    }
    let own = nodes.join(usual.file_name().unwrap_or_default());
    let number = rustix::fs::makedev(major, minor);
    let kind = if major == MISC_MAJOR {
        FileType::CharacterDevice
    } else {
        FileType::BlockDevice
    };
    let mode = Mode::RUSR | Mode::WUSR;
    match rustix::fs::mknodat(CWD, &own, kind, mode, number) {
        Err(error) if error != rustix::io::Errno::EXIST => Err(error.into()),
        _ => Ok(own),
    }
}
