//! Packages in transit: content that lies in a record of its own until its blob is on the disk.
//!
//! ```text
//!  stage the blob ──► commit: what names it + its content (one sync) ──► ... ──► settle the blobs (one sync for all)
//!                                      │                                              │
//!                                      └─ crash ─► start: stored as blobs again ──────┴──► the contents go
//! ```
//!
//! A blob of its own would cost two syncs before the record that names it could be committed. This way a change of code
//! costs as many as any other change: one.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use firelight_model::AccountId;
use firelight_store::{CommitError, Expect, Key, PutBlobError, ReadError, StagedBlob, Txn};
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::erased::{Contents, Records};
use crate::listing::list_kinds;
use crate::records::configuration::CodeRecord;
use crate::records::key;

/// How long contents are collected before they are settled together.
const COLLECT: Duration = Duration::from_secs(5);
/// How many are settled together, at most. Bounds what a start after a crash has to read.
const TOGETHER: usize = 128;
/// The pause after a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// A package that is stored, or will be with the commit that carries it.
#[derive(Clone, Debug)]
pub(crate) struct StagedPackage {
    pub(crate) record: CodeRecord,
    carried: Option<(Key, Bytes)>,
}

impl StagedPackage {
    /// Takes what the blob store said; `unique` tells requests apart that bring the same content.
    pub(crate) fn new(
        account: AccountId,
        unique: impl std::fmt::Display,
        staged: StagedBlob,
        content: Bytes,
        record: CodeRecord,
    ) -> Self {
        let carried = match staged {
            StagedBlob::Durable(_) => None,
            StagedBlob::Volatile(blob) => {
                Some((key::in_transit(account, blob.digest, unique), content))
            }
        };
        Self { record, carried }
    }

    /// Has the transaction that names the package carry its content, if that is not durable yet.
    pub(crate) fn carried_by(&self, txn: Txn) -> Txn {
        match &self.carried {
            None => txn,
            Some((key, content)) => txn.create(key.clone(), content.clone()),
        }
    }

    /// Where a commit left the content, if it carried any.
    pub(crate) fn key(&self) -> Option<&Key> {
        Some(&self.carried.as_ref()?.0)
    }
}

/// Contents could not be brought to the end of their way.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettleError {
    #[error("could not store packages in transit")]
    Put(#[from] PutBlobError),
    #[error("could not read packages in transit")]
    Read(#[from] ReadError),
    #[error("could not remove packages that are stored")]
    Commit(#[source] CommitError),
}

/// Brings contents to the end of their way.
pub(crate) struct Settler {
    pub(crate) records: Arc<dyn Records>,
    pub(crate) contents: Arc<dyn Contents>,
}

/// Makes the way by which a settler is told of contents. Whoever tells waits while it is far behind.
pub(crate) fn arrivals() -> (mpsc::Sender<Key>, mpsc::Receiver<Key>) {
    mpsc::channel(TOGETHER)
}

impl Settler {
    /// Stores what a crash left on its way, before anybody asks for it.
    pub(crate) async fn resume(&self) -> Result<(), SettleError> {
        let mut left = Vec::new();
        let is_ours = |kind: firelight_store::Kind<'_>| kind == key::PACKAGE_IN_TRANSIT;
        list_kinds(&*self.records, is_ours, |page| {
            left.extend(page.iter().map(|record| record.key.clone()));
        })
        .await?;
        self.store_again(&left).await?;
        self.forget(&left).await
    }

    /// Settles what arrives, some of it together, until nothing can arrive any more.
    pub(crate) async fn run(self, mut arrivals: mpsc::Receiver<Key>) {
        let mut keys = Vec::new();
        while arrivals.recv_many(&mut keys, TOGETHER).await > 0 {
            collect(&mut arrivals, &mut keys).await;
            while let Err(error) = self.settle(&keys).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "packages stay in transit for now"
                );
                sleep(PAUSE).await;
            }
            keys.clear();
        }
    }

    async fn settle(&self, keys: &[Key]) -> Result<(), SettleError> {
        if let Err(error) = self.contents.settle().await {
            // The kernel says once that something was lost, not what.
            tracing::warn!(%error, "staged packages are stored again");
            self.store_again(keys).await?;
        }
        self.forget(keys).await
    }

    async fn store_again(&self, keys: &[Key]) -> Result<(), SettleError> {
        for key in keys {
            let found = self.records.read_many(std::slice::from_ref(key)).await?;
            for content in found.into_iter().flatten() {
                self.contents.put(content.body).await?;
            }
        }
        Ok(())
    }

    async fn forget(&self, keys: &[Key]) -> Result<(), SettleError> {
        for keys in keys.chunks(TOGETHER) {
            let txn = keys
                .iter()
                .cloned()
                .fold(Txn::new(), |txn, key| txn.delete(key, Expect::Exists));
            match self.records.commit(txn).await {
                Ok(_) => {}
                Err(CommitError::Conflict { .. }) => self.forget_each(keys).await?,
                Err(error) => return Err(SettleError::Commit(error)),
            }
        }
        Ok(())
    }

    /// Removes what is still there: another process on the same store may have been faster.
    async fn forget_each(&self, keys: &[Key]) -> Result<(), SettleError> {
        for key in keys {
            let txn = Txn::new().delete(key.clone(), Expect::Exists);
            match self.records.commit(txn).await {
                Ok(_) | Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(SettleError::Commit(error)),
            }
        }
        Ok(())
    }
}

/// Waits for more, until there is enough or the first has waited long enough.
async fn collect(arrivals: &mut mpsc::Receiver<Key>, keys: &mut Vec<Key>) {
    let mut due = pin!(sleep(COLLECT));
    while keys.len() < TOGETHER {
        let room = TOGETHER - keys.len();
        // Both are cancel-safe: `recv_many` takes nothing unless it completes.
        tokio::select! {
            () = &mut due => return,
            more = arrivals.recv_many(keys, room) => if more == 0 { return },
        }
    }
}

#[cfg(test)]
mod tests {
    use firelight_store::{BlobDigest, Blobs, DirectoryBlobs, MemoryStore, Store};

    use super::*;

    #[tokio::test]
    async fn what_a_crash_left_in_transit_is_stored_at_the_next_start() {
        let directory = tempfile::tempdir().unwrap();
        let blobs = DirectoryBlobs::open(directory.path()).unwrap();
        let store = MemoryStore::default();
        let digest = BlobDigest::of(b"package");
        let key = key::in_transit("000000000000".parse().unwrap(), digest, "request");
        let carried = Txn::new().create(key.clone(), &b"package"[..]);
        Store::commit(&store, carried).await.unwrap();
        let settler = Settler {
            records: Arc::new(store.clone()),
            contents: Arc::new(blobs.clone()),
        };

        settler.resume().await.unwrap();

        assert_eq!(Blobs::open(&blobs, digest).await.unwrap().size, 7);
        assert_eq!(store.read(&key).await.unwrap(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn contents_are_settled_together_even_when_another_process_took_one_away() {
        let directory = tempfile::tempdir().unwrap();
        let store = MemoryStore::default();
        let settler = Settler {
            records: Arc::new(store.clone()),
            contents: Arc::new(DirectoryBlobs::open(directory.path()).unwrap()),
        };
        let keys = ["a", "b", "c"].map(|content| {
            let digest = BlobDigest::of(content.as_bytes());
            key::in_transit("000000000000".parse().unwrap(), digest, 1)
        });
        for key in &keys[1..] {
            let carried = Txn::new().create(key.clone(), "");
            Store::commit(&store, carried).await.unwrap();
        }
        let (tell, arrivals) = arrivals();
        for key in &keys {
            tell.send(key.clone()).await.unwrap();
        }
        drop(tell);

        settler.run(arrivals).await;

        for key in &keys {
            assert_eq!(store.read(key).await.unwrap(), None);
        }
    }
}
