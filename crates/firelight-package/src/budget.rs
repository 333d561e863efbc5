//! How many bytes may still be unpacked, whatever sizes an archive declares.

use std::io::Read;

use crate::plan::{InvalidPackage, Limits};

/// Counts bytes as they come out of the decompressor.
#[derive(Debug)]
pub(crate) struct Budget {
    limit_bytes: u64,
    used_bytes: u64,
}

impl Budget {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            limit_bytes: limits.unzipped_bytes,
            used_bytes: 0,
        }
    }

    /// What was read so far.
    pub(crate) fn used_bytes(&self) -> u64 {
        self.used_bytes
    }

    /// Reads on into `chunk`; an empty answer is the end, where the checksum was found right.
    pub(crate) fn read<'chunk>(
        &mut self,
        content: &mut impl Read,
        chunk: &'chunk mut [u8],
    ) -> Result<&'chunk [u8], InvalidPackage> {
        let read = content.read(chunk).map_err(InvalidPackage::content)?;
        self.used_bytes += read as u64;
        if self.used_bytes > self.limit_bytes {
            let limit_bytes = self.limit_bytes;
            return Err(InvalidPackage::TooLarge { limit_bytes });
        }
        Ok(&chunk[..read])
    }
}
