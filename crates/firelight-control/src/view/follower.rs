//! The follower: the only one who fills the view.
//!
//! ```text
//!  list everything ──► follow the feed from where the listing began ──► (feed trimmed?) list again
//! ```
//!
//! The feed names keys; the bodies are read afterwards and may be newer than the change that named them. That does no
//! harm: the change that wrote the newer body is named later and read again.

use std::sync::Arc;
use std::time::Duration;

use firelight_store::{FeedError, Key, ReadError, Record, Rev, Versioned};

use super::View;
use super::arrival::Arrival;
use crate::erased::Records;
use crate::listing::list_kinds;

/// How many commits are read at once.
const COMMITS: u32 = 256;

/// How long the follower waits when the store cannot be read. Invocations go on with what is known.
const PAUSE: Duration = Duration::from_millis(200);

pub(crate) struct Follower {
    store: Arc<dyn Records>,
    view: View,
    at: Rev,
}

/// The view could not be filled.
#[derive(Debug, thiserror::Error)]
#[error("could not load the records")]
pub(crate) struct LoadError(#[from] ReadError);

impl Follower {
    /// Fills the view with everything there is.
    pub(crate) async fn load(store: Arc<dyn Records>, view: View) -> Result<Self, LoadError> {
        let mut follower = Self {
            store,
            view,
            at: Rev::ZERO,
        };
        follower.list().await?;
        Ok(follower)
    }

    /// Follows for ever; the task that runs it is aborted at shutdown.
    pub(crate) async fn run(mut self) {
        let _stopped = StopOnDrop(self.view.clone());
        let mut hints = self.store.hints();
        loop {
            match self.round().await {
                Ok(Progress::Behind) => {}
                Ok(Progress::AtHead) => {
                    // A lost hint only delays: the next round reads whatever is there.
                    let _ = tokio::time::timeout(Duration::from_secs(1), hints.changed()).await;
                }
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the view cannot follow the store"
                    );
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn round(&mut self) -> Result<Progress, ReadError> {
        let feed = match self.store.feed(self.at, COMMITS).await {
            Ok(feed) => feed,
            Err(FeedError::Read(error)) => return Err(error),
            Err(FeedError::Gone { .. }) => {
                self.list().await?;
                return Ok(Progress::Behind);
            }
        };
        if feed.upto == self.at {
            return Ok(Progress::AtHead);
        }
        let mut keys: Vec<Key> = feed.changes.into_iter().map(|change| change.key).collect();
        keys.retain(|key| Arrival::is_of(key.kind()));
        keys.sort_unstable();
        keys.dedup();
        let bodies = self.store.read_many(&keys).await?;
        let arrivals = decode(keys.iter().zip(bodies.iter().map(Option::as_ref)));
        self.at = feed.upto;
        self.view.write(|tables| tables.apply(arrivals), feed.upto);
        Ok(if feed.upto < feed.head {
            Progress::Behind
        } else {
            Progress::AtHead
        })
    }

    /// Reads a complete listing. It may see later commits than `head`; the feed brings them once more.
    async fn list(&mut self) -> Result<(), ReadError> {
        let head = self.store.head().await?;
        let mut arrivals = Vec::new();
        let take = |records: &[Record]| {
            let values = records
                .iter()
                .map(|record| (&record.key, Some(&record.value)));
            arrivals.extend(decode(values));
        };
        list_kinds(&*self.store, Arrival::is_of, take).await?;
        self.at = head;
        let refill = |tables: &mut super::Tables| {
            tables.clear();
            tables.apply(arrivals);
        };
        self.view.write(refill, head);
        Ok(())
    }
}

/// Decodes what is control's. A record that cannot be read is left out, so that it harms nobody but its owner.
fn decode<'a>(records: impl Iterator<Item = (&'a Key, Option<&'a Versioned>)>) -> Vec<Arrival> {
    let decoded = records.filter_map(|(key, value)| match Arrival::decode(key, value) {
        Ok(arrival) => arrival,
        Err(error) => {
            tracing::error!(%key, error = &error as &dyn std::error::Error, "a record is damaged");
            None
        }
    });
    decoded.collect()
}

enum Progress {
    Behind,
    AtHead,
}

/// Tells waiters that nothing will come any more, even when the follower's task is aborted or panics.
struct StopOnDrop(View);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}
