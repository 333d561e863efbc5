//! A store in memory, for tests and the simulator. It keeps every promise but durability.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::key::{Key, Prefix};
use crate::record::{
    Change, ChangeKind, Feed, Page, Record, Rev, StoreClock, StoreTime, Versioned,
};
use crate::store::{CommitError, FeedError, ReadError, Store};
use crate::txn::{Check, Committed, Found, IdempotencyKey, Txn, Write};

/// A store in memory; cheap to clone, all clones share one content.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    hints: watch::Sender<Rev>,
    clock: StoreClock,
}

#[derive(Debug, Default)]
struct State {
    head: Rev,
    now: StoreTime,
    records: BTreeMap<Key, Versioned>,
    feed: Vec<Change>,
    feed_floor: Rev,
    done: HashMap<IdempotencyKey, Rev>,
}

impl MemoryStore {
    /// An empty store with a clock of its own.
    #[must_use]
    pub fn new(clock: StoreClock) -> Self {
        Self {
            shared: Arc::new(Shared {
                state: Mutex::default(),
                hints: watch::Sender::new(Rev::ZERO),
                clock,
            }),
        }
    }

    /// Forgets the feed up to and with `upto`, as a real store does with what is a day old.
    pub fn trim_feed(&self, upto: Rev) {
        let mut state = self.lock();
        state.feed_floor = upto.min(state.head).max(state.feed_floor);
        let floor = state.feed_floor;
        state.feed.retain(|change| change.rev > floor);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is changed only after every check, so a panic elsewhere left it whole.
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new(StoreClock::system())
    }
}

impl Store for MemoryStore {
    async fn commit(&self, txn: Txn) -> Result<Committed, CommitError> {
        txn.check_size()?;
        let mut state = self.lock();
        let committed = state.commit(&txn, self.shared.clock.now())?;
        self.shared.hints.send_replace(state.head);
        Ok(committed)
    }

    async fn read(&self, key: &Key) -> Result<Option<Versioned>, ReadError> {
        Ok(self.lock().records.get(key).cloned())
    }

    async fn read_many(&self, keys: &[Key]) -> Result<Vec<Option<Versioned>>, ReadError> {
        let state = self.lock();
        Ok(keys
            .iter()
            .map(|key| state.records.get(key).cloned())
            .collect())
    }

    async fn list(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: u32,
    ) -> Result<Page, ReadError> {
        Ok(self.lock().list(prefix, after, limit as usize))
    }

    async fn head(&self) -> Result<Rev, ReadError> {
        Ok(self.lock().head)
    }

    async fn feed(&self, after: Rev, commits: u32) -> Result<Feed, FeedError> {
        self.lock().feed(after, commits)
    }

    fn hints(&self) -> watch::Receiver<Rev> {
        self.shared.hints.subscribe()
    }
}

impl State {
    fn commit(&mut self, txn: &Txn, clock: StoreTime) -> Result<Committed, CommitError> {
        self.now = self.now.max(clock);
        if let Some(rev) = txn.idempotency().and_then(|key| self.done.get(key)) {
            return Ok(self.committed(*rev, true));
        }
        for check in txn.checks() {
            self.check(check)?;
        }
        if !txn.writes().is_empty() {
            self.head = self.head.next();
        }
        for write in txn.writes() {
            self.write(write);
        }
        if let Some(key) = txn.idempotency() {
            self.done.insert(key.clone(), self.head);
        }
        Ok(self.committed(self.head, false))
    }

    fn committed(&self, rev: Rev, repeated: bool) -> Committed {
        Committed {
            rev,
            now: self.now,
            repeated,
        }
    }

    fn check(&self, check: &Check) -> Result<(), CommitError> {
        let found = self.records.get(&check.key).map(Found::from);
        if check.expect.holds(found, self.now) {
            return Ok(());
        }
        Err(CommitError::Conflict {
            key: check.key.clone(),
            expected: check.expect,
            found,
        })
    }

    fn write(&mut self, write: &Write) {
        let kind = match write {
            Write::Put { key, body, ttl } => {
                let value = Versioned {
                    rev: self.head,
                    expires: ttl.map(|ttl| self.now.plus(ttl)),
                    body: body.clone(),
                };
                self.records.insert(key.clone(), value);
                ChangeKind::Put
            }
            Write::Delete { key } => {
                self.records.remove(key);
                ChangeKind::Deleted
            }
        };
        self.feed.push(Change {
            rev: self.head,
            key: write.key().clone(),
            kind,
        });
    }

    fn list(&self, prefix: &Prefix, after: Option<&Key>, limit: usize) -> Page {
        let start = match after {
            Some(key) => Bound::Excluded(key.clone()),
            None => Bound::Unbounded,
        };
        let mut records: Vec<Record> = self
            .records
            .range((start, Bound::Unbounded))
            .filter(|(key, _)| prefix.contains(key))
            .take(limit.saturating_add(1))
            .map(|(key, value)| Record {
                key: key.clone(),
                value: value.clone(),
            })
            .collect();
        let next = cut(&mut records, limit);
        Page { records, next }
    }

    fn feed(&self, after: Rev, commits: u32) -> Result<Feed, FeedError> {
        if after < self.feed_floor {
            let floor = self.feed_floor;
            return Err(FeedError::Gone { after, floor });
        }
        let upto = Rev::new(after.get().saturating_add(commits.into())).min(self.head);
        let changes = self
            .feed
            .iter()
            .filter(|change| change.rev > after && change.rev <= upto)
            .cloned()
            .collect();
        Ok(Feed {
            changes,
            upto: upto.max(after),
            head: self.head,
        })
    }
}

/// Cuts a listing that was read one record too far, and says where to read on.
pub(crate) fn cut(records: &mut Vec<Record>, limit: usize) -> Option<Key> {
    let more = records.len() > limit;
    records.truncate(limit);
    let last = records.last().filter(|_| more)?;
    Some(last.key.clone())
}
