//! Large immutable content, named by its own SHA-256: deployment packages, layers, images.
//!
//! ```text
//!  put(stream) ──► temporary file, hashed as it is written ──► synced ──► renamed to its name
//!  stage(content) ──► temporary file ──► renamed to its name ─ ─ ─(settle)─ ─ ► synced
//!  open(name)  ──► read through and hashed ──► handed out, or refused as damaged
//! ```
//!
//! Only a blob that is durable may be named by a record alone. Small content that was staged is carried by the same
//! transaction as the record that names it, until it is settled: then both cost one sync, and not one each.
//!
//! A blob is stored before the record that names it and removed by a sweep after the last record
//! that named it is gone. Records hold digests, never paths.

mod digest;
mod directory;

use std::collections::HashSet;
use std::fs::File;
use std::future::Future;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncRead;

pub use self::digest::{BlobDigest, ParseDigestError};
pub use self::directory::DirectoryBlobs;

/// A blob that is stored and durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StoredBlob {
    /// Its name.
    pub digest: BlobDigest,
    /// Its length in bytes.
    pub size: u64,
}

/// A blob that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StagedBlob {
    /// It is durable.
    Durable(StoredBlob),
    /// It may be lost with the machine's power until [`Blobs::settle`] was called: until then whoever names it keeps
    /// its content elsewhere.
    Volatile(StoredBlob),
}

/// A blob whose content was found to match its name, open at its beginning.
///
/// The file has no name that others could know; it may be a local copy.
#[derive(Debug)]
pub struct OpenBlob {
    /// The content.
    pub file: File,
    /// Its length in bytes.
    pub size: u64,
}

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Blobs that were removed.
    pub removed: u64,
    /// Their bytes.
    pub removed_bytes: u64,
    /// Blobs that stay.
    pub kept: u64,
}

/// Why a blob was not stored. Nothing of it is left.
#[derive(Debug, thiserror::Error)]
pub enum PutBlobError {
    /// The stream it came from broke.
    #[error("could not receive the content of a blob")]
    Source(#[source] io::Error),
    /// It could not be written.
    #[error("could not store a blob")]
    Write(#[source] io::Error),
}

/// Why a blob could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenBlobError {
    /// There is none of that name.
    #[error("there is no blob {digest}")]
    Missing {
        /// Its name.
        digest: BlobDigest,
    },
    /// Its content does not match its name: the disk or a person changed it.
    #[error("blob {digest} is damaged: its content has the digest {found}")]
    Damaged {
        /// Its name.
        digest: BlobDigest,
        /// The digest of what is there.
        found: BlobDigest,
    },
    /// It could not be read.
    #[error("could not read blob {digest}")]
    Read {
        /// Its name.
        digest: BlobDigest,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}

/// A sweep stopped half way; the next one goes on.
#[derive(Debug, thiserror::Error)]
#[error("could not sweep the blobs")]
pub struct SweepBlobsError(#[source] pub(crate) io::Error);

/// Keeps blobs. Handles are cheap to clone.
pub trait Blobs: Clone + Send + Sync + 'static {
    /// Stores what the stream yields; answers once it is durable.
    ///
    /// A dropped future leaves at most a temporary file, which the next start removes.
    fn put<R>(&self, source: R) -> impl Future<Output = Result<StoredBlob, PutBlobError>> + Send
    where
        R: AsyncRead + Send + Unpin;

    /// Stores content that is in memory already.
    fn put_bytes(
        &self,
        content: Bytes,
    ) -> impl Future<Output = Result<StoredBlob, PutBlobError>> + Send {
        async move { self.put(&content[..]).await }
    }

    /// Stores content so that it can be read at once, and says whether it is durable already.
    ///
    /// A blob that was there is not touched, so no other record loses anything.
    fn stage(
        &self,
        content: Bytes,
    ) -> impl Future<Output = Result<StagedBlob, PutBlobError>> + Send {
        async move { Ok(StagedBlob::Durable(self.put_bytes(content).await?)) }
    }

    /// Makes everything durable that was staged before.
    fn settle(&self) -> impl Future<Output = Result<(), PutBlobError>> + Send {
        async { Ok(()) }
    }

    /// Opens a blob after checking all of its content.
    fn open(
        &self,
        digest: BlobDigest,
    ) -> impl Future<Output = Result<OpenBlob, OpenBlobError>> + Send;

    /// Removes every blob that is not referenced and was stored longer than `grace` ago.
    ///
    /// The grace covers blobs whose record is not committed yet.
    fn sweep(
        &self,
        referenced: HashSet<BlobDigest>,
        grace: Duration,
    ) -> impl Future<Output = Result<Swept, SweepBlobsError>> + Send;
}
