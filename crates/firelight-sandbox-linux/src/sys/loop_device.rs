//! Loop devices: a file that the kernel treats as a disk.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Gone with the last user, so that nothing has to be cleared after a `kill -9`.
const AUTOCLEAR: u32 = 4;
/// Past the page cache of the file, which would hold everything a second time.
const DIRECT_IO: u32 = 16;

const CTL_GET_FREE: libc::Ioctl = 0x4c82;
const CONFIGURE: libc::Ioctl = 0x4c0a;

#[repr(C)]
struct Config {
    fd: u32,
    block_size: u32,
    info: Info,
    reserved: [u64; 8],
}

#[repr(C)]
struct Info {
    device: u64,
    inode: u64,
    rdevice: u64,
    offset: u64,
    size_limit: u64,
    number: u32,
    encrypt_type: u32,
    encrypt_key_size: u32,
    flags: u32,
    file_name: [u8; 64],
    crypt_name: [u8; 64],
    encrypt_key: [u8; 32],
    init: [u64; 2],
}

/// Returns the number of a device that nobody uses. Another process may take it first.
pub(crate) fn free_number(control: BorrowedFd<'_>) -> io::Result<u32> {
    // SAFETY: the request takes no argument and touches no memory.
    let number = unsafe { libc::ioctl(control.as_raw_fd(), CTL_GET_FREE) };
    u32::try_from(number).map_err(|_| io::Error::last_os_error())
}

/// Makes `device` show `file` in blocks of `block_bytes`, until the last user of the device is gone.
pub(crate) fn configure(
    device: BorrowedFd<'_>,
    file: BorrowedFd<'_>,
    block_bytes: u32,
) -> io::Result<()> {
    match configure_with(device, file, block_bytes, AUTOCLEAR | DIRECT_IO) {
        // Not every file system that can hold the file can go past its cache.
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
            configure_with(device, file, block_bytes, AUTOCLEAR)
        }
        configured => configured,
    }
}

fn configure_with(
    device: BorrowedFd<'_>,
    file: BorrowedFd<'_>,
    block_size: u32,
    flags: u32,
) -> io::Result<()> {
    // SAFETY: the structure is plain integers, for which zero is valid.
    let mut config: Config = unsafe { std::mem::zeroed() };
    config.fd = file.as_raw_fd().unsigned_abs();
    config.block_size = block_size;
    config.info.flags = flags;
    // SAFETY: the kernel reads one structure of the layout it defines, which lives until the call returns.
    if unsafe { libc::ioctl(device.as_raw_fd(), CONFIGURE, &raw const config) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_structure_has_the_size_that_the_kernel_reads() {
        assert_eq!(size_of::<Config>(), 304);
    }
}
