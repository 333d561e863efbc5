//! Blobs as files of a directory: `ab/abcdef...`, named by their SHA-256.
//!
//! Incoming content lies under `incoming/` in the same file system until its name is known, so that
//! the rename is atomic and a crash leaves nothing under a blob's name.

mod stage;

use std::collections::HashSet;
use std::fs::{self, DirEntry, File};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::{BlobDigest, Blobs, OpenBlob, OpenBlobError, PutBlobError, StagedBlob, StoredBlob};
use super::{SweepBlobsError, Swept};

/// How much is read, hashed and written in one step.
const CHUNK_BYTES: usize = 256 * 1024;

const INCOMING: &str = "incoming";

/// Blobs in a directory; cheap to clone.
#[derive(Clone, Debug)]
pub struct DirectoryBlobs {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    root: PathBuf,
    // Open from the start: it tells of what could not be written since.
    volume: File,
    incoming: AtomicU64,
    // A sweep looks at a file's age and then removes it; a put must not renew the file between.
    names: Mutex<()>,
}

impl DirectoryBlobs {
    /// Opens a directory of blobs, creating it if need be, and removes what a crash left behind.
    ///
    /// Only one process may use the directory; the lock of the data directory sees to it.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn open(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        let incoming = root.join(INCOMING);
        fs::create_dir_all(&incoming)?;
        for left_behind in fs::read_dir(&incoming)? {
            fs::remove_file(left_behind?.path())?;
        }
        sync_directory(&root)?;
        let volume = File::open(&root)?;
        Ok(Self {
            shared: Arc::new(Shared {
                root,
                volume,
                incoming: AtomicU64::new(0),
                names: Mutex::default(),
            }),
        })
    }
}

impl Blobs for DirectoryBlobs {
    async fn put<R>(&self, mut source: R) -> Result<StoredBlob, PutBlobError>
    where
        R: AsyncRead + Send + Unpin,
    {
        let shared = Arc::clone(&self.shared);
        let mut incoming = blocking(move || shared.incoming())
            .await
            .map_err(PutBlobError::Write)?;
        loop {
            let mut chunk = Vec::with_capacity(CHUNK_BYTES);
            let received = read_chunk(&mut source, &mut chunk);
            if received.await.map_err(PutBlobError::Source)? == 0 {
                break;
            }
            incoming = blocking(move || incoming.append(&chunk))
                .await
                .map_err(PutBlobError::Write)?;
        }
        let shared = Arc::clone(&self.shared);
        blocking(move || shared.keep(incoming))
            .await
            .map_err(PutBlobError::Write)
    }

    async fn stage(&self, content: Bytes) -> Result<StagedBlob, PutBlobError> {
        if content.len() > stage::LARGEST {
            return Ok(StagedBlob::Durable(self.put_bytes(content).await?));
        }
        let shared = Arc::clone(&self.shared);
        let staged = blocking(move || shared.stage(&content)).await;
        staged
            .map(StagedBlob::Volatile)
            .map_err(PutBlobError::Write)
    }

    async fn settle(&self) -> Result<(), PutBlobError> {
        let shared = Arc::clone(&self.shared);
        blocking(move || shared.settle())
            .await
            .map_err(PutBlobError::Write)
    }

    async fn open(&self, digest: BlobDigest) -> Result<OpenBlob, OpenBlobError> {
        let path = self.shared.path(digest);
        let read = move || verify(&path);
        let (file, size, found) = match blocking(read).await {
            Ok(read) => read,
            Err(source) if source.kind() == io::ErrorKind::NotFound => {
                return Err(OpenBlobError::Missing { digest });
            }
            Err(source) => return Err(OpenBlobError::Read { digest, source }),
        };
        if found != digest {
            return Err(OpenBlobError::Damaged { digest, found });
        }
        Ok(OpenBlob { file, size })
    }

    async fn sweep(
        &self,
        referenced: HashSet<BlobDigest>,
        grace: Duration,
    ) -> Result<Swept, SweepBlobsError> {
        let shared = Arc::clone(&self.shared);
        blocking(move || shared.sweep(&referenced, grace))
            .await
            .map_err(SweepBlobsError)
    }
}

impl Shared {
    fn path(&self, digest: BlobDigest) -> PathBuf {
        let name = digest.to_string();
        self.root.join(&name[..2]).join(name)
    }

    fn incoming(&self) -> io::Result<Incoming> {
        let number = self.incoming.fetch_add(1, Ordering::Relaxed);
        let path = self.root.join(INCOMING).join(number.to_string());
        let file = File::create_new(&path)?;
        Ok(Incoming {
            file,
            path: Unfinished(path),
            hash: Sha256::new(),
            size: 0,
        })
    }

    /// Gives the content its name. A blob that is there already is replaced by the same content,
    /// which heals a damaged one and makes it young again for the sweep.
    fn keep(&self, incoming: Incoming) -> io::Result<StoredBlob> {
        incoming.file.sync_all()?;
        let digest = BlobDigest::from_bytes(incoming.hash.finalize().into());
        let path = self.path(digest);
        let directory = path.parent().unwrap_or(&self.root);
        self.make_directory(directory)?;
        {
            let _names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
            fs::rename(&incoming.path.0, &path)?;
        }
        sync_directory(directory)?;
        let size = incoming.size;
        Ok(StoredBlob { digest, size })
    }

    fn make_directory(&self, directory: &Path) -> io::Result<()> {
        if !directory.exists() {
            fs::create_dir_all(directory)?;
            sync_directory(&self.root)?;
        }
        Ok(())
    }

    fn sweep(&self, referenced: &HashSet<BlobDigest>, grace: Duration) -> io::Result<Swept> {
        let mut swept = Swept::default();
        for directory in fs::read_dir(&self.root)? {
            for entry in fs::read_dir(directory?.path())? {
                self.sweep_file(&entry?, referenced, grace, &mut swept)?;
            }
        }
        Ok(swept)
    }

    fn sweep_file(
        &self,
        entry: &DirEntry,
        referenced: &HashSet<BlobDigest>,
        grace: Duration,
        swept: &mut Swept,
    ) -> io::Result<()> {
        // Incoming files have no digest for a name.
        let name = entry.file_name().to_string_lossy().parse();
        let Ok(digest) = name else { return Ok(()) };
        if referenced.contains(&digest) {
            swept.kept += 1;
            return Ok(());
        }
        let _names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let metadata = fs::metadata(entry.path())?;
        if age(&metadata)? < grace {
            swept.kept += 1;
            return Ok(());
        }
        fs::remove_file(entry.path())?;
        swept.removed += 1;
        swept.removed_bytes += metadata.len();
        Ok(())
    }
}

/// Content that has no name yet. Dropping it removes it.
struct Incoming {
    file: File,
    path: Unfinished,
    hash: Sha256,
    size: u64,
}

impl Incoming {
    fn append(mut self, chunk: &[u8]) -> io::Result<Self> {
        self.file.write_all(chunk)?;
        self.hash.update(chunk);
        self.size += chunk.len() as u64;
        Ok(self)
    }
}

/// The path of a file that goes with its owner, unless it was renamed away.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Not found is the good case; anything else is cleaned at the next start.
        fs::remove_file(&self.0).ok();
    }
}

/// Fills a chunk as far as the stream goes.
async fn read_chunk<R>(source: &mut R, chunk: &mut Vec<u8>) -> io::Result<usize>
where
    R: AsyncRead + Send + Unpin,
{
    let mut source = source.take(CHUNK_BYTES as u64);
    while source.read_buf(chunk).await? > 0 {
        if chunk.len() == CHUNK_BYTES {
            break;
        }
    }
    Ok(chunk.len())
}

fn verify(path: &Path) -> io::Result<(File, u64, BlobDigest)> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut size = 0;
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        hash.update(&chunk[..read]);
        size += read as u64;
    }
    file.rewind()?;
    Ok((file, size, BlobDigest::from_bytes(hash.finalize().into())))
}

fn age(metadata: &fs::Metadata) -> io::Result<Duration> {
    let stored = metadata.modified()?;
    // A file from the future was stored just now by a clock that has been set back since.
    Ok(SystemTime::now().duration_since(stored).unwrap_or_default())
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

async fn blocking<T, F>(work: F) -> io::Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> io::Result<T> + Send + 'static,
{
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
}
