//! Listing the records of some kinds among all that there are.
//!
//! One store holds the records of every service, and buckets may hold millions of objects. A listing passes over the
//! kinds that are not wanted: of each it sees one page at most in each account.

use firelight_store::{Key, Kind, Prefix, ReadError, Record};

use crate::erased::Records;

/// How many records are read at once.
const PAGE: u32 = 1_000;

/// Lists the records of the kinds that are wanted, page by page.
pub(crate) async fn list_kinds(
    store: &dyn Records,
    is_wanted: impl Fn(Kind<'_>) -> bool,
    mut take: impl FnMut(&[Record]),
) -> Result<(), ReadError> {
    let mut after = None;
    loop {
        let mut page = store.list(&Prefix::all(), after.as_ref(), PAGE).await?;
        page.records.retain(|record| is_wanted(record.key.kind()));
        take(&page.records);
        after = match page.next {
            None => return Ok(()),
            Some(next) if is_wanted(next.kind()) => Some(next),
            Some(next) => Some(end_of_kind(&next)),
        };
    }
}

/// Returns a key behind every id that is ever used for records of the same account and kind.
fn end_of_kind(key: &Key) -> Key {
    Key::new(key.account(), key.kind(), char::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use bytes::Bytes;
    use firelight_store::{
        CommitError, Committed, Feed, FeedError, MemoryStore, Page, Rev, Store, Txn, Versioned,
    };
    use tokio::sync::watch;

    use super::*;

    const WANTED: Kind<'static> = Kind::new("function");
    const OBJECT: Kind<'static> = Kind::new("s3-object");

    /// A store that counts the pages that are read.
    #[derive(Clone, Default)]
    struct Counted(MemoryStore, std::sync::Arc<AtomicUsize>);

    impl Store for Counted {
        async fn commit(&self, txn: Txn) -> Result<Committed, CommitError> {
            Store::commit(&self.0, txn).await
        }

        async fn read(&self, key: &Key) -> Result<Option<Versioned>, ReadError> {
            self.0.read(key).await
        }

        async fn read_many(&self, keys: &[Key]) -> Result<Vec<Option<Versioned>>, ReadError> {
            Store::read_many(&self.0, keys).await
        }

        async fn list(
            &self,
            prefix: &Prefix,
            after: Option<&Key>,
            limit: u32,
        ) -> Result<Page, ReadError> {
            self.1.fetch_add(1, Ordering::Relaxed);
            Store::list(&self.0, prefix, after, limit).await
        }

        async fn head(&self) -> Result<Rev, ReadError> {
            Store::head(&self.0).await
        }

        async fn feed(&self, after: Rev, commits: u32) -> Result<Feed, FeedError> {
            Store::feed(&self.0, after, commits).await
        }

        fn hints(&self) -> watch::Receiver<Rev> {
            Store::hints(&self.0)
        }
    }

    #[tokio::test]
    async fn records_of_other_kinds_are_passed_over_and_none_of_the_wanted_is_missed() {
        let store = Counted::default();
        for account in ["111111111111", "222222222222"] {
            let mut txn = Txn::new();
            for number in 0..5_000 {
                txn = txn.create(Key::new(account, OBJECT, number), Bytes::new());
            }
            for (kind, id) in [
                (WANTED, "a"),
                (Kind::new("zebra"), "b"),
                (WANTED, "\u{10fff0}"),
            ] {
                txn = txn.create(Key::new(account, kind, id), Bytes::new());
            }
            Store::commit(&store.0, txn).await.unwrap();
        }

        let mut found = Vec::new();
        let take = |records: &[Record]| found.extend(records.iter().map(|r| r.key.to_string()));
        list_kinds(&store, |kind| kind == WANTED, take)
            .await
            .unwrap();

        let expected = ["111111111111", "222222222222"]
            .map(|account| ["a", "\u{10fff0}"].map(|id| format!("{account}/function/{id}")));
        assert_eq!(found, expected.concat());
        assert!(store.1.load(Ordering::Relaxed) < 6);
    }
}
