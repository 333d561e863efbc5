//! Idleness: functions that nobody invoked for long become inactive, and come back when somebody wants them.
//!
//! ```text
//!  Active ── not invoked for long ──► Inactive ── an invocation, which is refused ──► Pending ──► Active
//! ```
//!
//! The way back from Pending is that of a function that is created (see [`crate::completion`]).
//!
//! Deliberately absent: anything to take away. An idle function holds nothing here, so this is off unless it is asked
//! for. Whether a function was invoked is known to this machine only.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use firelight_model::{FunctionArn, LifeCycle, State};
use firelight_store::Txn;
use tokio::time::Instant;

use crate::control::{Control, Decision, StoreTrouble};
use crate::records::function::FunctionRecord;
use crate::records::version::VersionRecord;
use crate::records::{encode, key};
use crate::view::FunctionEntry;

/// How often functions are looked at within the time after which they are inactive.
const LOOKS: u32 = 8;

/// What is done to a life cycle; `false` if there is nothing to do.
type Turn = fn(&mut LifeCycle) -> bool;

impl Control {
    /// Makes functions inactive that were not invoked for so long, and restores those that are wanted again. It never
    /// ends; it may be dropped at any time.
    pub async fn watch_idleness(&self, after: Duration) {
        let mut ticks = tokio::time::interval(after / LOOKS);
        let mut used_at = HashMap::new();
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.view().wanted() => {}
            }
            for (arn, turn) in self.owed_turns(&mut used_at, after) {
                if let Err(error) = self.turn(&arn, turn).await {
                    let error = Box::<dyn std::error::Error + Send + Sync>::from(error);
                    tracing::warn!(%arn, error, "could not change the state of an idle function");
                }
            }
        }
    }

    /// Notes who was used since the last look, and returns whose state is to change.
    fn owed_turns(
        &self,
        used_at: &mut HashMap<FunctionArn, Instant>,
        after: Duration,
    ) -> Vec<(FunctionArn, Turn)> {
        let tables = self.view().read();
        let entries = tables.scopes().flat_map(|scope| scope.functions.values());
        let now = Instant::now();
        let mut seen = HashMap::new();
        let mut owed: Vec<(FunctionArn, Turn)> = Vec::new();
        for entry in entries {
            let used = entry.take_used();
            let before = used_at.get(&entry.arn).filter(|_| !used);
            let since = *before.unwrap_or(&now);
            seen.insert(entry.arn.clone(), since);
            if is_inactive(entry) {
                owed.extend(used.then(|| (entry.arn.clone(), LifeCycle::restore as Turn)));
            } else if now >= since + after && entry.provisioned.is_empty() {
                owed.push((entry.arn.clone(), LifeCycle::rest as Turn));
            }
        }
        *used_at = seen;
        owed
    }

    async fn turn(&self, arn: &FunctionArn, turn: Turn) -> Result<(), StoreTrouble> {
        self.change(None, |tables| {
            let entry = tables.function(arn);
            let txn = entry.and_then(|entry| self.turned(entry, turn));
            Ok(match txn {
                Some(txn) => Decision::commit(txn, ()),
                None => Decision::nothing(()),
            })
        })
        .await
    }

    /// Turns a function with all its versions.
    fn turned(&self, entry: &FunctionEntry, turn: Turn) -> Option<Txn> {
        let mut record = FunctionRecord::clone(&entry.function.record);
        if !turn(&mut record.life_cycle) {
            return None;
        }
        record.revision = self.world().revision();
        let key = key::function(&entry.arn);
        let mut txn = Txn::new().replace(key, entry.function.rev, encode(&record));
        for (number, version) in &entry.versions {
            let mut record = VersionRecord::clone(&version.stored.record);
            if turn(&mut record.life_cycle) {
                let key = key::version(&entry.arn, *number);
                txn = txn.replace(key, version.stored.rev, encode(&record));
            }
        }
        Some(txn)
    }
}

fn is_inactive(entry: &Arc<FunctionEntry>) -> bool {
    let life_cycle = &entry.function.record.life_cycle;
    matches!(life_cycle.state, State::Inactive(_))
}
