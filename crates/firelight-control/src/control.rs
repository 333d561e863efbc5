//! The control plane as one handle, and the one way in which it changes anything.
//!
//! ```text
//!  decide (pure, on the view) ──► commit (compare and set) ──► wait until the view shows it ──► outcome
//!        ▲                              │ conflict: somebody was faster
//!        └── wait until the view shows ─┘ what they did
//! ```

use std::sync::Arc;

use firelight_model::RequestId;
use firelight_store::{
    Blobs, CommitError, Committed, IdempotencyKey, Key, ReadError, Rev, Store, Txn,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::erased::{Contents, Records};
use crate::outside::{Outside, World};
use crate::transit::{self, SettleError, Settler, StagedPackage};
use crate::view::{Follower, LoadError, Tables, View, ViewStopped};

/// How often a decision is made anew because others changed the same records. Each failed attempt means that another
/// request got through, so this many requests have to collide on one function.
const ATTEMPTS: u32 = 64;

/// How often a commit whose answer was lost is repeated.
const REPETITIONS: u32 = 3;

/// The control plane. Cheap to clone.
#[derive(Clone)]
pub struct Control {
    shared: Arc<Shared>,
}

struct Shared {
    records: Arc<dyn Records>,
    contents: Arc<dyn Contents>,
    view: View,
    world: World,
    follower: JoinHandle<()>,
    /// Where the settler is told of packages that a commit carried.
    in_transit: mpsc::Sender<Key>,
    settler: JoinHandle<()>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.follower.abort();
        // What is still in transit is stored at the next start.
        self.settler.abort();
    }
}

/// The request that changes something.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// Makes a change happen once even when the answer of the store is lost.
    pub request_id: RequestId,
}

/// The control plane could not be started.
#[derive(Debug, thiserror::Error)]
#[error("could not start the control plane")]
pub struct StartError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl From<LoadError> for StartError {
    fn from(error: LoadError) -> Self {
        Self(Box::new(error))
    }
}

impl From<SettleError> for StartError {
    fn from(error: SettleError) -> Self {
        Self(Box::new(error))
    }
}

/// A change could not be made for reasons of ours; the caller may try again.
#[derive(Debug, thiserror::Error)]
pub enum StoreTrouble {
    #[error("could not commit")]
    Commit(#[source] CommitError),
    #[error("could not read the store")]
    Read(#[from] ReadError),
    #[error(transparent)]
    ViewStopped(#[from] ViewStopped),
    #[error("too many changes of the same resource at the same time")]
    Contended,
}

/// What a decision wants done, and what to tell the caller once it is.
pub(crate) struct Decision<T> {
    pub(crate) txn: Option<Txn>,
    pub(crate) outcome: T,
}

impl<T> Decision<T> {
    /// Nothing has to be written.
    pub(crate) fn nothing(outcome: T) -> Self {
        Self { txn: None, outcome }
    }

    /// Has the commit carry a package.
    fn carrying(self, package: Option<&StagedPackage>) -> Self {
        let carry = |txn| match package {
            Some(package) => package.carried_by(txn),
            None => txn,
        };
        Self {
            txn: self.txn.map(carry),
            ..self
        }
    }

    pub(crate) fn commit(txn: Txn, outcome: T) -> Self {
        Self {
            txn: Some(txn),
            outcome,
        }
    }
}

impl Control {
    /// Loads everything and follows the store from then on. Background work starts separately.
    pub async fn start<S: Store, B: Blobs>(
        store: S,
        blobs: B,
        outside: impl Outside,
    ) -> Result<Self, StartError> {
        let records: Arc<dyn Records> = Arc::new(store);
        let view = View::new(outside.account_concurrency());
        let contents: Arc<dyn Contents> = Arc::new(blobs);
        let settler = Settler {
            records: Arc::clone(&records),
            contents: Arc::clone(&contents),
        };
        settler.resume().await?;
        let (in_transit, arrivals) = transit::arrivals();
        let follower = Follower::load(Arc::clone(&records), view.clone()).await?;
        let shared = Shared {
            records,
            contents,
            in_transit,
            settler: tokio::spawn(settler.run(arrivals)),
            view,
            world: World::new(outside),
            follower: tokio::spawn(follower.run()),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Returns the view, which answers without reading the store.
    pub fn view(&self) -> &View {
        &self.shared.view
    }

    pub(crate) fn world(&self) -> &World {
        &self.shared.world
    }

    pub(crate) fn contents(&self) -> &dyn Contents {
        &*self.shared.contents
    }

    /// Decides and commits until it succeeds, and returns when the view shows it.
    pub(crate) async fn change<T, E: From<StoreTrouble>>(
        &self,
        origin: Option<&Origin>,
        mut decide: impl FnMut(&Tables) -> Result<Decision<T>, E>,
    ) -> Result<T, E> {
        for _ in 0..ATTEMPTS {
            let Decision { txn, outcome } = decide(&self.view().read())?;
            let Some(txn) = txn else { return Ok(outcome) };
            let txn = match origin {
                Some(origin) => txn.once(IdempotencyKey::new(origin.request_id.to_string())),
                None => txn,
            };
            match self.commit(txn).await {
                Ok(committed) => {
                    self.reach(committed.rev).await?;
                    return Ok(outcome);
                }
                Err(CommitError::Conflict { .. }) => self.catch_up().await?,
                Err(error) => return Err(StoreTrouble::Commit(error).into()),
            }
        }
        Err(StoreTrouble::Contended.into())
    }

    /// Changes what names a package, together with the package itself as long as that is not durable.
    pub(crate) async fn change_code<T, E: From<StoreTrouble>>(
        &self,
        origin: &Origin,
        package: Option<&StagedPackage>,
        mut decide: impl FnMut(&Tables) -> Result<Decision<T>, E>,
    ) -> Result<T, E> {
        let decide = |tables: &Tables| decide(tables).map(|decision| decision.carrying(package));
        let outcome = self.change(Some(origin), decide).await?;
        if let Some(key) = package.and_then(StagedPackage::key) {
            // Without a settler the content stays where it is, which is safe.
            let _ = self.shared.in_transit.send(key.clone()).await;
        }
        Ok(outcome)
    }

    /// Commits; a commit whose answer was lost is repeated, which its idempotency key makes harmless.
    async fn commit(&self, txn: Txn) -> Result<Committed, CommitError> {
        let mut repetitions = 0;
        loop {
            let outcome = self.shared.records.commit(txn.clone()).await;
            let lost = matches!(outcome, Err(CommitError::Unknown(_)));
            if !lost || txn.idempotency().is_none() || repetitions == REPETITIONS {
                return outcome;
            }
            repetitions += 1;
        }
    }

    async fn reach(&self, rev: Rev) -> Result<(), StoreTrouble> {
        Ok(self.view().reach(rev).await?)
    }

    /// Waits until the view shows whatever is committed by now.
    async fn catch_up(&self) -> Result<(), StoreTrouble> {
        let head = self.shared.records.head().await?;
        self.reach(head).await
    }
}
