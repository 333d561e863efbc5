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
use std::time::Duration;

use firelight_model::{FunctionArn, FunctionVersion, Qualifier, Reason};
use firelight_store::Txn;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::control::{Control, Decision, StoreTrouble};
use crate::records::function::FunctionRecord;
use crate::records::qualified::{ProvisionedRecord, ProvisionedStatus};
use crate::records::version::VersionRecord;
use crate::records::{encode, key};
use crate::scope::Scope;
use crate::view::{FunctionEntry, ScopeTables, Tables};

/// How many functions are made ready at the same time.
const AT_ONCE: usize = 8;

/// How long work waits after it failed for reasons of the store.
const PAUSE: Duration = Duration::from_millis(500);

/// Makes what a version needs ready to run, so that its first start finds it.
pub trait Preparer: Send + Sync + 'static {
    /// Returns why the version can never run, if it cannot.
    fn prepare(&self, version: &FunctionVersion)
    -> impl Future<Output = Result<(), Reason>> + Send;

    /// Makes environments that are kept ready, and answers when `count` of them are. The default is for a data plane
    /// that keeps none: everything starts on demand.
    fn provision(
        &self,
        _version: &FunctionVersion,
        _count: u32,
    ) -> impl Future<Output = Result<(), Reason>> + Send {
        async { Ok(()) }
    }
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

/// Something that work is owed to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Work {
    Function(FunctionArn),
    Mapping { scope: Scope, uuid: String },
}

struct Worker<P> {
    control: Control,
    preparer: Arc<P>,
    busy: HashSet<Work>,
    tasks: JoinSet<Work>,
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

    fn finished(&mut self, done: Result<Work, tokio::task::JoinError>) {
        match done {
            Ok(work) => {
                self.busy.remove(&work);
            }
            // Which work it was is lost, so all is looked at again; what is still worked on ends in a conflict.
            Err(_) => self.busy.clear(),
        }
    }

    fn start_owed(&mut self) {
        let room = AT_ONCE.saturating_sub(self.busy.len());
        for work in self.owed(room) {
            self.busy.insert(work.clone());
            let (control, preparer) = (self.control.clone(), Arc::clone(&self.preparer));
            self.tasks.spawn(async move {
                if let Err(error) = do_work(&control, &*preparer, &work).await {
                    let error = Box::<dyn std::error::Error + Send + Sync>::from(error);
                    tracing::warn!(?work, error, "could not complete what is owed");
                    tokio::time::sleep(PAUSE).await;
                }
                work
            });
        }
    }

    /// Returns what work is owed to and nobody works on.
    fn owed(&self, room: usize) -> Vec<Work> {
        let tables = self.control.view().read();
        let functions = tables.scopes().flat_map(ScopeTables::moving);
        let functions = functions.map(|entry| Work::Function(entry.arn.clone()));
        let mappings = tables.named_scopes().flat_map(|(scope, tables)| {
            let mappings = tables.moving_mappings();
            mappings.map(|uuid| Work::Mapping {
                scope: scope.clone(),
                uuid: uuid.clone(),
            })
        });
        functions
            .chain(mappings)
            .filter(|work| !self.busy.contains(work))
            .take(room)
            .collect()
    }
}

async fn do_work(
    control: &Control,
    preparer: &impl Preparer,
    work: &Work,
) -> Result<(), StoreTrouble> {
    match work {
        Work::Function(arn) => match control.view().function(arn) {
            Some(entry) => complete(control, preparer, &entry).await,
            None => Ok(()),
        },
        Work::Mapping { scope, uuid } => control.settle_mapping(scope, uuid).await,
    }
}

/// Makes the newest state of a function ready and commits that it is, then what is provisioned for it.
async fn complete(
    control: &Control,
    preparer: &impl Preparer,
    entry: &FunctionEntry,
) -> Result<(), StoreTrouble> {
    if entry.is_changing() {
        let outcome = preparer.prepare(&entry.newest_executable()).await;
        end_change(control, entry, &outcome).await?;
    }
    for (qualifier, config) in entry.provisioning() {
        if let Some(version) = entry.executable_of(qualifier) {
            let outcome = preparer.provision(version, config.requested).await;
            end_provisioning(control, &entry.arn, qualifier, config, &outcome).await?;
        }
    }
    Ok(())
}

async fn end_change(
    control: &Control,
    entry: &FunctionEntry,
    outcome: &Result<(), Reason>,
) -> Result<(), StoreTrouble> {
    let identity = entry.function.record.latest.identity;
    let decide = |tables: &Tables| match tables.function(&entry.arn) {
        Some(now) if now.function.record.latest.identity == identity => {
            Ok(ended(control, now, outcome))
        }
        // Deleted, or made anew under the same name: the next round looks at it.
        _ => Ok(Decision::nothing(())),
    };
    control.change(None, decide).await
}

async fn end_provisioning(
    control: &Control,
    arn: &FunctionArn,
    qualifier: &Qualifier,
    config: &ProvisionedRecord,
    outcome: &Result<(), Reason>,
) -> Result<(), StoreTrouble> {
    let decide = |tables: &Tables| {
        let now = tables
            .function(arn)
            .and_then(|now| now.provisioned.get(qualifier));
        let Some(now) = now.filter(|now| *now.record == *config) else {
            return Ok(Decision::nothing(()));
        };
        let record = encode(&provisioned(config, outcome));
        let key = key::qualified(arn, key::PROVISIONED, qualifier);
        Ok(Decision::commit(
            Txn::new().replace(key, now.rev, record),
            (),
        ))
    };
    control.change(None, decide).await
}

/// Ends everything that is changing in a function, in one transaction.
fn ended(control: &Control, entry: &FunctionEntry, outcome: &Result<(), Reason>) -> Decision<()> {
    if !entry.is_changing() {
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

fn provisioned(config: &ProvisionedRecord, outcome: &Result<(), Reason>) -> ProvisionedRecord {
    let (ready, status) = match outcome {
        Ok(()) => (config.requested, ProvisionedStatus::Ready),
        Err(reason) => (
            0,
            ProvisionedStatus::Failed {
                reason: reason.code.clone(),
            },
        ),
    };
    ProvisionedRecord {
        allocated: ready,
        available: ready,
        status,
        ..config.clone()
    }
}

fn end(cycle: &mut firelight_model::LifeCycle, outcome: &Result<(), Reason>) {
    if cycle.is_moving() {
        match outcome {
            Ok(()) => cycle.complete(),
            Err(reason) => cycle.fail(reason.clone()),
        }
    }
}
