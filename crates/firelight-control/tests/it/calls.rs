//! How often the store is asked: the view exists so that questions never reach it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use firelight_control::{Control, Scope};
use firelight_model::Draw;
use firelight_store::{
    CommitError, Committed, DirectoryBlobs, Feed, FeedError, Key, MemoryStore, Page, Prefix,
    ReadError, Rev, Store, Txn, Versioned,
};
use tokio::sync::watch;

use crate::support::{Counting, Ready, arn, creation, origin, settled};

/// A store that counts what it is asked beside the feed, which the follower reads for everybody.
#[derive(Clone, Default)]
struct CountingStore {
    store: MemoryStore,
    commits: Arc<AtomicUsize>,
    lists: Arc<AtomicUsize>,
}

impl Store for CountingStore {
    async fn commit(&self, txn: Txn) -> Result<Committed, CommitError> {
        self.commits.fetch_add(1, Ordering::SeqCst);
        self.store.commit(txn).await
    }

    async fn read(&self, key: &Key) -> Result<Option<Versioned>, ReadError> {
        self.store.read(key).await
    }

    async fn read_many(&self, keys: &[Key]) -> Result<Vec<Option<Versioned>>, ReadError> {
        self.store.read_many(keys).await
    }

    async fn list(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: u32,
    ) -> Result<Page, ReadError> {
        self.lists.fetch_add(1, Ordering::SeqCst);
        self.store.list(prefix, after, limit).await
    }

    async fn head(&self) -> Result<Rev, ReadError> {
        self.store.head().await
    }

    async fn feed(&self, after: Rev, commits: u32) -> Result<Feed, FeedError> {
        self.store.feed(after, commits).await
    }

    fn hints(&self) -> watch::Receiver<Rev> {
        self.store.hints()
    }
}

#[tokio::test]
async fn a_creation_is_one_commit_its_completion_another_and_questions_are_none() {
    let directory = tempfile::tempdir().unwrap();
    let blobs = DirectoryBlobs::open(directory.path()).unwrap();
    let store = CountingStore::default();
    let control = Control::start(store.clone(), blobs, Counting::default())
        .await
        .unwrap();
    let commits = || store.commits.load(Ordering::SeqCst);
    let lists = store.lists.load(Ordering::SeqCst);

    control
        .create_function(&origin(), creation("f"))
        .await
        .unwrap();
    assert_eq!(commits(), 1);
    let token = tokio_util::sync::CancellationToken::new();
    let completion = control.start_completion(&token, Ready);
    settled(&control, "f").await;
    completion.stop().await;
    assert_eq!(commits(), 2);

    for _ in 0..10 {
        control
            .view()
            .resolve(&arn("f"), None, Draw::from_random(0))
            .unwrap();
        control.list_functions(&Scope::of(&arn("f")), None, 50);
        control.function(&arn("f")).unwrap();
    }
    assert_eq!((commits(), store.lists.load(Ordering::SeqCst)), (2, lists));
}
