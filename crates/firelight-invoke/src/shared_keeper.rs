//! Serves an environment that runs several invocations at once.
//!
//! ```text
//!  idle ──assigned──► begin ──► running, one future each ──► ended ──► seat to the next in line, or back to the pool
//!    ▲                              │ crash: all of them end       └─ cut off, crashed: the seat is held
//!    └──────── reset, and the seats that were held go back ◄── nobody runs any more
//! ```
//!
//! One that is cut off does not take the others with it. Its handler may still be at work, so its seat stays taken until
//! the processes are killed, which is when nobody else runs.
//!
//! Deliberately absent: what an invocation is; see `environment/shared`.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use firelight_runtime_api::ShutdownReason;
use firelight_sandbox::SandboxDriver;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, watch};

use crate::admission::Permit;
use crate::assignment::{Assigned, Assignment, EnvironmentHandle};
use crate::data_plane::Inner;
use crate::environment::{Crash, Ended, Environment};
use crate::keeper::{Counted, Idle, next_assignment};
use crate::pool::Freed;
use crate::pools::VersionPool;
use crate::responder::Responder;
use crate::spans::OpenSpans;

/// An invocation's place in the environment: dropping the permit and giving the handle back frees it.
struct Seat {
    handle: EnvironmentHandle,
    permit: Permit,
    spans: Option<OpenSpans>,
}

type Ending = Pin<Box<dyn Future<Output = (Ended, Seat)> + Send>>;

struct SharedKeeper<'a, D: SandboxDriver> {
    inner: &'a Arc<Inner<D>>,
    pool: &'a Arc<VersionPool>,
    environment: Environment<D>,
    running: FuturesUnordered<Ending>,
    crash: watch::Sender<Option<Crash>>,
    /// Why the processes must be killed before the environment goes on.
    reset: Option<ShutdownReason>,
    /// Seats that are free again after the reset.
    held: Vec<EnvironmentHandle>,
    /// The pool wants the environment no more.
    retired: bool,
}

/// Serves assignments until the environment is retired or lost.
pub(crate) async fn serve_shared<D: SandboxDriver>(
    inner: &Arc<Inner<D>>,
    pool: &Arc<VersionPool>,
    counted: Counted,
    environment: Environment<D>,
) -> Environment<D> {
    let (inbox, mut assigned) = mpsc::channel(pool.version.concurrency.get().into());
    let mut keeper = SharedKeeper {
        inner,
        pool,
        environment,
        running: FuturesUnordered::new(),
        crash: watch::Sender::new(None),
        reset: None,
        held: Vec::new(),
        retired: false,
    };
    let freed = counted.placed(inner, pool, EnvironmentHandle { inbox });
    keeper.take(freed).await;
    keeper.serve(&mut assigned).await;
    leave(inner, pool, &mut assigned);
    keeper.environment
}

impl<D: SandboxDriver> SharedKeeper<'_, D> {
    async fn serve(&mut self, assigned: &mut mpsc::Receiver<Assigned>) {
        while !self.retired {
            if !self.running.is_empty() {
                self.step(assigned).await;
            } else if let Some(reason) = self.reset.take() {
                if !self.start_over(reason).await {
                    return;
                }
            } else {
                match next_assignment(&mut self.environment, assigned).await {
                    Idle::Assigned(next) => self.begin(next).await,
                    Idle::Retired | Idle::Lost => return,
                }
            }
        }
    }

    /// Does the next thing while invocations run.
    async fn step(&mut self, assigned: &mut mpsc::Receiver<Assigned>) {
        let crashed = self.crash.borrow().is_some();
        tokio::select! {
            biased;
            Some((ended, seat)) = self.running.next() => self.end(ended, seat).await,
            crash = self.environment.crash(), if !crashed => {
                self.reset = Some(ShutdownReason::Failure);
                self.crash.send_replace(Some(crash));
            }
            // After a crash they wait until the processes can be brought up again.
            Some(next) = assigned.recv(), if !crashed => self.begin(next).await,
        }
    }

    async fn begin(&mut self, assigned: Assigned) {
        let Assigned { assignment, handle } = assigned;
        if !self.environment.can_be_kept() {
            self.give_up(&handle);
            return self.inner.place(self.pool, assignment);
        }
        let mut assignment = assignment;
        let spans = self.inner.open_spans(self.pool, &mut assignment);
        let Assignment {
            call,
            reply,
            permit,
            ..
        } = assignment;
        let seat = Seat {
            handle,
            permit,
            spans,
        };
        let responder = Responder::new(reply, call.response_mode);
        let crash = self.crash.subscribe();
        let begun = self.environment.begin(call, responder).await;
        self.running.push(Box::pin(async move {
            let ended = match begun {
                Ok(running) => running.end(crash).await,
                Err(ended) => ended,
            };
            (ended, seat)
        }));
    }

    /// An invocation is over: its seat goes to the next one before its caller is answered.
    async fn end(&mut self, ended: Ended, seat: Seat) {
        let unreported = self.environment.ended(ended);
        let Seat {
            handle,
            permit,
            spans,
        } = seat;
        drop(permit);
        let freed = match unreported.reset {
            Some(reason) => {
                self.reset.get_or_insert(reason);
                self.held.push(handle);
                None
            }
            None => self.give_back(handle),
        };
        let meter = self.environment.report(unreported).await;
        let beginnings = self.environment.take_beginnings();
        self.inner.close_spans(spans, beginnings, &meter);
        self.pool.metrics.invoked(&meter);
        (self.inner.ports.usage)(meter);
        self.environment.tell_traffic_now_and_then().await;
        if let Some(freed) = freed {
            self.take(freed).await;
        }
    }

    /// Takes what the pool has for a seat that became free, and for those beside it.
    async fn take(&mut self, freed: Freed<Assignment, EnvironmentHandle>) {
        match freed {
            Freed::Idle => {}
            Freed::Retire(_) => self.retired = true,
            Freed::Assign(assignment, handle) => {
                let mut next = Some(assignment);
                while let Some(assignment) = next {
                    self.inner.line_moved(self.pool);
                    let seat = handle.clone();
                    self.begin(Assigned {
                        assignment,
                        handle: seat,
                    })
                    .await;
                    next = self.pool.lock().next_seat(&handle);
                }
            }
        }
    }

    /// Kills the processes and frees the seats that were held for that. `false` if the environment is lost.
    async fn start_over(&mut self, reason: ShutdownReason) -> bool {
        if self.environment.can_be_kept() {
            self.environment.reset(reason).await;
        }
        self.crash.send_replace(None);
        for handle in std::mem::take(&mut self.held) {
            if let Some(freed) = self.give_back(handle) {
                self.take(freed).await;
            }
        }
        self.environment.can_be_kept()
    }

    /// Gives a seat back to the pool, as long as there is an environment to sit in.
    fn give_back(&self, handle: EnvironmentHandle) -> Option<Freed<Assignment, EnvironmentHandle>> {
        if self.environment.can_be_kept() {
            return Some(self.inner.finished(self.pool, handle));
        }
        self.give_up(&handle);
        None
    }

    /// Takes the lost environment out of its pool, and has another one started for those who wait.
    fn give_up(&self, handle: &EnvironmentHandle) {
        let start_another = self.pool.lock().lost(handle);
        if start_another {
            self.inner.replace_environment(self.pool);
        }
    }
}

/// Takes an environment that ends out of its pool; assignments that just came get another one.
fn leave<D: SandboxDriver>(
    inner: &Arc<Inner<D>>,
    pool: &Arc<VersionPool>,
    assigned: &mut mpsc::Receiver<Assigned>,
) {
    assigned.close();
    // Dropping the handle of an idle one is all there is to it.
    drop(pool.lock().remove_idle(|handle| handle.inbox.is_closed()));
    while let Ok(Assigned { assignment, handle }) = assigned.try_recv() {
        let _ = pool.lock().lost(&handle);
        inner.place(pool, assignment);
    }
}
