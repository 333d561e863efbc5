//! The view: everything control has stored, in memory, for questions that must not wait.
//!
//! ```text
//!  commit ──► store ──► feed ──► follower ──► tables ──► answers
//!     └───────────── waits until the follower passed it ──┘
//! ```
//!
//! Only the follower fills the tables, also when this is the only machine. A caller that commits waits until its own
//! revision arrived, so it reads its own writes. A question takes a short read lock and no store call.
//!
//! Deliberately absent: decisions, and writes.

mod arrival;
mod concurrency;
mod entry;
mod executable;
mod follower;
mod provisioned;
mod referenced;
mod resolve;
mod tables;

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use firelight_iam::Policy;
use firelight_model::{FunctionArn, LayerVersionArn};
use firelight_store::Rev;
use tokio::sync::{Notify, watch};

use crate::scope::Scope;
pub use concurrency::Concurrency;

pub use entry::{FunctionEntry, LayerEntry, VersionEntry};
pub(crate) use follower::{Follower, LoadError};
pub use resolve::{ResolveError, Resolved};
pub(crate) use tables::{ScopeTables, Tables};

/// The view. Cheap to clone; all clones show the same.
#[derive(Clone)]
pub struct View {
    shared: Arc<Shared>,
}

struct Shared {
    tables: RwLock<Tables>,
    applied: watch::Sender<Rev>,
    /// Tells that somebody wants a function that is inactive.
    wanted: Notify,
}

/// The follower has stopped, so nothing new will ever be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the view no longer follows the store")]
pub struct ViewStopped;

impl View {
    pub(crate) fn new(account_concurrency: u32) -> Self {
        let applied = watch::Sender::new(Rev::ZERO);
        Self {
            shared: Arc::new(Shared {
                tables: RwLock::new(Tables::new(account_concurrency)),
                applied,
                wanted: Notify::new(),
            }),
        }
    }

    /// Returns a function with its versions and aliases.
    pub fn function(&self, arn: &FunctionArn) -> Option<Arc<FunctionEntry>> {
        self.read().function(arn).cloned()
    }

    /// Returns what a layer version's policy says, if it says anything.
    pub fn layer_policy(&self, arn: &LayerVersionArn) -> Option<Arc<Policy>> {
        let tables = self.read();
        tables.layer_version(arn)?.record.policy.parsed()
    }

    /// Returns the function that an event source mapping invokes, by its ARN.
    pub fn mapped_function(&self, scope: &Scope, uuid: &str) -> Option<String> {
        let tables = self.read();
        let mapping = tables.scope(scope)?.mappings.get(uuid)?;
        Some(mapping.record.function_arn.clone())
    }

    /// Returns the revision up to which everything is visible.
    pub fn applied(&self) -> Rev {
        *self.shared.applied.borrow()
    }

    /// Returns a receiver that sees each new revision, to wake whoever acts on changes.
    pub(crate) fn changes(&self) -> watch::Receiver<Rev> {
        self.shared.applied.subscribe()
    }

    fn want(&self) {
        self.shared.wanted.notify_one();
    }

    /// Waits until somebody wants a function that is inactive. Cancel-safe.
    pub(crate) async fn wanted(&self) {
        self.shared.wanted.notified().await;
    }

    /// Waits until everything up to `rev` is visible. Cancel-safe.
    pub async fn reach(&self, rev: Rev) -> Result<(), ViewStopped> {
        let mut applied = self.shared.applied.subscribe();
        applied
            .wait_for(|applied| *applied >= rev || *applied == STOPPED)
            .await
            .map_err(|_| ViewStopped)?;
        if self.applied() == STOPPED {
            Err(ViewStopped)
        } else {
            Ok(())
        }
    }

    /// Takes the read lock. It is never held across an await, and never while anything is decoded.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Tables> {
        // A panic while tables were written could leave a record out; the follower's next round repairs it.
        self.shared
            .tables
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, change: impl FnOnce(&mut Tables), upto: Rev) {
        change(
            &mut self
                .shared
                .tables
                .write()
                .unwrap_or_else(PoisonError::into_inner),
        );
        self.shared.applied.send_replace(upto);
    }

    fn stop(&self) {
        self.shared.applied.send_replace(STOPPED);
    }
}

/// Stands in `applied` when the follower is gone. No store ever makes that many commits.
const STOPPED: Rev = Rev::new(u64::MAX);
