//! The newest commits, kept in memory: whoever follows the feed closely needs no database.
//!
//! ```text
//!  floor ─────────── commits that are kept ─────────── head
//!    └ behind it: None, ask the database        `append` adds here, and lets the oldest go
//! ```
//!
//! It is a copy of what was committed and synced, and is told of a commit before anybody else is. It answers wholly or
//! not at all.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::key::Key;
use crate::record::{Change, ChangeKind, Feed, Rev, StoreTime, Versioned};
use crate::txn::Write;

/// How many writes are kept.
const WRITES: usize = 1024;
/// How many bytes their bodies may have together.
const BODY_BYTES: usize = 4 * 1024 * 1024;

/// One write of a commit.
#[derive(Clone, Debug)]
pub(super) struct Written {
    change: Change,
    /// `None` when the record was removed.
    value: Option<Versioned>,
}

impl Written {
    pub(super) fn of(write: &Write, rev: Rev, now: StoreTime) -> Self {
        let (kind, value) = match write {
            Write::Put { body, ttl, .. } => {
                let expires = ttl.map(|ttl| now.plus(ttl));
                let body = body.clone();
                (ChangeKind::Put, Some(Versioned { rev, expires, body }))
            }
            Write::Delete { .. } => (ChangeKind::Deleted, None),
        };
        let key = write.key().clone();
        Self {
            change: Change { rev, key, kind },
            value,
        }
    }

    fn body_bytes(&self) -> usize {
        self.value.as_ref().map_or(0, |value| value.body.len())
    }
}

/// The newest commits of a store.
#[derive(Debug)]
pub(super) struct Tail {
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    /// The commit behind which nothing is missing here.
    floor: Rev,
    /// The newest commit; `None` while it is unknown whether there is another one.
    head: Option<Rev>,
    writes: VecDeque<Written>,
    body_bytes: usize,
    /// The newest write of each record: the commit, and what it left.
    newest: HashMap<Key, (Rev, Option<Versioned>)>,
}

impl Tail {
    /// Begins behind everything there is.
    pub(super) fn behind(head: Rev) -> Self {
        Self {
            kept: Mutex::new(Kept {
                floor: head,
                head: Some(head),
                writes: VecDeque::new(),
                body_bytes: 0,
                newest: HashMap::new(),
            }),
        }
    }

    /// Adds the commits behind `before`, up to and with `head`.
    pub(super) fn append(&self, before: Rev, written: Vec<Written>, head: Rev) {
        let mut kept = self.lock();
        if kept.head != Some(before) {
            // A commit whose answer was lost took effect after all; what it wrote is only in the database.
            kept.forget_all(before);
        }
        kept.head = Some(head);
        for write in written {
            kept.add(write);
        }
        kept.shrink();
    }

    /// Answers nothing any more until the next commit: the outcome of one is unknown.
    pub(super) fn doubt(&self) {
        let mut kept = self.lock();
        let floor = kept.floor;
        kept.forget_all(floor);
        kept.head = None;
    }

    /// Lets go of what is behind the floor of the feed, so that the feed ends in one place.
    pub(super) fn trim(&self, floor: Rev) {
        let mut kept = self.lock();
        if floor > kept.floor {
            kept.let_go_upto(floor);
        }
    }

    /// Reads at most `commits` commits behind `after`, as [`Store::feed`](crate::Store::feed) does.
    pub(super) fn feed(&self, after: Rev, commits: u32) -> Option<Feed> {
        let kept = self.lock();
        let head = kept.head?;
        if after < kept.floor || after > head {
            return None;
        }
        let upto = Rev::new(after.get().saturating_add(commits.into())).min(head);
        let from = kept
            .writes
            .partition_point(|write| write.change.rev <= after);
        let changes = kept.writes.range(from..).map(|write| &write.change);
        Some(Feed {
            changes: changes
                .take_while(|change| change.rev <= upto)
                .cloned()
                .collect(),
            upto,
            head,
        })
    }

    /// Reads records of which every one was written lately.
    pub(super) fn read_many(&self, keys: &[Key]) -> Option<Vec<Option<Versioned>>> {
        let kept = self.lock();
        let value = |key| Some(kept.newest.get(key)?.1.clone());
        keys.iter().map(value).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn add(&mut self, write: Written) {
        self.body_bytes += write.body_bytes();
        let Change { rev, key, .. } = &write.change;
        self.newest.insert(key.clone(), (*rev, write.value.clone()));
        self.writes.push_back(write);
    }

    /// Lets the oldest commits go, whole ones only.
    fn shrink(&mut self) {
        while self.writes.len() > WRITES || self.body_bytes > BODY_BYTES {
            let Some(oldest) = self.writes.front() else {
                return;
            };
            self.let_go_upto(oldest.change.rev);
        }
    }

    fn let_go_upto(&mut self, floor: Rev) {
        self.floor = floor;
        let is_behind = |write: &Written| write.change.rev <= floor;
        while self.writes.front().is_some_and(is_behind) {
            self.let_go();
        }
    }

    fn let_go(&mut self) {
        let Some(write) = self.writes.pop_front() else {
            return;
        };
        self.body_bytes -= write.body_bytes();
        let Change { rev, key, .. } = &write.change;
        if self
            .newest
            .get(key)
            .is_some_and(|(newest, _)| newest == rev)
        {
            self.newest.remove(key);
        }
    }

    fn forget_all(&mut self, floor: Rev) {
        self.writes.clear();
        self.newest.clear();
        self.body_bytes = 0;
        self.floor = floor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Kind;

    fn key(id: &str) -> Key {
        Key::new("000000000000", Kind::new("function"), id)
    }

    fn put(id: &str, rev: u64, bytes: usize) -> Written {
        let write = Write::Put {
            key: key(id),
            body: vec![0; bytes].into(),
            ttl: None,
        };
        Written::of(&write, Rev::new(rev), StoreTime::default())
    }

    fn deleted(id: &str, rev: u64) -> Written {
        Written::of(
            &Write::Delete { key: key(id) },
            Rev::new(rev),
            StoreTime::default(),
        )
    }

    fn revs(feed: &Feed) -> Vec<u64> {
        feed.changes.iter().map(|change| change.rev.get()).collect()
    }

    #[test]
    fn a_follower_at_the_tail_reads_whole_commits_and_no_more_than_it_asked_for() {
        let tail = Tail::behind(Rev::new(4));
        let commits = vec![
            put("a", 5, 1),
            put("b", 5, 1),
            put("a", 6, 2),
            put("c", 7, 1),
        ];
        tail.append(Rev::new(4), commits, Rev::new(7));

        let feed = tail.feed(Rev::new(4), 2).unwrap();

        assert_eq!(revs(&feed), [5, 5, 6]);
        assert_eq!((feed.upto, feed.head), (Rev::new(6), Rev::new(7)));
        assert_eq!(revs(&tail.feed(Rev::new(7), 9).unwrap()), [0; 0]);
    }

    #[test]
    fn what_it_does_not_know_wholly_is_left_to_the_database() {
        let tail = Tail::behind(Rev::new(4));
        tail.append(
            Rev::new(4),
            vec![put("a", 5, 1), deleted("b", 5)],
            Rev::new(5),
        );

        assert!(tail.feed(Rev::new(3), 10).is_none());
        assert!(tail.feed(Rev::new(6), 10).is_none());
        assert!(tail.read_many(&[key("a"), key("elsewhere")]).is_none());
        let both = tail.read_many(&[key("b"), key("a")]).unwrap();
        assert_eq!(both[0], None);
        assert_eq!(both[1].as_ref().unwrap().rev, Rev::new(5));
    }

    #[test]
    fn it_lets_the_oldest_commits_go_whole_when_it_holds_too_much() {
        let tail = Tail::behind(Rev::ZERO);
        let half = BODY_BYTES / 2;
        let first = vec![put("a", 1, half), put("b", 1, 1)];
        tail.append(Rev::ZERO, first, Rev::new(1));
        tail.append(Rev::new(1), vec![put("b", 2, half)], Rev::new(2));

        assert!(tail.feed(Rev::ZERO, 10).is_none());
        assert_eq!(revs(&tail.feed(Rev::new(1), 10).unwrap()), [2]);
        assert!(tail.read_many(&[key("a")]).is_none());
        assert!(tail.read_many(&[key("b")]).is_some());
    }

    #[test]
    fn commits_it_was_never_told_of_are_never_skipped() {
        let tail = Tail::behind(Rev::ZERO);
        tail.append(Rev::ZERO, vec![put("a", 1, 1)], Rev::new(1));

        // The second commit got lost on its way here.
        tail.append(Rev::new(2), vec![put("a", 3, 1)], Rev::new(3));

        assert!(tail.feed(Rev::new(1), 10).is_none());
        assert_eq!(revs(&tail.feed(Rev::new(2), 10).unwrap()), [3]);
    }

    #[test]
    fn while_an_outcome_is_unknown_it_says_nothing() {
        let tail = Tail::behind(Rev::ZERO);
        tail.append(Rev::ZERO, vec![put("a", 1, 1)], Rev::new(1));

        tail.doubt();

        assert!(tail.feed(Rev::new(1), 10).is_none());
        assert!(tail.read_many(&[key("a")]).is_none());
        tail.append(Rev::new(1), vec![put("a", 2, 1)], Rev::new(2));
        assert_eq!(revs(&tail.feed(Rev::new(1), 10).unwrap()), [2]);
    }
}
