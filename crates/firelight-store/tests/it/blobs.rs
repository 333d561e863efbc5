//! Blobs in a directory: named by content, whole or not there, checked when read.

use std::collections::HashSet;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use firelight_store::{
    BlobDigest, Blobs, DirectoryBlobs, OpenBlobError, PutBlobError, StagedBlob, Swept,
};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

fn blobs() -> (tempfile::TempDir, DirectoryBlobs) {
    let directory = tempfile::tempdir().unwrap();
    let blobs = DirectoryBlobs::open(directory.path()).unwrap();
    (directory, blobs)
}

fn files(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for directory in std::fs::read_dir(root).unwrap() {
        for file in std::fs::read_dir(directory.unwrap().path()).unwrap() {
            files.push(file.unwrap().path());
        }
    }
    files
}

async fn content(blobs: &DirectoryBlobs, digest: BlobDigest) -> Vec<u8> {
    let mut content = Vec::new();
    let mut open = blobs.open(digest).await.unwrap();
    open.file.read_to_end(&mut content).unwrap();
    assert_eq!(open.size, content.len() as u64);
    content
}

/// Fails in the middle of the stream.
struct Broken;

impl AsyncRead for Broken {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
    }
}

#[tokio::test]
async fn a_blob_is_read_as_it_was_streamed_in() {
    let (_directory, blobs) = blobs();
    let large: Vec<u8> = (0..1_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();

    let stored = blobs.put(&large[..]).await.unwrap();

    assert_eq!(stored.digest, BlobDigest::of(&large));
    assert_eq!(stored.size, 1_000_000);
    assert_eq!(content(&blobs, stored.digest).await, large);
}

#[tokio::test]
async fn the_same_content_is_stored_once() {
    let (directory, blobs) = blobs();

    let first = blobs.put_bytes(Bytes::from_static(b"same")).await.unwrap();
    let second = blobs.put_bytes(Bytes::from_static(b"same")).await.unwrap();

    assert_eq!(first, second);
    assert_eq!(files(directory.path()).len(), 1);
}

#[tokio::test]
async fn a_broken_stream_leaves_nothing() {
    let (directory, blobs) = blobs();

    let error = blobs
        .put(AsyncReadExt::chain(&b"begun"[..], Broken))
        .await
        .unwrap_err();

    assert!(matches!(error, PutBlobError::Source(_)), "{error}");
    assert_eq!(files(directory.path()), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_damaged_blob_is_refused_and_healed_by_storing_it_again() {
    let (directory, blobs) = blobs();
    let stored = blobs.put_bytes(Bytes::from_static(b"code")).await.unwrap();
    std::fs::write(&files(directory.path())[0], b"evil").unwrap();

    let error = blobs.open(stored.digest).await.unwrap_err();
    blobs.put_bytes(Bytes::from_static(b"code")).await.unwrap();

    let OpenBlobError::Damaged { found, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(found, BlobDigest::of(b"evil"));
    assert_eq!(content(&blobs, stored.digest).await, b"code");
}

#[tokio::test]
async fn a_missing_blob_is_said_to_be_missing() {
    let (_directory, blobs) = blobs();

    let error = blobs.open(BlobDigest::of(b"never")).await.unwrap_err();

    assert!(matches!(error, OpenBlobError::Missing { .. }), "{error}");
}

#[tokio::test]
async fn a_sweep_removes_what_nobody_references_after_the_grace() {
    let (_directory, blobs) = blobs();
    let used = blobs.put_bytes(Bytes::from_static(b"used")).await.unwrap();
    let unused = blobs
        .put_bytes(Bytes::from_static(b"un-used"))
        .await
        .unwrap();
    let referenced = HashSet::from([used.digest]);

    let hour = Duration::from_secs(3600);
    let within_grace = blobs.sweep(referenced.clone(), hour).await.unwrap();
    let after_grace = blobs.sweep(referenced, Duration::ZERO).await.unwrap();

    assert_eq!((within_grace.removed, within_grace.kept), (0, 2));
    let expected = Swept {
        removed: 1,
        removed_bytes: 7,
        kept: 1,
    };
    assert_eq!(after_grace, expected);
    assert!(blobs.open(unused.digest).await.is_err());
    assert_eq!(content(&blobs, used.digest).await, b"used");
}

#[tokio::test]
async fn what_a_crash_left_half_received_is_removed_at_start() {
    let (directory, blobs) = blobs();
    drop(blobs);
    std::fs::write(directory.path().join("incoming/17"), b"half").unwrap();

    DirectoryBlobs::open(directory.path()).unwrap();

    assert_eq!(files(directory.path()), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn staged_content_is_read_at_once_and_is_not_called_durable() {
    let (_directory, blobs) = blobs();

    let staged = blobs.stage(Bytes::from_static(b"code")).await.unwrap();
    let read = content(&blobs, BlobDigest::of(b"code")).await;
    blobs.settle().await.unwrap();

    let StagedBlob::Volatile(stored) = staged else {
        panic!("{staged:?}");
    };
    assert_eq!((stored.digest, stored.size), (BlobDigest::of(b"code"), 4));
    assert_eq!(read, b"code");
}

#[tokio::test]
async fn content_that_is_too_large_to_be_written_twice_is_durable_at_once() {
    let (_directory, blobs) = blobs();

    let staged = blobs.stage(vec![7; 1_000_000].into()).await.unwrap();

    assert!(matches!(staged, StagedBlob::Durable(_)), "{staged:?}");
}

#[tokio::test]
async fn staging_never_replaces_a_blob_that_others_count_on() {
    use std::os::unix::fs::MetadataExt;

    let (directory, blobs) = blobs();
    blobs.put_bytes(Bytes::from_static(b"code")).await.unwrap();
    let file = &files(directory.path())[0];
    let before = std::fs::metadata(file).unwrap().ino();

    blobs.stage(Bytes::from_static(b"code")).await.unwrap();

    assert_eq!(std::fs::metadata(file).unwrap().ino(), before);
}

#[tokio::test]
async fn a_damaged_blob_is_healed_by_staging_it_again() {
    let (directory, blobs) = blobs();
    let stored = blobs.put_bytes(Bytes::from_static(b"code")).await.unwrap();
    std::fs::write(&files(directory.path())[0], b"evil").unwrap();

    blobs.stage(Bytes::from_static(b"code")).await.unwrap();

    assert_eq!(content(&blobs, stored.digest).await, b"code");
}

#[tokio::test]
async fn a_staged_blob_is_young_for_the_sweep() {
    let (directory, blobs) = blobs();
    let stored = blobs.put_bytes(Bytes::from_static(b"code")).await.unwrap();
    let file = std::fs::File::open(&files(directory.path())[0]).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH)
        .unwrap();

    blobs.stage(Bytes::from_static(b"code")).await.unwrap();
    let hour = Duration::from_secs(3600);
    blobs.sweep(HashSet::new(), hour).await.unwrap();

    assert_eq!(content(&blobs, stored.digest).await, b"code");
}
