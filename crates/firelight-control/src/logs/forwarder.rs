//! The task that tells functions of the events they subscribed to.
//!
//! ```text
//!  new events ──► gathered for half a second ──► read behind the place of each subscription ──► chosen ──► parcels
//!  parcels ──► Recipient ─┬─ taken: the place is noted once all of them are
//!                         ├─ refused: dropped, with a line in the daemon's log
//!                         └─ not now: kept, and tried again
//! ```
//!
//! An event is told at least once: a daemon that dies between a parcel and its note tells it again. A graceful stop
//! notes first.
//!
//! Deliberately absent: retries of what a function does wrong. A parcel is an asynchronous invocation like any other.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use firelight_store::{
    ChangeLogsError, LogPlace, LogStore, ReadLogsError, Subscription, SubscriptionId,
};
use tokio_util::sync::CancellationToken;

use super::parcel::{LogSource, Parcel, pack};
use super::subscriptions::SubscriptionFilter;
use super::{FilterPattern, Logs};

/// How long events are gathered, so that a busy group does not make an invocation of each batch.
const GATHER: Duration = Duration::from_millis(500);
/// How long a recipient that could not take a parcel is left alone.
const RETRY: Duration = Duration::from_secs(2);
/// Events that are read at once.
const PAGE: u32 = 250;
/// A place is noted after so many events even if none was chosen: nobody reads them all again after a start.
const NOTE_AFTER: u64 = 100_000;

/// Takes what functions are told.
pub trait Recipient: Send + Sync + 'static {
    /// Tells whether the function is there and lets Logs invoke it for this source.
    fn admits(&self, source: &LogSource, function: &str) -> Result<(), TakeError>;

    /// Takes the event for the function; once this returned, it is kept.
    fn take<'a>(
        &'a self,
        source: &'a LogSource,
        function: &'a str,
        payload: Bytes,
    ) -> Pin<Box<dyn Future<Output = Result<(), TakeError>> + Send + 'a>>;
}

/// Why a function was not told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TakeError {
    #[error("refused: {reason}")]
    Refused { reason: String },
    #[error("not now: {reason}")]
    NotNow { reason: String },
}

/// Tells functions of events.
pub struct Forwarder {
    logs: Logs,
    recipient: Arc<dyn Recipient>,
    lanes: HashMap<SubscriptionId, Lane>,
}

impl Forwarder {
    pub fn new(logs: Logs, recipient: Arc<dyn Recipient>) -> Self {
        Self {
            logs,
            recipient,
            lanes: HashMap::new(),
        }
    }

    /// Runs until it is told to stop; what was taken is noted by then.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut appended = self.logs.store.appended();
        let mut subscribed = self.logs.subscribed.subscribe();
        subscribed.mark_changed();
        loop {
            if subscribed.has_changed().unwrap_or_default() {
                subscribed.mark_unchanged();
                self.reload().await;
            }
            appended.mark_unchanged();
            let all_done = self.round(&stop).await;
            // All branches are cancel-safe: they only watch.
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                _ = appended.changed(), if !self.lanes.is_empty() => {}
                _ = subscribed.changed() => subscribed.mark_changed(),
                () = tokio::time::sleep(RETRY), if !all_done => {}
            }
            if stop
                .run_until_cancelled(tokio::time::sleep(GATHER))
                .await
                .is_none()
            {
                return;
            }
        }
    }

    /// Takes over the subscriptions as they are now. A lane that goes on keeps its place.
    async fn reload(&mut self) {
        let stored = match self.logs.store.all_subscriptions().await {
            Ok(stored) => stored,
            Err(error) => {
                tracing::error!(%error, "could not read the subscription filters");
                return;
            }
        };
        let mut before = std::mem::take(&mut self.lanes);
        for stored in stored {
            let id = stored.id;
            let known = before.remove(&id);
            let lane = match known {
                Some(known) if known.body == stored.body => Some(known),
                known => Lane::open(stored).map(|lane| lane.behind(known)),
            };
            self.lanes.extend(lane.map(|lane| (id, lane)));
        }
    }

    /// Brings every lane as far as it goes; `false` if one is to be tried again.
    async fn round(&mut self, stop: &CancellationToken) -> bool {
        let mut all_done = true;
        for lane in self.lanes.values_mut() {
            while !stop.is_cancelled() {
                match lane.step(&self.logs.store, &*self.recipient).await {
                    Step::More => {}
                    Step::Done => break,
                    Step::Again => {
                        all_done = false;
                        break;
                    }
                }
            }
        }
        all_done
    }
}

/// What is left to do in a lane.
enum Step {
    More,
    Done,
    Again,
}

/// One subscription and how far it is.
struct Lane {
    id: SubscriptionId,
    place: LogPlace,
    body: Bytes,
    source: LogSource,
    pattern: FilterPattern,
    function: String,
    /// Chosen, and not taken yet.
    parcels: VecDeque<Parcel>,
    /// The number of the last event that was read, and of the last that is noted.
    read: u64,
    noted: u64,
    /// Whether something was taken that is not noted.
    taken: bool,
}

impl Lane {
    /// Opens the lane of a subscription; `None` if nothing is here that could be told.
    fn open(stored: Subscription) -> Option<Self> {
        let filter = SubscriptionFilter::of(&stored)?;
        if !filter.destination_arn.contains(":lambda:") {
            return None;
        }
        let (account, region) = stored.place.parts();
        let source = LogSource {
            account: account.to_owned(),
            region: region.to_owned(),
            group: stored.group,
            filter: stored.name,
        };
        Some(Self {
            id: stored.id,
            source,
            pattern: FilterPattern::parse(&filter.pattern).ok()?,
            function: filter.destination_arn,
            parcels: VecDeque::new(),
            read: stored.upto,
            noted: stored.upto,
            taken: false,
            place: stored.place,
            body: stored.body,
        })
    }

    /// Goes on where a lane of the same subscription was.
    fn behind(self, before: Option<Self>) -> Self {
        match before {
            Some(before) => Self {
                read: before.read,
                noted: before.noted,
                taken: before.taken,
                parcels: before.parcels,
                ..self
            },
            None => self,
        }
    }

    /// Hands over what was read, or reads on.
    async fn step(&mut self, store: &LogStore, recipient: &dyn Recipient) -> Step {
        if !self.hand_over(recipient).await {
            return Step::Again;
        }
        if let Err(error) = self.note(store).await {
            tracing::error!(%error, "could not note how far a subscription is; it may be told again");
        }
        match self.read_on(store).await {
            Ok(true) => Step::More,
            // The group is gone, and the subscription with it.
            Ok(false) | Err(ReadLogsError::NoSuchGroup) => Step::Done,
            Err(error) => {
                tracing::error!(%error, group = self.source.group, "could not read events for a subscription");
                Step::Again
            }
        }
    }

    /// Hands the parcels over; `false` if one was not taken now.
    async fn hand_over(&mut self, recipient: &dyn Recipient) -> bool {
        while let Some(parcel) = self.parcels.front() {
            let payload = parcel.payload(&self.source);
            match recipient.take(&self.source, &self.function, payload).await {
                Ok(()) => {}
                Err(error @ TakeError::Refused { .. }) => self.warn(&error),
                Err(error @ TakeError::NotNow { .. }) => {
                    self.warn(&error);
                    return false;
                }
            }
            self.parcels.pop_front();
            self.taken = true;
        }
        true
    }

    fn warn(&self, error: &TakeError) {
        let (function, group) = (&self.function, &self.source.group);
        tracing::warn!(%error, function, group, "a function is not told of log events");
    }

    /// Notes how far the lane is, if that is worth it. Everything that was read is handed over by now.
    async fn note(&mut self, store: &LogStore) -> Result<(), ChangeLogsError> {
        if self.taken || self.read - self.noted >= NOTE_AFTER {
            store.note_told(self.id, self.read).await?;
            (self.noted, self.taken) = (self.read, false);
        }
        Ok(())
    }

    /// Reads a page of events and chooses among them; `false` at the end.
    async fn read_on(&mut self, store: &LogStore) -> Result<bool, ReadLogsError> {
        let (place, group) = (&self.place, &self.source.group);
        let page = store.tail(place, group, self.read, PAGE).await?;
        let is_full = page.events.len() >= PAGE as usize;
        let chosen = page.events.into_iter();
        let chosen = chosen.filter(|event| self.pattern.matches(&event.message));
        self.parcels.extend(pack(chosen.collect()));
        self.read = page.upto;
        Ok(is_full || !self.parcels.is_empty())
    }
}
