//! Completion: the background work that leads functions from Pending to Active and updates to their end.
//!
//! ```text
//!  view changed ──► which functions are moving? ──► make their packages ready ──► commit the end
//! ```
//!
//! Nothing about the work is remembered but the records themselves: whatever is moving is owed, also after a crash.
//! It runs only while its token holds, so that of several machines one does it.

use std::collections::HashSet;
use std::sync::Arc;

use firelight_model::{FunctionArn, FunctionVersion, Reason};
use firelight_store::Txn;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::control::{Control, Decision, StoreTrouble};
use crate::records::function::FunctionRecord;
use crate::records::version::VersionRecord;
use crate::records::{encode, key};
use crate::view::{FunctionEntry, ScopeTables};

/// How many functions are made ready at the same time.
const AT_ONCE: usize = 8;

/// Makes what a version needs ready to run, so that its first start finds it.
pub trait Preparer: Send + Sync + 'static {
    /// Returns why the version can never run, if it cannot.
    fn prepare(&self, version: &FunctionVersion)
    -> impl Future<Output = Result<(), Reason>> + Send;
}

/// Background work of the control plane. Dropping it stops the work; what is owed is resumed at the next start.
#[derive(Debug)]
pub struct Completion {
    token: CancellationToken,
    task: Option<tokio::task::JoinHandle<()>>,
}

impl Completion {
    /// Stops the work and waits for its end.
    pub async fn stop(mut self) {
        self.token.cancel();
        if let Some(task) = self.task.take() {
            // A panic of the task was logged by the runtime's hook; there is nothing left to stop.
            let _ = task.await;
        }
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        self.token.cancel();
    }
}

impl Control {
    /// Starts completing what is owed, until the token ends.
    pub fn start_completion(
        &self,
        token: &CancellationToken,
        preparer: impl Preparer,
    ) -> Completion {
        let token = token.child_token();
        let worker = Worker {
            control: self.clone(),
            preparer: Arc::new(preparer),
            busy: HashSet::new(),
            tasks: JoinSet::new(),
        };
        let task = tokio::spawn(worker.run(token.clone()));
        Completion {
            token,
            task: Some(task),
        }
    }
}

struct Worker<P> {
    control: Control,
    preparer: Arc<P>,
    busy: HashSet<FunctionArn>,
    tasks: JoinSet<FunctionArn>,
}

impl<P: Preparer> Worker<P> {
    async fn run(mut self, token: CancellationToken) {
        let mut changes = self.control.view().changes();
        loop {
            changes.mark_unchanged();
            self.start_owed();
            tokio::select! {
                () = token.cancelled() => return,
                changed = changes.changed() => if changed.is_err() { return },
                Some(done) = self.tasks.join_next() => self.finished(done),
            }
        }
    }

    fn finished(&mut self, done: Result<FunctionArn, tokio::task::JoinError>) {
        match done {
            Ok(arn) => {
                self.busy.remove(&arn);
            }
            // Which function it was is lost, so all are looked at again; those still busy end in a conflict at worst.
            Err(_) => self.busy.clear(),
        }
    }

    /// Returns functions that work is owed to and that nobody works on.
    fn owed(&self, room: usize) -> Vec<Arc<FunctionEntry>> {
        let tables = self.control.view().read();
        let moving = tables.scopes().flat_map(ScopeTables::moving);
        moving
            .filter(|entry| !self.busy.contains(&entry.arn))
            .take(room)
            .cloned()
            .collect()
    }

    fn start_owed(&mut self) {
        let room = AT_ONCE.saturating_sub(self.busy.len());
        for entry in self.owed(room) {
            self.busy.insert(entry.arn.clone());
            let (control, preparer) = (self.control.clone(), Arc::clone(&self.preparer));
            self.tasks.spawn(async move {
                let arn = entry.arn.clone();
                if let Err(error) = complete(&control, &*preparer, &entry).await {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(function = %arn, error, "could not complete the function");
                }
                arn
            });
        }
    }
}

/// Makes the newest state of a function ready and commits that it is.
async fn complete(
    control: &Control,
    preparer: &impl Preparer,
    entry: &FunctionEntry,
) -> Result<(), StoreTrouble> {
    let outcome = preparer.prepare(&entry.newest_executable()).await;
    let identity = entry.function.record.latest.identity;
    control
        .change(None, |tables| {
            let now = tables.function(&entry.arn);
            // Deleted, or made anew under the same name: the next round looks at it.
            let Some(now) = now.filter(|now| now.function.record.latest.identity == identity)
            else {
                return Ok(Decision::nothing(()));
            };
            Ok(decide(control, now, &outcome))
        })
        .await
}

/// Ends everything that is moving in a function, in one transaction.
fn decide(control: &Control, entry: &FunctionEntry, outcome: &Result<(), Reason>) -> Decision<()> {
    if !entry.is_moving() {
        return Decision::nothing(());
    }
    let mut record = FunctionRecord::clone(&entry.function.record);
    end(&mut record.life_cycle, outcome);
    // A failed update leaves the old code running.
    if outcome.is_ok() {
        record.serving = None;
    }
    record.revision = control.world().revision();
    let mut txn = Txn::new().replace(
        key::function(&entry.arn),
        entry.function.rev,
        encode(&record),
    );
    for (number, version) in &entry.versions {
        let stored = &version.stored;
        if stored.record.life_cycle.is_moving() {
            let mut record = VersionRecord::clone(&stored.record);
            end(&mut record.life_cycle, outcome);
            txn = txn.replace(
                key::version(&entry.arn, *number),
                stored.rev,
                encode(&record),
            );
        }
    }
    Decision::commit(txn, ())
}

fn end(cycle: &mut firelight_model::LifeCycle, outcome: &Result<(), Reason>) {
    if cycle.is_moving() {
        match outcome {
            Ok(()) => cycle.complete(),
            Err(reason) => cycle.fail(reason.clone()),
        }
    }
}
