//! Small content that can be read at once and is on the disk later.
//!
//! A file that is not synced may be empty after the power failed. It therefore never takes the place of a blob that is
//! there: a record of long ago may count on that one.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::PoisonError;
use std::time::SystemTime;

use super::{Shared, verify};
use crate::blobs::{BlobDigest, StoredBlob};

/// The largest content that is worth being written twice for one sync less.
pub(super) const LARGEST: usize = 256 * 1024;

impl Shared {
    /// Gives content its name without waiting for the disk.
    pub(super) fn stage(&self, content: &[u8]) -> io::Result<StoredBlob> {
        let digest = BlobDigest::of(content);
        let path = self.path(digest);
        if !self.renew(&path, digest)? {
            self.write_unsynced(&path, content)?;
        }
        let size = content.len() as u64;
        Ok(StoredBlob { digest, size })
    }

    /// Makes a blob that is there young again for the sweep; `false` if there is none. A damaged one makes room.
    fn renew(&self, path: &Path, digest: BlobDigest) -> io::Result<bool> {
        let _names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, _, found) = match verify(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            there => there?,
        };
        if found != digest {
            fs::remove_file(path)?;
            return Ok(false);
        }
        file.set_modified(SystemTime::now())?;
        Ok(true)
    }

    fn write_unsynced(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let mut incoming = self.incoming()?;
        incoming.file.write_all(content)?;
        self.make_directory(path.parent().unwrap_or(&self.root))?;
        let _names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if path.exists() {
            // Somebody stored the same meanwhile, and may have waited for the disk.
            return Ok(());
        }
        fs::rename(&incoming.path.0, path)
    }

    /// Waits until everything that was written is on the disk: one wait for any number of files.
    pub(super) fn settle(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(&self.volume)?)
    }
}
