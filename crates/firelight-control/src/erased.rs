//! The store as one type, whichever engine is below.
//!
//! Control is called from many places and a type parameter would reach all of them; one boxed future for each control
//! operation costs nothing beside the commit.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use firelight_store::{
    BlobDigest, Blobs, CommitError, Committed, Feed, FeedError, Key, OpenBlob, OpenBlobError, Page,
    Prefix, PutBlobError, ReadError, Rev, StagedBlob, Store, StoredBlob, Txn, Versioned,
};
use tokio::sync::watch;

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What control needs of a record store.
pub(crate) trait Records: Send + Sync {
    fn commit(&self, txn: Txn) -> Boxed<'_, Result<Committed, CommitError>>;
    fn read_many<'a>(
        &'a self,
        keys: &'a [Key],
    ) -> Boxed<'a, Result<Vec<Option<Versioned>>, ReadError>>;
    fn list<'a>(
        &'a self,
        prefix: &'a Prefix,
        after: Option<&'a Key>,
        limit: u32,
    ) -> Boxed<'a, Result<Page, ReadError>>;
    fn head(&self) -> Boxed<'_, Result<Rev, ReadError>>;
    fn feed(&self, after: Rev, commits: u32) -> Boxed<'_, Result<Feed, FeedError>>;
    fn hints(&self) -> watch::Receiver<Rev>;
}

impl<S: Store> Records for S {
    fn commit(&self, txn: Txn) -> Boxed<'_, Result<Committed, CommitError>> {
        Box::pin(Store::commit(self, txn))
    }

    fn read_many<'a>(
        &'a self,
        keys: &'a [Key],
    ) -> Boxed<'a, Result<Vec<Option<Versioned>>, ReadError>> {
        Box::pin(Store::read_many(self, keys))
    }

    fn list<'a>(
        &'a self,
        prefix: &'a Prefix,
        after: Option<&'a Key>,
        limit: u32,
    ) -> Boxed<'a, Result<Page, ReadError>> {
        Box::pin(Store::list(self, prefix, after, limit))
    }

    fn head(&self) -> Boxed<'_, Result<Rev, ReadError>> {
        Box::pin(Store::head(self))
    }

    fn feed(&self, after: Rev, commits: u32) -> Boxed<'_, Result<Feed, FeedError>> {
        Box::pin(Store::feed(self, after, commits))
    }

    fn hints(&self) -> watch::Receiver<Rev> {
        Store::hints(self)
    }
}

/// What control needs of a blob store.
pub(crate) trait Contents: Send + Sync {
    fn put(&self, content: Bytes) -> Boxed<'_, Result<StoredBlob, PutBlobError>>;
    fn stage(&self, content: Bytes) -> Boxed<'_, Result<StagedBlob, PutBlobError>>;
    fn settle(&self) -> Boxed<'_, Result<(), PutBlobError>>;
    fn open(&self, digest: BlobDigest) -> Boxed<'_, Result<OpenBlob, OpenBlobError>>;
}

impl<B: Blobs> Contents for B {
    fn put(&self, content: Bytes) -> Boxed<'_, Result<StoredBlob, PutBlobError>> {
        Box::pin(self.put_bytes(content))
    }

    fn stage(&self, content: Bytes) -> Boxed<'_, Result<StagedBlob, PutBlobError>> {
        Box::pin(Blobs::stage(self, content))
    }

    fn settle(&self) -> Boxed<'_, Result<(), PutBlobError>> {
        Box::pin(Blobs::settle(self))
    }

    fn open(&self, digest: BlobDigest) -> Boxed<'_, Result<OpenBlob, OpenBlobError>> {
        Box::pin(Blobs::open(self, digest))
    }
}
