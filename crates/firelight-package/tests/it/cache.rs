//! The cache: one extraction for all, pins hold, the budget is kept, restarts are clean.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use firelight_package::{
    CacheOptions, ExtractedPackages, FileModes, InvalidPackage, Limits, ProvidePackageError,
};
use firelight_store::{BlobDigest, Blobs, DirectoryBlobs};

use crate::archive::{entry, zip};

struct Fixture {
    directory: tempfile::TempDir,
    blobs: DirectoryBlobs,
}

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let blobs = DirectoryBlobs::open(directory.path().join("blobs")).unwrap();
        Self { directory, blobs }
    }

    fn root(&self) -> std::path::PathBuf {
        self.directory.path().join("cache")
    }

    fn open(&self, budget_bytes: u64) -> ExtractedPackages<DirectoryBlobs> {
        let options = CacheOptions {
            budget_bytes,
            limits: Limits::LAMBDA,
            modes: FileModes::AsPacked,
        };
        ExtractedPackages::open(self.root(), self.blobs.clone(), options).unwrap()
    }

    /// Stores a package with one file of 100 bytes.
    async fn package(&self, byte: u8) -> BlobDigest {
        let archive = zip(&[entry("index.py", 0o100_644, &[byte; 100])]);
        let stored = self.blobs.put_bytes(Bytes::from(archive)).await.unwrap();
        stored.digest
    }
}

fn count(directory: &Path) -> usize {
    fs::read_dir(directory).unwrap().count()
}

#[tokio::test]
async fn a_package_is_extracted_once_for_any_number_of_callers() {
    let f = Fixture::new();
    let cache = f.open(u64::MAX);
    let digest = f.package(b'a').await;

    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let cache = cache.clone();
        callers.spawn(async move { cache.provide(digest).await.unwrap() });
    }
    let provided = callers.join_all().await;

    let content = fs::read(provided[0].path().join("index.py")).unwrap();
    assert_eq!(content, [b'a'; 100]);
    assert!(provided.iter().all(|p| p.path() == provided[0].path()));
    assert_eq!(provided[0].unzipped_bytes(), 100);
    assert_eq!(count(&f.root().join("ready")), 1);
    assert_eq!(count(&f.root().join("scratch")), 0);
}

#[tokio::test]
async fn the_longest_unused_package_is_evicted_and_made_again_when_asked_for() {
    let f = Fixture::new();
    let cache = f.open(200);
    let mut paths = Vec::new();
    for byte in *b"12134" {
        let digest = f.package(byte).await;
        paths.push(cache.provide(digest).await.unwrap().path().to_owned());
    }
    let second = f.package(b'2').await;

    // When 4 was provided, 1, 2 and 3 lay unused and were 100 bytes too many.
    let there: Vec<_> = paths.iter().map(|path| path.exists()).collect();
    assert_eq!(there, [true, false, true, true, true]);
    let again = cache.provide(second).await.unwrap();
    assert_eq!(
        fs::read(again.path().join("index.py")).unwrap(),
        [b'2'; 100]
    );
}

#[tokio::test]
async fn a_package_in_use_is_not_evicted() {
    let f = Fixture::new();
    let cache = f.open(0);
    let [used, other, new] = [
        f.package(b'u').await,
        f.package(b'o').await,
        f.package(b'n').await,
    ];

    let pinned = cache.provide(used).await.unwrap();
    let other_path = cache.provide(other).await.unwrap().path().to_owned();
    cache.provide(new).await.unwrap();

    assert!(pinned.path().join("index.py").exists());
    assert!(!other_path.exists());
}

#[tokio::test]
async fn a_refused_package_is_reported_and_leaves_nothing() {
    let f = Fixture::new();
    let cache = f.open(u64::MAX);
    let archive = zip(&[entry("fine", 0o100_644, b""), entry("../x", 0o100_644, b"")]);
    let bad = f
        .blobs
        .put_bytes(Bytes::from(archive))
        .await
        .unwrap()
        .digest;

    for _ in 0..2 {
        let error = cache.provide(bad).await.unwrap_err();
        let ProvidePackageError::Extract { source, .. } = error else {
            panic!("{error}");
        };
        let firelight_package::ExtractError::Invalid(source) = source else {
            panic!("{source}");
        };
        assert!(
            matches!(source, InvalidPackage::UnsafeName { .. }),
            "{source}"
        );
    }
    assert_eq!(count(&f.root().join("ready")), 0);
    assert_eq!(count(&f.root().join("scratch")), 0);
}

#[tokio::test]
async fn a_missing_archive_is_reported_and_may_come_later() {
    let f = Fixture::new();
    let cache = f.open(u64::MAX);
    let archive = zip(&[entry("late", 0o100_644, b"")]);
    let digest = BlobDigest::of(&archive);

    let error = cache.provide(digest).await.unwrap_err();
    f.blobs.put_bytes(Bytes::from(archive)).await.unwrap();
    let provided = cache.provide(digest).await.unwrap();

    assert!(
        matches!(error, ProvidePackageError::Archive { .. }),
        "{error}"
    );
    assert!(provided.path().join("late").exists());
}

#[tokio::test]
async fn after_a_restart_of_the_daemon_packages_are_still_there_and_leftovers_are_not() {
    let f = Fixture::new();
    let digest = f.package(b'a').await;
    let before = f.open(u64::MAX).provide(digest).await.unwrap();
    fs::create_dir(f.root().join("scratch/9")).unwrap();
    fs::create_dir(f.root().join("ready/unknown")).unwrap();
    f.blobs
        .sweep([].into(), std::time::Duration::ZERO)
        .await
        .unwrap();

    let cache = f.open(u64::MAX);

    assert_eq!(count(&f.root().join("scratch")), 0);
    assert_eq!(count(&f.root().join("ready")), 1);
    // The archive is gone, so this can only come from before.
    let after = cache.provide(digest).await.unwrap();
    assert_eq!((after.path(), after.unzipped_bytes()), (before.path(), 100));
}

#[tokio::test]
async fn after_a_restart_of_the_machine_the_cache_begins_empty() {
    let f = Fixture::new();
    let digest = f.package(b'a').await;
    f.open(u64::MAX).provide(digest).await.unwrap();
    fs::write(f.root().join("made-by"), "another run of the kernel").unwrap();

    f.open(u64::MAX);

    assert_eq!(count(&f.root().join("ready")), 0);
}

#[tokio::test]
async fn a_package_that_its_owner_may_not_write_is_evicted_all_the_same() {
    let f = Fixture::new();
    let archive = zip(&[entry("d/", 0o040_555, b""), entry("d/x", 0o100_444, b"x")]);
    let digest = f
        .blobs
        .put_bytes(Bytes::from(archive))
        .await
        .unwrap()
        .digest;
    f.open(u64::MAX).provide(digest).await.unwrap();
    fs::write(f.root().join("made-by"), "another run of the kernel").unwrap();

    f.open(u64::MAX);

    assert_eq!(count(&f.root().join("ready")), 0);
}
