//! The dispatcher: claims what is due, has it worked on, and settles it.
//!
//! ```text
//!  room in flight? ──► claim ──► a task for each item: attempt, holding it on ──► settle until it is settled
//!        ▲               └─ nothing due: wait for a hint or the next due time          │
//!        └─────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! It runs only with a [`Token`], and ends by itself when the queue says that somebody else has a newer one. No timer
//! lives in memory alone: what waits, waits in the queue.

use std::sync::Arc;
use std::time::Duration;

use firelight_store::{Claim, ClaimError, Claimed, Claims, Epoch, Settlement, Shards, Verdict};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::attempt::Workshop;
use crate::in_flight::{InFlight, Working};
use crate::queue::AnyQueue;

/// Most items of one claim.
const BATCH: usize = 64;
/// Longest sleep between two looks at the queue: a lost hint delays no longer.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
/// The pause after the queue failed.
const PAUSE: Duration = Duration::from_millis(250);

/// The right to do background work: for which shards, in which epoch.
#[derive(Clone, Debug)]
pub struct Token {
    pub shards: Shards,
    pub epoch: Epoch,
}

impl Token {
    /// The token of a process that is alone; it never ends.
    pub fn alone(epoch: Epoch) -> Self {
        Self {
            shards: Shards::All,
            epoch,
        }
    }
}

/// The running dispatcher. Dropping it stops it at once; what it held is due again after its hold.
#[derive(Debug)]
pub struct Dispatcher {
    stop: CancellationToken,
    abort: CancellationToken,
    claiming: JoinHandle<()>,
    working: TaskTracker,
}

impl Dispatcher {
    pub(crate) fn start(queue: Arc<dyn AnyQueue>, workshop: Arc<Workshop>, token: Token) -> Self {
        let (stop, abort) = (CancellationToken::new(), CancellationToken::new());
        let working = TaskTracker::new();
        let room = workshop.settings.in_flight as usize;
        let in_flight = InFlight::new(workshop.settings.in_flight_per_function);
        let claimer = Claimer {
            bench: Arc::new(Bench {
                queue,
                workshop,
                abort: abort.clone(),
            }),
            token,
            room: Arc::new(Semaphore::new(room)),
            in_flight,
            working: working.clone(),
        };
        let claiming = tokio::spawn(claimer.run(stop.clone()));
        Self {
            stop,
            abort,
            claiming,
            working,
        }
    }

    /// Claims nothing more, and lets what is in flight finish until `limit` has passed.
    pub async fn stop(mut self, limit: Duration) {
        self.stop.cancel();
        // A panic of the claiming task was reported by the runtime already.
        (&mut self.claiming).await.ok();
        self.working.close();
        if tokio::time::timeout(limit, self.working.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                items = self.working.len(),
                "stopped with events in flight; they will be run again"
            );
        }
    }
}

impl Drop for Dispatcher {
    fn drop(&mut self) {
        self.stop.cancel();
        self.abort.cancel();
    }
}

/// The task that claims.
struct Claimer {
    bench: Arc<Bench>,
    token: Token,
    room: Arc<Semaphore>,
    in_flight: InFlight,
    working: TaskTracker,
}

/// What the task of one item works with.
struct Bench {
    queue: Arc<dyn AnyQueue>,
    workshop: Arc<Workshop>,
    abort: CancellationToken,
}

impl Claimer {
    async fn run(self, stop: CancellationToken) {
        // A claim that was sent is not taken back, so the only places to stop are between two rounds.
        while !stop.is_cancelled() {
            let mut hints = self.bench.queue.hints();
            let permits = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                permits = self.take_room() => permits,
            };
            let wait = match self.claim(permits.len()).await {
                Ok(claims) if claims.items.is_empty() => {
                    claims.next_due_in.unwrap_or(LONGEST_SLEEP)
                }
                Ok(claims) => {
                    self.begin_all(claims.items, permits);
                    continue;
                }
                Err(ClaimError::Fenced { current, .. }) => {
                    tracing::warn!(%current, "another process dispatches events now");
                    break;
                }
                Err(ClaimError::Failed(error)) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "could not claim events"
                    );
                    sleep(PAUSE).await;
                    continue;
                }
            };
            drop(permits);
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                _ = hints.changed() => {}
                () = sleep(wait.clamp(Duration::from_millis(1), LONGEST_SLEEP)) => {}
            }
        }
    }

    /// Waits for a place in flight and takes as many more as are free.
    async fn take_room(&self) -> Vec<OwnedSemaphorePermit> {
        let first = Arc::clone(&self.room).acquire_owned().await;
        let mut permits = vec![first.expect("the semaphore is never closed")];
        while permits.len() < BATCH {
            let Ok(another) = Arc::clone(&self.room).try_acquire_owned() else {
                break;
            };
            permits.push(another);
        }
        permits
    }

    async fn claim(&self, items: usize) -> Result<Claims, ClaimError> {
        let settings = &self.bench.workshop.settings;
        let claim = Claim {
            shards: self.token.shards.clone(),
            epoch: self.token.epoch,
            items: u32::try_from(items).unwrap_or(u32::MAX),
            per_lane: settings.in_flight_per_function,
            hold: settings.hold,
        };
        let sent = Instant::now();
        let mut claims = self.bench.queue.claim(claim).await?;
        if sent.elapsed() >= settings.hold {
            // The answer came so late that others may hold the items by now.
            claims.items.clear();
        }
        Ok(claims)
    }

    fn begin_all(&self, items: Vec<Claimed>, permits: Vec<OwnedSemaphorePermit>) {
        for (claimed, permit) in items.into_iter().zip(permits) {
            let Some(item) = self.in_flight.enter(&claimed) else {
                continue;
            };
            let bench = Arc::clone(&self.bench);
            self.working.spawn(async move {
                tokio::select! {
                    biased;
                    () = bench.abort.cancelled() => {}
                    () = bench.work(&claimed, &item) => {}
                }
                drop(permit);
            });
        }
    }
}

impl Bench {
    /// Works on an item to its end.
    ///
    /// Cancelling it loses nothing: the item is due again when its hold runs out.
    async fn work(&self, claimed: &Claimed, item: &Working) {
        let verdict = tokio::select! {
            biased;
            verdict = self.attempt(claimed, item) => verdict,
            () = self.hold_on(item) => return,
        };
        self.settle(item, verdict).await;
    }

    async fn attempt(&self, claimed: &Claimed, item: &Working) -> Verdict {
        let _place = item.place().await;
        self.workshop.attempt(claimed).await
    }

    /// Extends the hold for ever.
    async fn hold_on(&self, item: &Working) {
        let hold = self.workshop.settings.hold;
        loop {
            sleep(hold / 3).await;
            if let Err(error) = self.queue.extend(item.receipt(), hold).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "could not hold an event"
                );
            }
        }
    }

    /// Brings a verdict home. A repetition after a lost answer finds the receipt stale, which is as good.
    async fn settle(&self, item: &Working, verdict: Verdict) {
        loop {
            let settlement = Settlement {
                receipt: item.receipt(),
                verdict: verdict.clone(),
            };
            match self.queue.settle(settlement).await {
                Ok(_) => return,
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "could not settle an event"
                    );
                    sleep(PAUSE).await;
                }
            }
        }
    }
}
