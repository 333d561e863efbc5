//! The task that keeps one environment, from its launch to its end.
//!
//! The environment goes back to its pool *before* its caller is answered: a caller that sends the next request at once
//! then finds it, instead of starting another one while this one still writes its report.

use std::sync::Arc;
use std::time::Duration;

use firelight_model::FunctionVersion;
use firelight_runtime_api::ShutdownReason;
use firelight_runtimes::InitializationType;
use firelight_sandbox::SandboxDriver;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::assignment::{Assigned, Assignment, EnvironmentHandle};
use crate::call::NotStarted;
use crate::data_plane::Inner;
use crate::environment::{Environment, Tell};
use crate::host::Share;
use crate::metrics::StartKind;
use crate::pool::Freed;
use crate::pools::VersionPool;
use crate::prepare::{MakeError, blueprint};
use crate::recruiter::refuse_start;
use crate::responder::Responder;
use crate::shared_keeper::serve_shared;

/// How long a request waits for a runtime that answered the one before and did not ask for more yet. Nearly all have by
/// then; one that works on after its answer keeps nobody waiting longer.
const BACK_FOR_MORE: Duration = Duration::from_millis(100);

/// Why an environment is started.
pub(crate) enum Purpose {
    /// A request waits for it.
    Demand,
    /// It is to be kept ready; `ready` is told once it is, and dropped where it never will be.
    Provisioned { ready: mpsc::Sender<()> },
}

/// As what the pool counts an environment that is under way.
#[derive(Clone, Copy)]
pub(crate) enum Counted {
    Starting,
    Preparing,
}

impl Counted {
    /// Puts an environment that is up among those of the pool.
    pub(crate) fn placed<D: SandboxDriver>(
        self,
        inner: &Inner<D>,
        pool: &VersionPool,
        handle: EnvironmentHandle,
    ) -> Freed<Assignment, EnvironmentHandle> {
        let now = Instant::now();
        let freed = match self {
            Self::Starting => pool.lock().started(handle, now),
            Self::Preparing => pool.lock().prepared(handle, now),
        };
        if matches!(freed, Freed::Idle) {
            inner.host.note_idle();
        }
        freed
    }
}

impl Purpose {
    fn counted(&self) -> Counted {
        match self {
            Self::Demand => Counted::Starting,
            Self::Provisioned { .. } => Counted::Preparing,
        }
    }

    fn initialization_type(&self, version: &FunctionVersion) -> InitializationType {
        match self {
            _ if version.concurrency.is_shared() => InitializationType::ManagedInstances,
            Self::Demand => InitializationType::OnDemand,
            Self::Provisioned { .. } => InitializationType::ProvisionedConcurrency,
        }
    }
}

/// Runs an environment of `pool`, which counts it as starting.
pub(crate) async fn keep_environment<D: SandboxDriver>(
    inner: Arc<Inner<D>>,
    pool: Arc<VersionPool>,
    purpose: Purpose,
    share: Share,
) {
    let environment = match make(&inner, &pool, &purpose).await {
        Ok(environment) => environment,
        Err(reason) => {
            pool.metrics.started(StartKind::Failed);
            return refuse_start(&pool, &purpose, &reason);
        }
    };
    let counted = purpose.counted();
    if let Purpose::Provisioned { ready } = purpose {
        // Whoever asked may have given up. It waits until the sender is gone, so that goes here.
        let _ = ready.send(()).await;
    }
    let environment = if pool.version.concurrency.is_shared() {
        serve_shared(&inner, &pool, counted, environment).await
    } else {
        serve(&inner, &pool, counted, environment).await
    };
    environment.destroy(ShutdownReason::Spindown).await;
    drop(share);
}

async fn make<D: SandboxDriver>(
    inner: &Arc<Inner<D>>,
    pool: &VersionPool,
    purpose: &Purpose,
) -> Result<Environment<D>, NotStarted> {
    let version = &pool.version;
    let (mut environment, started) = async {
        let blueprint = blueprint(version, &inner.ports, &inner.settings, purpose.initialization_type(version)).await?;
        let started = blueprint.started.clone();
        Ok((Environment::launch(&inner.ports.driver, blueprint, traffic(inner, pool)).await?, started))
    }
    .await
    .map_err(|error: MakeError| {
        tracing::error!(version = %version.key(), error = &error as &dyn std::error::Error, "could not make an environment");
        NotStarted::LaunchFailed { reason: error.to_string() }
    })?;
    match purpose {
        Purpose::Demand => environment.init_phase().await,
        Purpose::Provisioned { .. } => {
            if !environment.provision().await {
                environment.destroy(ShutdownReason::Failure).await;
                return Err(NotStarted::LaunchFailed {
                    reason: "the init failed".into(),
                });
            }
        }
    }
    note_start(pool, purpose, &environment);
    if let Some(runtime) = started {
        // Only now: starting the next one must not slow this one down.
        let now = Instant::now();
        inner
            .started
            .note(&runtime, &inner.host, &inner.ports.driver, now);
    }
    Ok(environment)
}

/// Counts the traffic of an environment, and enters it into the books.
fn traffic<D: SandboxDriver>(inner: &Inner<D>, pool: &VersionPool) -> Tell {
    let (sink, version) = (Arc::clone(&inner.ports.traffic), Arc::clone(&pool.version));
    let metrics = Arc::clone(&pool.metrics);
    Box::new(move |traffic| {
        metrics.transferred(traffic);
        sink(&version, traffic);
    })
}

fn note_start<D: SandboxDriver>(pool: &VersionPool, purpose: &Purpose, made: &Environment<D>) {
    let kind = match (purpose, made.init_took()) {
        (_, None) => StartKind::Failed,
        (Purpose::Provisioned { .. }, _) => StartKind::Provisioned,
        (Purpose::Demand, _) if made.began_started() => StartKind::Pooled,
        (Purpose::Demand, _) => StartKind::Exec,
    };
    pool.metrics.started(kind);
    if let Some(took) = made.init_took() {
        pool.metrics.initialized(took);
    }
}

/// Serves assignments until the environment is retired or lost.
async fn serve<D: SandboxDriver>(
    inner: &Arc<Inner<D>>,
    pool: &Arc<VersionPool>,
    counted: Counted,
    mut environment: Environment<D>,
) -> Environment<D> {
    let (inbox, mut assigned) = mpsc::channel(1);
    let mut freed = counted.placed(inner, pool, EnvironmentHandle { inbox });
    loop {
        let next = match freed {
            Freed::Assign(assignment, handle) => {
                inner.line_moved(pool);
                Assigned { assignment, handle }
            }
            Freed::Retire(_) => return environment,
            Freed::Idle => match next_assignment(&mut environment, &mut assigned).await {
                Idle::Assigned(next) => next,
                Idle::Retired => return environment,
                Idle::Lost => {
                    leave(inner, pool, &mut assigned);
                    return environment;
                }
            },
        };
        let Assigned { assignment, handle } = next;
        if !environment.back_within(BACK_FOR_MORE).await {
            inner.place(pool, assignment);
            environment.work_off().await;
            freed = inner.finished(pool, handle);
            continue;
        }
        if !environment.can_be_kept() {
            let _ = pool.lock().lost(&handle);
            inner.place(pool, assignment);
            return environment;
        }
        let mut assignment = assignment;
        let spans = inner.open_spans(pool, &mut assignment);
        let Assignment {
            call,
            reply,
            permit,
            ..
        } = assignment;
        let responder = Responder::new(reply, call.response_mode);
        let mut returned = None;
        let meter = environment
            .invoke(call, responder, |kept| {
                drop(permit);
                if kept {
                    returned = Some(inner.finished(pool, handle));
                }
            })
            .await;
        inner.close_spans(spans, environment.take_beginnings(), &meter);
        pool.metrics.invoked(&meter);
        (inner.ports.usage)(meter);
        environment.tell_traffic_now_and_then().await;
        match returned {
            Some(next) => freed = next,
            None => {
                let start_another = pool.lock().lost_busy();
                if start_another {
                    inner.replace_environment(pool);
                }
                return environment;
            }
        }
    }
}

pub(crate) enum Idle {
    Assigned(Assigned),
    Retired,
    Lost,
}

pub(crate) async fn next_assignment<D: SandboxDriver>(
    environment: &mut Environment<D>,
    assigned: &mut mpsc::Receiver<Assigned>,
) -> Idle {
    tokio::select! {
        biased;
        () = environment.idle() => Idle::Lost,
        next = assigned.recv() => next.map_or(Idle::Retired, Idle::Assigned),
    }
}

/// Takes a lost environment out of its pool; an assignment that just came gets another one.
fn leave<D: SandboxDriver>(
    inner: &Arc<Inner<D>>,
    pool: &Arc<VersionPool>,
    assigned: &mut mpsc::Receiver<Assigned>,
) {
    assigned.close();
    let mine = pool.lock().remove_idle(|handle| handle.inbox.is_closed());
    if mine.is_some() {
        return;
    }
    if let Ok(Assigned { assignment, handle }) = assigned.try_recv() {
        let _ = pool.lock().lost(&handle);
        inner.place(pool, assignment);
    }
}
