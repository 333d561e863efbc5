//! A queue that fails, loses its answers and is slow, as often as it is told to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use firelight_model::RequestId;
use firelight_store::{
    BackendError, Claim, ClaimError, Claims, Depth, EnqueueError, Epoch, MemoryQueue, NewItem,
    Queue, ReadError, Receipt, SettleError, Settled, Settlement, StoreClock, Verdict,
};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::history::History;
use crate::ledger::Ledger;
use crate::rng::Rng;

/// The longest that a slow operation takes.
const SLOWEST: Duration = Duration::from_secs(30);

/// How often an operation goes wrong, in percent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) fails: u64,
    pub(crate) loses_answer: u64,
    pub(crate) is_slow: u64,
    pub(crate) loses_hint: u64,
}

/// Cheap to clone: all clones are one.
#[derive(Clone)]
pub(crate) struct FaultyQueue {
    inner: MemoryQueue,
    history: History,
    ledger: Ledger,
    shared: Arc<Mutex<State>>,
    /// Kept so that the receivers of lost hints stay open.
    silence: Arc<watch::Sender<u64>>,
}

struct State {
    rng: Rng,
    faults: Faults,
    /// Which event each claim was about.
    events: HashMap<Receipt, RequestId>,
    /// From when on nothing that was claimed may be left alone, and for how long at most.
    strict: Option<(Instant, Duration)>,
    /// Claims that were handed over and not heard of since.
    silent: HashMap<Receipt, Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Fine,
    Fails,
    LosesAnswer,
}

#[derive(Debug, thiserror::Error)]
#[error("simulated")]
struct Simulated;

impl FaultyQueue {
    pub(crate) fn new(
        clock: StoreClock,
        history: History,
        ledger: Ledger,
        rng: Rng,
        faults: Faults,
    ) -> Self {
        Self {
            inner: MemoryQueue::new(clock),
            history,
            ledger,
            shared: Arc::new(Mutex::new(State {
                rng,
                faults,
                events: HashMap::new(),
                strict: None,
                silent: HashMap::new(),
            })),
            silence: Arc::new(watch::Sender::new(0)),
        }
    }

    /// Ends all faults. Once what is slow has come through, whatever is claimed must be worked on: settled, or held on
    /// before two thirds of its hold are over.
    pub(crate) fn heal(&self, hold: Duration) {
        let mut state = self.lock();
        state.faults = Faults::default();
        state.strict = Some((Instant::now() + 2 * SLOWEST, hold * 2 / 3));
    }

    pub(crate) fn begin_epoch(&self) -> Epoch {
        self.lock().silent.clear();
        self.inner.begin_epoch()
    }

    /// Checks that nothing that was claimed is left alone.
    pub(crate) fn check_silence(&self) {
        let state = self.lock();
        let Some((_, longest)) = state.strict else {
            return;
        };
        let alone = |since: &&Instant| since.elapsed() > longest;
        let left = state.silent.values().filter(alone).count();
        self.history
            .check(left == 0, || format!("{left} claimed items are left alone"));
    }

    /// What lies in the queue, without faults.
    pub(crate) async fn items(&self) -> u64 {
        let depths = self.inner.depths().await.unwrap_or_default();
        depths.iter().map(|depth| depth.items).sum()
    }

    async fn fate(&self, operation: &str) -> Fate {
        let (fate, pause) = {
            let mut state = self.lock();
            let faults = state.faults;
            let rng = &mut state.rng;
            let pause = if rng.percent(faults.is_slow) {
                rng.up_to(SLOWEST)
            } else {
                Duration::from_millis(rng.within(0..3))
            };
            let fate = if rng.percent(faults.fails) {
                Fate::Fails
            } else if rng.percent(faults.loses_answer) {
                Fate::LosesAnswer
            } else {
                Fate::Fine
            };
            (fate, pause)
        };
        if fate != Fate::Fine {
            self.history.note(format!("{operation} {fate:?}"));
        }
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        fate
    }

    /// The way back takes its time too.
    async fn answer_travels(&self) {
        let pause = self.lock().rng.within(0..3);
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }

    fn heard_of(&self, receipts: impl IntoIterator<Item = Receipt>) {
        let mut state = self.lock();
        for receipt in receipts {
            state.silent.remove(&receipt);
        }
    }

    fn remember(&self, claims: &Claims) {
        let mut state = self.lock();
        let strict = state.strict.is_some_and(|(from, _)| Instant::now() >= from);
        for item in &claims.items {
            if strict {
                state.silent.insert(item.receipt, Instant::now());
            }
            if let Some(id) = event_of(&item.body) {
                state.events.insert(item.receipt, id);
            }
        }
    }

    fn note_closed(&self, finished: &[Option<Receipt>], settled: &[Settled]) {
        let state = self.lock();
        let applied = finished
            .iter()
            .zip(settled)
            .filter(|(_, settled)| **settled == Settled::Applied);
        let closed: Vec<_> = applied
            .filter_map(|(receipt, _)| state.events.get(receipt.as_ref()?).copied())
            .collect();
        drop(state);
        closed.into_iter().for_each(|id| self.ledger.closed(id));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn simulated() -> BackendError {
    BackendError::new(Simulated)
}

/// The event that an item is about; `None` for a delivery. Its id stands in the header as text.
fn event_of(body: &Bytes) -> Option<RequestId> {
    const NAME: &[u8] = b"\"request_id\":\"";
    let at = body.windows(NAME.len()).position(|window| window == NAME)?;
    let id = body.get(at + NAME.len()..at + NAME.len() + 36)?;
    std::str::from_utf8(id).ok()?.parse().ok()
}

impl Queue for FaultyQueue {
    async fn enqueue(&self, items: Vec<NewItem>) -> Result<(), EnqueueError> {
        let fate = self.fate("enqueue").await;
        if fate == Fate::Fails {
            return Err(EnqueueError::Failed(simulated()));
        }
        self.inner.enqueue(items).await?;
        self.answer_travels().await;
        match fate {
            Fate::LosesAnswer => Err(EnqueueError::Unknown(simulated())),
            Fate::Fine | Fate::Fails => Ok(()),
        }
    }

    async fn claim(&self, claim: Claim) -> Result<Claims, ClaimError> {
        let fate = self.fate("claim").await;
        if fate == Fate::Fails {
            return Err(ClaimError::Failed(simulated()));
        }
        let claims = self.inner.claim(claim).await?;
        self.remember(&claims);
        self.answer_travels().await;
        match fate {
            Fate::LosesAnswer => Err(ClaimError::Failed(simulated())),
            Fate::Fine | Fate::Fails => Ok(claims),
        }
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Settled>, SettleError> {
        self.heard_of(settlements.iter().map(|one| one.receipt));
        let fate = self.fate("settle").await;
        if fate == Fate::Fails {
            return Err(SettleError::Failed(simulated()));
        }
        let is_end = |one: &Settlement| matches!(one.verdict, Verdict::Finished { .. });
        let finished: Vec<_> = settlements
            .iter()
            .map(|one| is_end(one).then_some(one.receipt))
            .collect();
        let settled = self.inner.settle(settlements).await?;
        self.note_closed(&finished, &settled);
        self.answer_travels().await;
        match fate {
            Fate::LosesAnswer => Err(SettleError::Unknown(simulated())),
            Fate::Fine | Fate::Fails => Ok(settled),
        }
    }

    async fn extend(
        &self,
        receipts: Vec<Receipt>,
        hold: Duration,
    ) -> Result<Vec<Settled>, SettleError> {
        self.heard_of(receipts.iter().copied());
        match self.fate("extend").await {
            Fate::Fine | Fate::LosesAnswer => self.inner.extend(receipts, hold).await,
            Fate::Fails => Err(SettleError::Failed(simulated())),
        }
    }

    async fn depths(&self) -> Result<Vec<Depth>, ReadError> {
        self.inner.depths().await
    }

    fn hints(&self) -> watch::Receiver<u64> {
        let mut state = self.lock();
        let percent = state.faults.loses_hint;
        if state.rng.percent(percent) {
            self.silence.subscribe()
        } else {
            self.inner.hints()
        }
    }
}
