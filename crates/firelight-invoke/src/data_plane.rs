//! The data plane: takes calls, finds or starts environments for them, and keeps the environments.
//!
//! ```text
//!  invoke ─► admission ─► pool of the version ─► idle environment ──────────────► its task runs the call
//!                              └─► in line ─► a new task: room on the host, launch, init ─┘
//! ```
//!
//! A call that was admitted goes on whatever its caller does. One task owns one environment; the pools are state
//! under short locks that no await ever crosses.
//!
//! Deliberately absent: the store (nothing here reads it), HTTP, and the kind of sandbox.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use firelight_model::{AccountId, FunctionVersion, VersionKey};
use firelight_runtimes::InitializationType;
use firelight_sandbox::SandboxDriver;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;

use crate::admission::{Admission, ThrottleReason};
use crate::assignment::{Assignment, EnvironmentHandle};
use crate::call::{Call, Invoker, NotStarted, Outcome};
use crate::host::{Asked, Host, Share};
use crate::keeper::{Purpose, keep_environment};
use crate::metering::InvocationMeter;
use crate::metrics::{Registry, Snapshot};
use crate::pool::{Counts, Freed, Pool, Requested};
use crate::pools::{Pools, VersionPool};
use crate::ports::Ports;
use crate::prepare::blueprint;
use crate::recruiter::{recruit, refuse_start};
use crate::settings::Settings;
use crate::spans::{OpenSpans, PhaseSpan};
use crate::started::StartedRuntimes;

/// How often idle environments are looked at.
const TICK: Duration = Duration::from_secs(1);

/// How long a drain waits for environments to be taken apart, once their invocations are over: what extensions get to
/// end in good order, and a little more.
const TAKING_APART: Duration = Duration::from_secs(4);

/// Runs calls on this machine. Cheap to clone: all clones are one data plane.
pub struct DataPlane<D: SandboxDriver>(Arc<Inner<D>>);

pub(crate) struct Inner<D: SandboxDriver> {
    pub(crate) ports: Ports<D>,
    pub(crate) settings: Settings,
    pub(crate) host: Host,
    pub(crate) started: StartedRuntimes,
    admission: Admission,
    metrics: Registry,
    pools: Mutex<Pools>,
    tasks: TaskTracker,
    draining: AtomicBool,
}

/// Environments cannot be kept ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProvisionError {
    #[error("the version does not exist any more")]
    NoSuchVersion,
    #[error("the init of an environment failed")]
    InitFailed,
}

impl<D: SandboxDriver> Clone for DataPlane<D> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<D: SandboxDriver> DataPlane<D> {
    pub fn new(ports: Ports<D>, settings: Settings) -> Self {
        Self(Arc::new(Inner {
            host: Host::new(settings.budget),
            started: StartedRuntimes::new(settings.started_runtimes),
            admission: Admission::new(settings.paces),
            ports,
            settings,
            metrics: Registry::default(),
            pools: Mutex::default(),
            tasks: TaskTracker::new(),
            draining: AtomicBool::new(false),
        }))
    }

    /// Retires environments that are idle too long or run old code. Runs until it is dropped.
    pub async fn keep_tidy(&self) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.0.tidy(Instant::now());
        }
    }

    /// Stops taking calls, lets running ones finish until `limit` has passed, and destroys all environments.
    pub async fn drain(&self, limit: Duration) {
        self.0.draining.store(true, Ordering::Release);
        for pool in self.0.all_pools() {
            let waiting = pool.lock().dismiss_waiting();
            waiting
                .into_iter()
                .for_each(|assignment| assignment.refuse(NotStarted::Draining));
            drop(pool.lock().close());
            for purpose in self.0.host.expire(&pool.place, Instant::now()) {
                refuse_start(&pool, &purpose, &NotStarted::Draining);
            }
            pool.place.called.notify_one();
        }
        let deadline = Instant::now() + limit;
        if timeout_at(deadline, self.0.admission.all_given_back())
            .await
            .is_err()
        {
            tracing::warn!("invocations were still running at the end of the drain");
        }
        self.0.tasks.close();
        // What is not taken apart by then goes with whoever made the sandboxes.
        let taken_apart = deadline.min(Instant::now() + TAKING_APART);
        if timeout_at(taken_apart, self.0.tasks.wait()).await.is_err() {
            tracing::info!("environments were left to the end of their driver");
        }
    }

    /// Keeps `wanted` environments of a version ready from now on, and waits until they are.
    pub async fn provision(&self, key: &VersionKey, wanted: u32) -> Result<(), ProvisionError> {
        let pool = self
            .0
            .pool(key, None)
            .map_err(|_| ProvisionError::NoSuchVersion)?;
        let (ready, mut told) = mpsc::channel(1);
        let mut missing = self.0.provision(&pool, wanted, &ready);
        drop(ready);
        while let Some(()) = told.recv().await {
            missing -= 1;
        }
        if missing == 0 {
            return Ok(());
        }
        let _ = pool.lock().provision(0);
        Err(ProvisionError::InitFailed)
    }

    /// Has a runtime wait for a version that is likely to be invoked soon, because it has just been made.
    pub async fn expect(&self, version: &Arc<FunctionVersion>) {
        let Inner {
            ports, settings, ..
        } = &*self.0;
        let planned = blueprint(version, ports, settings, InitializationType::OnDemand).await;
        // What is wrong with it is told when it is invoked.
        if let Some(runtime) = planned.ok().and_then(|blueprint| blueprint.started) {
            let now = Instant::now();
            self.0
                .started
                .note(&runtime, &self.0.host, &ports.driver, now);
        }
    }

    /// Invocations in flight in an account.
    pub fn in_flight(&self, account: AccountId) -> u32 {
        self.0.admission.in_flight(account)
    }

    /// Whether calls are refused because the platform is shutting down.
    pub fn is_draining(&self) -> bool {
        self.0.is_draining()
    }

    /// Everything that was counted since the start, and what lives now.
    pub fn snapshot(&self) -> Snapshot {
        let mut versions = self.0.metrics.read();
        let mut living: HashMap<_, Counts> = HashMap::new();
        for pool in self.0.all_pools() {
            let version = (pool.version.arn.clone(), pool.version.version);
            let counts = living.entry(version).or_default();
            *counts = *counts + pool.lock().counts();
        }
        for version in &mut versions {
            let counts = living.get(&(version.function.clone(), version.version));
            version.counts = counts.copied().unwrap_or_default();
        }
        Snapshot {
            versions,
            in_flight: self.0.admission.all_in_flight(),
            host: self.0.host.in_use(),
        }
    }

    /// Environments on this machine, over all pools.
    pub fn counts(&self) -> Counts {
        let each = self
            .0
            .all_pools()
            .into_iter()
            .map(|pool| pool.lock().counts());
        each.fold(Counts::default(), |sum, pool| sum + pool)
    }
}

impl<D: SandboxDriver> Invoker for DataPlane<D> {
    fn invoke(&self, call: Call) -> Pin<Box<dyn Future<Output = Outcome> + Send + '_>> {
        Box::pin(async move {
            match self.0.submit(call) {
                Ok(answer) => answer.await.unwrap_or_else(|_| Outcome::Unknown {
                    reason: "the environment's task ended without an answer".into(),
                }),
                Err(reason) => Outcome::NotStarted(reason),
            }
        })
    }
}

impl<D: SandboxDriver> Inner<D> {
    /// Admits a call and gives it to an environment, or puts it in line.
    fn submit(self: &Arc<Self>, call: Call) -> Result<oneshot::Receiver<Outcome>, NotStarted> {
        if self.is_draining() {
            return Err(NotStarted::Draining);
        }
        let pool = self.pool(&call.version, call.tenant_id.as_deref())?;
        let quota = self.ports.versions.quota(&call.version);
        let now = Instant::now();
        let permit = self
            .admission
            .acquire(&pool.gates, quota, now)
            .inspect_err(|reason| self.note_throttle(&pool, *reason))
            .map_err(NotStarted::Throttled)?;
        let (reply, answer) = oneshot::channel();
        self.place(
            &pool,
            Assignment {
                call: Box::new(call),
                reply,
                permit,
                since: now,
            },
        );
        Ok(answer)
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Finds an environment for an assignment that was admitted.
    pub(crate) fn place(self: &Arc<Self>, pool: &Arc<VersionPool>, assignment: Assignment) {
        let mut assignment = assignment;
        loop {
            let may_scale = || self.admission.may_scale(&pool.gates, Instant::now());
            let requested = pool.lock().request(assignment, may_scale);
            match requested {
                Requested::Assign(for_it, handle) => match handle.assign(for_it) {
                    Ok(()) => return,
                    Err(back) => {
                        // The environment's task ended in this moment; it is out of the pool for good.
                        let _ = pool.lock().lost(&back.handle);
                        assignment = back.assignment;
                    }
                },
                Requested::StartOne => return self.start_environment(pool, Purpose::Demand),
                Requested::Wait => return,
                Requested::Refused(refused) => {
                    let reason = "too many requests wait for environments of this version".into();
                    pool.metrics.refused_for_room();
                    return refused.refuse(NotStarted::NoCapacity { reason });
                }
                Requested::TooFast(refused) => {
                    let reason = ThrottleReason::ConcurrentInvocationLimitExceeded;
                    self.note_throttle(pool, reason);
                    return refused.refuse(NotStarted::Throttled(reason));
                }
            }
        }
    }

    fn note_throttle(&self, pool: &VersionPool, reason: ThrottleReason) {
        (self.ports.throttles)(&pool.version);
        pool.metrics.throttled(reason);
    }

    /// Starts one more environment, which the pool already counts as starting, as soon as there is room for it.
    pub(crate) fn start_environment(self: &Arc<Self>, pool: &Arc<VersionPool>, purpose: Purpose) {
        match self.host.ask(&pool.place, purpose, Instant::now()) {
            Asked::Granted(purpose, share) => self.keep(pool, purpose, share),
            Asked::InLine { recruiter_needed } => {
                if recruiter_needed {
                    let (inner, pool) = (Arc::clone(self), Arc::clone(pool));
                    self.tasks.spawn(recruit(inner, pool));
                }
            }
            Asked::NeverEnough(purpose) => {
                let budget_mb = self.host.budget().memory_mb;
                let reason = format!(
                    "{} MB are more than the host's {budget_mb} MB",
                    pool.version.memory.mb()
                );
                refuse_start(pool, &purpose, &NotStarted::NoCapacity { reason });
            }
        }
    }

    /// Starts the task of an environment that there is room for.
    pub(crate) fn keep(self: &Arc<Self>, pool: &Arc<VersionPool>, purpose: Purpose, share: Share) {
        let (inner, pool) = (Arc::clone(self), Arc::clone(pool));
        self.tasks
            .spawn(keep_environment(inner, pool, purpose, share));
    }

    /// An environment finished an invocation: it serves who waits, rests, or makes way for a function that has less of a
    /// full host.
    pub(crate) fn finished(
        self: &Arc<Self>,
        pool: &Arc<VersionPool>,
        handle: EnvironmentHandle,
    ) -> Freed<Assignment, EnvironmentHandle> {
        let now = Instant::now();
        let mut state = pool.lock();
        if state.may_make_way() && self.host.makes_way(&pool.place, now) {
            let start_another = state.lost_busy();
            drop(state);
            if start_another {
                self.replace_environment(pool);
            }
            return Freed::Retire(handle);
        }
        let freed = state.finished(handle, now);
        drop(state);
        if matches!(freed, Freed::Idle) {
            self.host.note_idle();
        }
        freed
    }

    /// Opens the spans of a call, if somebody collects them.
    pub(crate) fn open_spans(
        &self,
        pool: &VersionPool,
        assignment: &mut Assignment,
    ) -> Option<OpenSpans> {
        self.ports.spans.as_ref()?;
        OpenSpans::of(assignment, &pool.version, &*self.ports.random)
    }

    pub(crate) fn close_spans(
        &self,
        spans: Option<OpenSpans>,
        beginnings: Vec<PhaseSpan>,
        meter: &InvocationMeter,
    ) {
        if let (Some(sink), Some(spans)) = (&self.ports.spans, spans) {
            sink(spans.close(beginnings, meter));
        }
    }

    /// The line of a pool got shorter: a start that waits for room may be for nobody now.
    pub(crate) fn line_moved(&self, pool: &VersionPool) {
        let mut state = pool.lock();
        if state.has_superfluous_start() && self.host.withdraw(&pool.place) {
            state.start_withdrawn();
        }
    }

    /// Starts an environment for those who wait for one that was lost.
    pub(crate) fn replace_environment(self: &Arc<Self>, pool: &Arc<VersionPool>) {
        self.admission.note_scaled(&pool.gates, Instant::now());
        self.start_environment(pool, Purpose::Demand);
    }

    /// Has something make way that nobody needs now. `false` if there is nothing.
    pub(crate) fn make_room(&self) -> bool {
        let ahead = self.started.make_room(&self.ports.driver, Instant::now());
        ahead || self.evict_one()
    }

    /// Retires the environment that has been idle longest on this machine.
    fn evict_one(&self) -> bool {
        let pools = self.all_pools();
        let oldest = pools
            .iter()
            .filter_map(|pool| Some((pool.lock().oldest_idle_since()?, pool)))
            .min_by_key(|(since, _)| *since);
        oldest.is_some_and(|(_, pool)| {
            let mut state = pool.lock();
            let evicted = state.evict_oldest();
            if evicted.is_some() {
                self.host.note_leaving(&pool.place);
            }
            drop(state);
            // Dropping its handle retires it; what leaves is counted by then.
            evicted.is_some()
        })
    }

    fn pool(&self, key: &VersionKey, tenant: Option<&str>) -> Result<Arc<VersionPool>, NotStarted> {
        let mut pools = self.pools();
        if let Some(pool) = pools.get(key, tenant) {
            return Ok(Arc::clone(pool));
        }
        let version = self.ports.versions.find(key);
        let version = version.ok_or_else(|| NotStarted::NoSuchVersion(key.clone()))?;
        let seats = version.concurrency.get().into();
        let state = Mutex::new(Pool::new(self.settings.longest_line, seats));
        let gates = self.admission.gates(key);
        let place = self.host.place(version.memory.mb());
        let pool = Arc::new(VersionPool {
            metrics: self.metrics.of(&version),
            version,
            tenant: tenant.map(str::to_owned),
            gates,
            state,
            place,
        });
        pools.insert(Arc::clone(&pool));
        Ok(pool)
    }

    /// Starts what is missing of the environments that are kept ready. Returns how many that are.
    fn provision(
        self: &Arc<Self>,
        pool: &Arc<VersionPool>,
        wanted: u32,
        ready: &mpsc::Sender<()>,
    ) -> usize {
        let missing = pool
            .lock()
            .provision(usize::try_from(wanted).unwrap_or(usize::MAX));
        for _ in 0..missing {
            self.start_environment(
                pool,
                Purpose::Provisioned {
                    ready: ready.clone(),
                },
            );
        }
        missing
    }

    /// Replaces environments that were kept ready and are gone, also after a restart.
    fn keep_provisioned(self: &Arc<Self>) {
        if self.is_draining() {
            return;
        }
        let provisioned: HashMap<_, _> = self.ports.versions.provisioned().into_iter().collect();
        for pool in self.all_pools() {
            if !provisioned.contains_key(&pool.version.key()) {
                let _ = pool.lock().provision(0);
            }
        }
        for (key, wanted) in provisioned {
            // Nobody waits to be told.
            let (ready, _) = mpsc::channel(1);
            if let Ok(pool) = self.pool(&key, None) {
                self.provision(&pool, wanted, &ready);
            }
        }
    }

    fn tidy(self: &Arc<Self>, now: Instant) {
        self.keep_provisioned();
        self.admission.tidy(now);
        self.metrics.tidy(now);
        self.started.tidy(&self.host, &self.ports.driver, now);
        for pool in self.all_pools() {
            let key = pool.version.key();
            let current = self.ports.versions.find(&key).is_some();
            let mut state = pool.lock();
            let retired = if current {
                state.expire(now, self.settings.idle_limit)
            } else {
                state.close()
            };
            let gone = state.is_empty();
            drop(state);
            // Dropping its handle retires an environment.
            drop(retired);
            if gone {
                self.pools().remove_if_empty(&pool);
            }
        }
    }

    fn all_pools(&self) -> Vec<Arc<VersionPool>> {
        self.pools().all()
    }

    fn pools(&self) -> MutexGuard<'_, Pools> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
