//! Extracted packages, one directory for each digest, shared read-only by every environment.
//!
//! ```text
//!  absent ──provide──► being extracted (once, others wait) ──► ready ◄──► pinned
//!                                                                └──► evicted
//! ```
//!
//! Everything here can be made again, so nothing is synced. A directory gets its name only when it
//! is complete, and is renamed away before it is removed, so a killed daemon leaves nothing half
//! done under a name. After a restart of the machine the disk may hold names without content; the
//! cache notices the restart and begins empty.

mod disk;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use firelight_store::{BlobDigest, Blobs, OpenBlobError};
use tokio::sync::OnceCell;

use self::disk::{Scratch, directory_name};
use crate::extract::{ExtractError, FileModes, extract};
use crate::plan::Limits;

/// How the cache extracts and how much it keeps.
#[derive(Clone, Copy, Debug)]
pub struct CacheOptions {
    /// Bytes of unpinned packages that are kept; pinned ones may exceed it.
    pub budget_bytes: u64,
    /// What one package may hold.
    pub limits: Limits,
    /// What becomes of permissions.
    pub modes: FileModes,
}

/// The cache; cheap to clone.
#[derive(Clone, Debug)]
pub struct ExtractedPackages<B> {
    shared: Arc<Shared<B>>,
}

#[derive(Debug)]
struct Shared<B> {
    blobs: B,
    ready: PathBuf,
    scratch: PathBuf,
    options: CacheOptions,
    uses: AtomicU64,
    scratch_names: AtomicU64,
    slots: Mutex<HashMap<BlobDigest, Arc<Slot>>>,
}

/// A package that is extracted or being extracted. It is pinned while anybody but the table of
/// slots holds it.
#[derive(Debug, Default)]
struct Slot {
    directory: OnceCell<Directory>,
    last_use: AtomicU64,
}

impl Slot {
    fn found((digest, directory): (BlobDigest, Directory)) -> (BlobDigest, Arc<Self>) {
        let slot = Self {
            directory: OnceCell::from(directory),
            last_use: AtomicU64::new(0),
        };
        (digest, Arc::new(slot))
    }
}

#[derive(Debug)]
struct Directory {
    path: PathBuf,
    bytes: u64,
}

/// An extracted package. It stays on the disk at least as long as this value lives.
#[derive(Clone, Debug)]
pub struct PackageDirectory {
    slot: Arc<Slot>,
    path: PathBuf,
}

impl PackageDirectory {
    /// The directory with the package's content. Mount it read-only: all environments share it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of the package's files.
    #[must_use]
    pub fn unzipped_bytes(&self) -> u64 {
        self.slot.directory.get().map_or(0, |ready| ready.bytes)
    }
}

/// The directory of the cache could not be prepared.
#[derive(Debug, thiserror::Error)]
#[error("could not prepare the package cache {}", path.display())]
pub struct OpenCacheError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// Why a package is not at hand.
#[derive(Debug, thiserror::Error)]
pub enum ProvidePackageError {
    /// Its archive could not be opened.
    #[error("could not open the archive of package {digest}")]
    Archive {
        /// The package.
        digest: BlobDigest,
        /// What the blob store said.
        #[source]
        source: OpenBlobError,
    },
    /// It could not be extracted.
    #[error("could not extract package {digest}")]
    Extract {
        /// The package.
        digest: BlobDigest,
        /// What stood in the way.
        #[source]
        source: ExtractError,
    },
    /// It could not be put in its place.
    #[error("could not keep package {digest}")]
    Keep {
        /// The package.
        digest: BlobDigest,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}

impl<B: Blobs> ExtractedPackages<B> {
    /// Opens the cache in a directory of its own; keeps what an earlier run extracted.
    ///
    /// Reads the directory, which is quick, and removes what is half done; blocks meanwhile.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn open(
        root: impl Into<PathBuf>,
        blobs: B,
        options: CacheOptions,
    ) -> Result<Self, OpenCacheError> {
        let root = root.into();
        let found = disk::prepare(&root, options.modes).map_err(|source| OpenCacheError {
            path: root.clone(),
            source,
        })?;
        Ok(Self {
            shared: Arc::new(Shared {
                blobs,
                ready: root.join(disk::READY),
                scratch: root.join(disk::SCRATCH),
                options,
                uses: AtomicU64::new(0),
                scratch_names: AtomicU64::new(0),
                slots: Mutex::new(found.into_iter().map(Slot::found).collect()),
            }),
        })
    }

    /// Gives the directory of a package, extracting it if need be.
    ///
    /// Any number of callers for one package cause one extraction. Cancel-safe: when the caller
    /// that extracts goes away, another takes over.
    ///
    /// # Errors
    /// If the archive cannot be read or is refused, or the disk fails. The next call tries again.
    pub async fn provide(
        &self,
        digest: BlobDigest,
    ) -> Result<PackageDirectory, ProvidePackageError> {
        let slot = self.shared.slot(digest);
        if let Some(ready) = slot.directory.get() {
            let path = ready.path.clone();
            return Ok(PackageDirectory { slot, path });
        }
        let extracted = slot
            .directory
            .get_or_try_init(|| self.shared.extract(digest))
            .await;
        let path = match extracted {
            Ok(directory) => directory.path.clone(),
            Err(error) => {
                self.shared.forget(digest, slot);
                return Err(error);
            }
        };
        remove_in_background(self.shared.evict());
        Ok(PackageDirectory { slot, path })
    }
}

impl<B: Blobs> Shared<B> {
    fn slots(&self) -> MutexGuard<'_, HashMap<BlobDigest, Arc<Slot>>> {
        // Every change of the table is a single call, so a panic elsewhere left it whole.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot(&self, digest: BlobDigest) -> Arc<Slot> {
        let slot = Arc::clone(self.slots().entry(digest).or_default());
        let now = self.uses.fetch_add(1, Ordering::Relaxed) + 1;
        slot.last_use.store(now, Ordering::Relaxed);
        slot
    }

    /// Drops the slot of a failed extraction, unless others still try or one has succeeded.
    fn forget(&self, digest: BlobDigest, slot: Arc<Slot>) {
        let mut slots = self.slots();
        drop(slot);
        let unused =
            |slot: &Arc<Slot>| Arc::strong_count(slot) == 1 && slot.directory.get().is_none();
        if slots.get(&digest).is_some_and(unused) {
            slots.remove(&digest);
        }
    }

    async fn extract(&self, digest: BlobDigest) -> Result<Directory, ProvidePackageError> {
        let archive = self
            .blobs
            .open(digest)
            .await
            .map_err(|source| ProvidePackageError::Archive { digest, source })?;
        let scratch = self.scratch();
        let options = self.options;
        let work = move || {
            scratch.create()?;
            let info = extract(archive.file, scratch.path(), &options.limits, options.modes)?;
            Ok((scratch, info))
        };
        let (scratch, info) = blocking(work)
            .await
            .map_err(|source| ProvidePackageError::Extract { digest, source })?;
        let bytes = info.unzipped_bytes;
        let path = self.ready.join(directory_name(digest, bytes));
        fs::rename(scratch.path(), &path)
            .map_err(|source| ProvidePackageError::Keep { digest, source })?;
        Ok(Directory { path, bytes })
    }

    fn scratch(&self) -> Scratch {
        let number = self.scratch_names.fetch_add(1, Ordering::Relaxed);
        Scratch::new(self.scratch.join(number.to_string()))
    }

    /// Takes the least recently used packages that nobody pins out of the cache until what is left
    /// fits the budget. They are renamed away at once and come back to be removed.
    fn evict(&self) -> Vec<Scratch> {
        let mut slots = self.slots();
        let mut idle: Vec<_> = slots
            .iter()
            .filter(|(_, slot)| Arc::strong_count(slot) == 1)
            .filter_map(|(digest, slot)| Some((*digest, slot.directory.get()?.bytes, slot)))
            .map(|(digest, bytes, slot)| (slot.last_use.load(Ordering::Relaxed), digest, bytes))
            .collect();
        idle.sort_unstable();
        let mut kept_bytes: u64 = idle.iter().map(|(_, _, bytes)| bytes).sum();
        let mut evicted = Vec::new();
        for (_, digest, bytes) in idle {
            if kept_bytes <= self.options.budget_bytes {
                break;
            }
            if let Some(scratch) = slots.get(&digest).and_then(|slot| self.put_away(slot)) {
                slots.remove(&digest);
                kept_bytes -= bytes;
                evicted.push(scratch);
            }
        }
        evicted
    }

    fn put_away(&self, slot: &Slot) -> Option<Scratch> {
        let directory = slot.directory.get()?;
        let scratch = self.scratch();
        if let Err(error) = fs::rename(&directory.path, scratch.path()) {
            let path = directory.path.display();
            tracing::warn!(%path, %error, "could not evict a package; it stays");
            return None;
        }
        Some(scratch)
    }
}

fn remove_in_background(evicted: Vec<Scratch>) {
    if !evicted.is_empty() {
        tokio::task::spawn_blocking(move || drop(evicted));
    }
}

async fn blocking<T, F>(work: F) -> Result<T, ExtractError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, ExtractError> + Send + 'static,
{
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|panicked| Err(ExtractError::write("files", io::Error::other(panicked))))
}
