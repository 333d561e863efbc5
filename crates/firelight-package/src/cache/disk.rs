//! How the cache lies on the disk.
//!
//! ```text
//!  ready/<digest>-<bytes>   complete packages
//!  scratch/<number>         what is made or removed just now
//!  made-by                  which run of the kernel, format and modes `ready` is from
//! ```

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use firelight_store::BlobDigest;

use super::Directory;
use crate::extract::{ExtractError, FileModes};

pub(super) const READY: &str = "ready";
pub(super) const SCRATCH: &str = "scratch";
const MADE_BY: &str = "made-by";

/// Names the kernel's present run; it changes when the machine restarts.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// Changes when extraction does; directories of another format are not used.
const FORMAT: u32 = 1;

/// Makes the cache usable and tells which packages are ready.
pub(super) fn prepare(root: &Path, modes: FileModes) -> io::Result<Vec<(BlobDigest, Directory)>> {
    let ready = root.join(READY);
    let made_by = root.join(MADE_BY);
    let boot = fs::read_to_string(BOOT_ID)?;
    let present = format!("format {FORMAT}, modes {modes:?}, boot {boot}");
    if fs::read_to_string(&made_by).is_ok_and(|found| found == present) {
        remove(&root.join(SCRATCH))?;
    } else {
        remove(&made_by)?;
        remove(&root.join(SCRATCH))?;
        remove(&ready)?;
    }
    fs::create_dir_all(&ready)?;
    fs::create_dir_all(root.join(SCRATCH))?;
    fs::write(&made_by, present)?;
    read_ready(&ready)
}

fn read_ready(ready: &Path) -> io::Result<Vec<(BlobDigest, Directory)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(ready)? {
        let path = entry?.path();
        match parse_directory_name(&path) {
            Some((digest, bytes)) => found.push((digest, Directory { path, bytes })),
            None => remove(&path)?,
        }
    }
    Ok(found)
}

/// The size stands in the name, so that a start need not look into every directory.
pub(super) fn directory_name(digest: BlobDigest, bytes: u64) -> String {
    format!("{digest}-{bytes}")
}

fn parse_directory_name(path: &Path) -> Option<(BlobDigest, u64)> {
    let (digest, bytes) = path.file_name()?.to_str()?.split_once('-')?;
    Some((digest.parse().ok()?, bytes.parse().ok()?))
}

/// A directory that has no name in the cache. Dropping it removes it, which blocks.
#[derive(Debug)]
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Makes the directory, which everybody may enter whatever the mask of the process.
    pub(super) fn create(&self) -> Result<(), ExtractError> {
        let failed = |source| ExtractError::write(&self.0, source);
        DirBuilder::new()
            .mode(0o755)
            .create(&self.0)
            .map_err(failed)?;
        fs::set_permissions(&self.0, fs::Permissions::from_mode(0o755)).map_err(failed)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.0) {
            let path = self.0.display();
            tracing::warn!(%path, %error, "could not remove; the next start tries again");
        }
    }
}

/// Removes a file or a directory with all in it; it may be gone already.
///
/// A package may hold directories that their owner cannot write; who is not root must first take
/// the permission.
fn remove(path: &Path) -> io::Result<()> {
    match remove_all(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            unlock(path)?;
            remove_all(path)
        }
        removed => removed,
    }
}

fn remove_all(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn unlock(directory: &Path) -> io::Result<()> {
    fs::set_permissions(directory, fs::Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            unlock(&entry.path())?;
        }
    }
    Ok(())
}
