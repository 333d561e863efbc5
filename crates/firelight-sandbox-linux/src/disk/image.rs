//! The content of a new file system, as the few blocks of it that are not zero.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::SeekFrom;

pub(super) const BLOCK_BYTES: u64 = 4096;

/// Where the superblock begins, and its count of reserved blocks in two halves.
const SUPERBLOCK: u64 = 1024;
const RESERVED_LOW: u64 = SUPERBLOCK + 0x08;

/// An empty file system of a certain size, to be written to any number of images.
pub(super) struct Template {
    length_bytes: u64,
    blocks: Vec<(u64, Vec<u8>)>,
}

impl Template {
    /// Reads the template from an image that is not mounted, and has it reserve `spare_blocks` for root. That makes
    /// the rest exactly what was asked for: the function is not root.
    pub(super) fn read(image: &OwnedFd, spare_blocks: u64) -> io::Result<Self> {
        let spare = u32::try_from(spare_blocks).map_err(io::Error::other)?;
        rustix::io::pwrite(image, &spare.to_le_bytes(), RESERVED_LOW)?;
        let mut blocks = Vec::new();
        let mut next = 0;
        while let Some((start, end)) = next_data(image, next)? {
            for offset in (start..end).step_by(usize::try_from(BLOCK_BYTES).unwrap_or(1)) {
                let block = read_block(image, offset)?;
                if block.iter().any(|byte| *byte != 0) {
                    blocks.push((offset, block));
                }
            }
            next = end;
        }
        let length_bytes = rustix::fs::fstat(image)?.st_size.unsigned_abs();
        Ok(Self {
            length_bytes,
            blocks,
        })
    }

    /// Writes the file system to an empty file. What it leaves out takes no room on the disk.
    pub(super) fn write(&self, image: &OwnedFd) -> io::Result<()> {
        rustix::fs::ftruncate(image, self.length_bytes)?;
        for (offset, block) in &self.blocks {
            write_whole(image, block, *offset)?;
        }
        Ok(())
    }
}

/// The next stretch that holds data, from `from` on.
fn next_data(image: &OwnedFd, from: u64) -> io::Result<Option<(u64, u64)>> {
    match rustix::fs::seek(image, SeekFrom::Data(from)) {
        Ok(start) => {
            let end = rustix::fs::seek(image, SeekFrom::Hole(start))?;
            Ok(Some((start - start % BLOCK_BYTES, end)))
        }
        Err(rustix::io::Errno::NXIO) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn read_block(image: &OwnedFd, offset: u64) -> io::Result<Vec<u8>> {
    let mut block = vec![0; usize::try_from(BLOCK_BYTES).map_err(io::Error::other)?];
    let mut filled = 0;
    while filled < block.len() {
        let at = offset + u64::try_from(filled).map_err(io::Error::other)?;
        match rustix::io::pread(image, &mut block[filled..], at)? {
            0 => break,
            length => filled += length,
        }
    }
    Ok(block)
}

fn write_whole(image: &OwnedFd, block: &[u8], offset: u64) -> io::Result<()> {
    match rustix::io::pwrite(image, block, offset)? {
        length if length == block.len() => Ok(()),
        _ => Err(io::ErrorKind::StorageFull.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_was_read_and_holes_stay_holes() {
        let original = tempfile::tempfile().unwrap();
        original.set_len(8 << 20).unwrap();
        let original = OwnedFd::from(original);
        rustix::io::pwrite(&original, b"super", SUPERBLOCK).unwrap();
        rustix::io::pwrite(&original, b"far away", 5 << 20).unwrap();
        let template = Template::read(&original, 77).unwrap();
        let copy = OwnedFd::from(tempfile::tempfile().unwrap());

        template.write(&copy).unwrap();

        let stat = rustix::fs::fstat(&copy).unwrap();
        assert_eq!(stat.st_size, 8 << 20);
        assert!(stat.st_blocks <= 16, "{}", stat.st_blocks);
        assert_eq!(&read_block(&copy, 5 << 20).unwrap()[..8], b"far away");
        assert_eq!(
            &read_block(&copy, 0).unwrap()[1024..1036],
            b"super\0\0\0\x4d\0\0\0"
        );
    }
}
