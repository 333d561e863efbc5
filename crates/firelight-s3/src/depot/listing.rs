//! Listing objects and versions: in the order of their keys, keys with a delimiter rolled up to their common prefix.

use firelight_store::{Blobs, Key, Store};

use super::{Bucket, Depot};
use crate::record::{
    ObjectRecord, VersionRecord, behind_versions, decode, object_key, object_of, objects, split_id,
    version_key, versions,
};
use crate::refusal::Refusal;

/// The most entries of one answer.
pub(crate) const MAX_ENTRIES: usize = 1000;
/// How many records are read at once.
const PAGE: u32 = 500;
/// Sorts behind every key that goes on where it stands.
const LAST: char = char::MAX;

/// Which objects are asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct ListingQuery {
    pub(crate) prefix: String,
    pub(crate) delimiter: Option<String>,
    /// Only what comes behind this key or common prefix.
    pub(crate) after: Option<String>,
    pub(crate) limit: usize,
}

/// Which versions are asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct VersionsQuery {
    pub(crate) listing: ListingQuery,
    /// Within the key of `listing.after`: only what comes behind this version.
    pub(crate) after_version: Option<String>,
}

/// A page of a listing.
#[derive(Clone, Debug)]
pub(crate) struct Listed<T> {
    pub(crate) entries: Vec<(String, T)>,
    pub(crate) common_prefixes: Vec<String>,
    /// The key or common prefix to go on behind; `None` at the end.
    pub(crate) next: Option<String>,
}

/// A version in a listing.
#[derive(Clone, Debug)]
pub(crate) struct ListedVersion {
    pub(crate) version: VersionRecord,
    pub(crate) is_newest: bool,
}

/// What becomes of a record that is met.
enum Step {
    Taken,
    Skipped,
    Full,
}

/// Collects what is met, up to the limit.
struct Collector<'a, T> {
    query: &'a ListingQuery,
    listed: Listed<T>,
    last: Option<String>,
}

impl<'a, T> Collector<'a, T> {
    fn new(query: &'a ListingQuery) -> Self {
        let listed = Listed {
            entries: Vec::new(),
            common_prefixes: Vec::new(),
            next: None,
        };
        Self {
            query,
            listed,
            last: None,
        }
    }

    /// Returns the common prefix that a key is rolled up to.
    fn common_prefix<'k>(&self, key: &'k str) -> Option<&'k str> {
        let delimiter = self
            .query
            .delimiter
            .as_deref()
            .filter(|text| !text.is_empty())?;
        let start = self.query.prefix.len();
        let at = key.get(start..)?.find(delimiter)?;
        key.get(..start + at + delimiter.len())
    }

    fn meet(&mut self, key: &str, entry: T) -> Step {
        let common_prefix = self.common_prefix(key);
        if let Some(prefix) = common_prefix {
            let is_listed = self
                .listed
                .common_prefixes
                .last()
                .is_some_and(|last| last == prefix);
            let is_before = self
                .query
                .after
                .as_deref()
                .is_some_and(|after| prefix <= after);
            if is_listed || is_before {
                return Step::Skipped;
            }
        }
        if self.count() >= self.query.limit {
            self.listed.next = self.last.take();
            return Step::Full;
        }
        match common_prefix {
            Some(prefix) => self.listed.common_prefixes.push(prefix.to_owned()),
            None => self.listed.entries.push((key.to_owned(), entry)),
        }
        self.last = Some(common_prefix.unwrap_or(key).to_owned());
        Step::Taken
    }

    fn count(&self) -> usize {
        self.listed.entries.len() + self.listed.common_prefixes.len()
    }
}

impl<S: Store, B: Blobs> Depot<S, B> {
    /// Lists objects by their newest versions.
    pub(crate) async fn objects(
        &self,
        bucket: &Bucket,
        query: &ListingQuery,
    ) -> Result<Listed<VersionRecord>, Refusal> {
        let mut collector = Collector::new(query);
        if query.limit == 0 {
            return Ok(collector.listed);
        }
        let range = objects(bucket.owner, &bucket.name, &query.prefix);
        let place = |key: &str| object_key(bucket.owner, &bucket.name, key);
        let mut after = query.after.as_deref().map(place);
        loop {
            let page = self.list(&range, after.as_ref(), PAGE).await?;
            let mut skipped_last = None;
            for record in &page.records {
                let key = object_of(&bucket.name, record.key.id()).unwrap_or_default();
                match collector.meet(key, decode(&record.value.body)?) {
                    Step::Full => return Ok(collector.listed),
                    Step::Taken => skipped_last = None,
                    Step::Skipped => skipped_last = collector.common_prefix(key),
                }
            }
            if page.next.is_none() {
                return Ok(collector.listed);
            }
            // Nothing more of a common prefix is of interest.
            let behind = skipped_last.map(|prefix| place(&format!("{prefix}{LAST}")));
            after = behind.max(page.next);
        }
    }

    /// Lists versions, of each key the newest first.
    pub(crate) async fn versions(
        &self,
        bucket: &Bucket,
        query: &VersionsQuery,
    ) -> Result<Listed<ListedVersion>, Refusal> {
        let mut collector = Collector::new(&query.listing);
        if query.listing.limit == 0 {
            return Ok(collector.listed);
        }
        let range = versions(bucket.owner, &bucket.name, &query.listing.prefix);
        let mut after = self.versions_after(bucket, query).await?;
        // Going on within a key, its newest version was listed before.
        let mut previous = query
            .after_version
            .is_some()
            .then(|| query.listing.after.clone())
            .flatten();
        loop {
            let page = self.list(&range, after.as_ref(), PAGE).await?;
            for record in &page.records {
                let (key, _) = split_id(&bucket.name, record.key.id()).unwrap_or_default();
                let version = ListedVersion {
                    version: decode(&record.value.body)?,
                    is_newest: previous.as_deref() != Some(key),
                };
                previous = Some(key.to_owned());
                if let Step::Full = collector.meet(key, version) {
                    return Ok(collector.listed);
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(collector.listed);
            }
        }
    }

    async fn versions_after(
        &self,
        bucket: &Bucket,
        query: &VersionsQuery,
    ) -> Result<Option<Key>, Refusal> {
        let Some(key) = query.listing.after.as_deref() else {
            return Ok(None);
        };
        let Some(version) = &query.after_version else {
            return Ok(Some(behind_versions(bucket.owner, &bucket.name, key)));
        };
        let found = self.version(bucket, key, version).await?;
        let sequence = found.map_or(0, |found| found.record.sequence);
        Ok(Some(version_key(bucket.owner, &bucket.name, key, sequence)))
    }
}

impl ListedVersion {
    pub(crate) fn object(&self) -> Option<&ObjectRecord> {
        self.version.object.as_ref()
    }
}
