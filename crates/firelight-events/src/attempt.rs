//! One attempt at an item of work, from what was claimed to the verdict about it.
//!
//! Deliberately absent: the queue. An attempt ends with a verdict, and the dispatcher brings it home.

use std::time::Duration;

use bytes::Bytes;
use firelight_invoke::{Call, Completed, FunctionResult, LogTail, Outcome, ResponseMode};
use firelight_model::{Draw, RecursiveLoop, RequestId};
use firelight_store::{Claimed, NewItem, Verdict};
use tokio::time::Instant;

use crate::aftermath::{NoTarget, aftermath};
use crate::counters::Counters;
use crate::event::{EventRequest, delivery_lane, event_lane};
use crate::lineage;
use crate::policy::{self, Condition, Judgement, Limits, Progress, judge};
use crate::ports::{DeliverError, Ports, Resolution, Resolved};
use crate::record::{Answer, End, Ended};
use crate::settings::Settings;
use crate::work::{Delivery, Work};

/// How long an item that cannot be read waits for a version of Firelight that can.
const UNREADABLE_WAIT: Duration = Duration::from_secs(300);

/// What an attempt works with.
pub(crate) struct Workshop {
    pub(crate) ports: Ports,
    pub(crate) settings: Settings,
    pub(crate) counters: Counters,
}

/// How long an item has been waiting: its age when it was claimed, and the time since.
struct Age {
    claimed: Duration,
    since: Instant,
}

impl Age {
    fn of(claimed: &Claimed) -> Self {
        Self {
            claimed: claimed.age(),
            since: Instant::now(),
        }
    }

    fn now(&self) -> Duration {
        self.claimed.saturating_add(self.since.elapsed())
    }
}

/// An event that ended in an attempt, with what the function last said about it.
struct Ending<'a> {
    event: &'a EventRequest,
    resolved: &'a Resolved,
    trace: Option<&'a str>,
    invokes: u32,
    answer: Option<&'a [u8]>,
}

impl Workshop {
    /// Works on a claimed item.
    pub(crate) async fn attempt(&self, claimed: &Claimed) -> Verdict {
        let progress = read_progress(&claimed.notes);
        match Work::decode(&claimed.body) {
            Ok(Work::Event(event)) => self.run(claimed, &event, progress).await,
            Ok(Work::Delivery(delivery)) => self.deliver(claimed, &delivery, progress).await,
            Err(error) => {
                // Accepted work is never thrown away: a later version may be able to read it.
                tracing::error!(item = %claimed.id, error = &error as &dyn std::error::Error, "cannot read an item");
                retry(UNREADABLE_WAIT, progress)
            }
        }
    }

    async fn run(&self, claimed: &Claimed, event: &EventRequest, progress: Progress) -> Verdict {
        let age = Age::of(claimed);
        let draw = Draw::from_random(self.random_bits());
        let qualifier = event.qualifier.as_ref();
        let resolution = self
            .ports
            .functions
            .resolve(&event.function, qualifier, draw);
        match resolution {
            Resolution::Ready(resolved) => {
                self.run_resolved(claimed, event, &resolved, progress, &age)
                    .await
            }
            Resolution::NotNow { reason } => {
                tracing::debug!(function = %event.function, reason, "an event has to wait");
                self.put_off(progress, &age)
            }
            Resolution::Gone => {
                self.counters.gone.add();
                tracing::info!(function = %event.function, request_id = %event.request_id, "dropped an event of a function that is gone");
                finished()
            }
        }
    }

    /// Waits for a function that cannot run now, as long as its events may wait by default.
    fn put_off(&self, mut progress: Progress, age: &Age) -> Verdict {
        let ended = policy::Ended::NotRun;
        let limits = Limits::default();
        self.count(ended);
        match judge(
            &mut progress,
            ended,
            age.now(),
            limits,
            &self.settings.waits,
        ) {
            Judgement::RetryAfter(wait) => retry(wait, progress),
            Judgement::GiveUp(condition) => {
                self.counters.given_up(condition);
                finished()
            }
            Judgement::Success => finished(),
        }
    }

    async fn run_resolved(
        &self,
        claimed: &Claimed,
        event: &EventRequest,
        resolved: &Resolved,
        mut progress: Progress,
        age: &Age,
    ) -> Verdict {
        let trace = match self.admit(event, resolved, age) {
            Ok(trace) => trace,
            Err(condition) => {
                let ending = Ending {
                    event,
                    resolved,
                    trace: event.trace.as_deref(),
                    invokes: progress.invokes,
                    answer: None,
                };
                return self.give_up(condition, ending);
            }
        };
        let call = call(event, resolved, claimed.attempt, trace.clone());
        let (ended, answer) = read_outcome(self.ports.invoker.invoke(call).await);
        self.count(ended);
        let waits = &self.settings.waits;
        let judgement = judge(&mut progress, ended, age.now(), resolved.limits, waits);
        let ending = Ending {
            event,
            resolved,
            trace: trace.as_deref(),
            invokes: progress.invokes,
            answer: answer.as_deref(),
        };
        match judgement {
            Judgement::RetryAfter(wait) => retry(wait, progress),
            Judgement::Success => self.end(End::Success, ending),
            Judgement::GiveUp(condition) => self.give_up(condition, ending),
        }
    }

    /// Decides whether the event may run at all; returns the trace header for the function.
    fn admit(
        &self,
        event: &EventRequest,
        resolved: &Resolved,
        age: &Age,
    ) -> Result<Option<String>, Condition> {
        if resolved.stopped {
            return Err(Condition::ZeroReservedConcurrency);
        }
        if policy::is_too_old(age.now(), resolved.limits) {
            return Err(Condition::EventAgeExceeded);
        }
        let Some(trace) = &event.trace else {
            return Ok(None);
        };
        let passed = match resolved.recursive_loop {
            RecursiveLoop::Terminate => lineage::pass(trace, &event.function),
            RecursiveLoop::Allow => Ok(lineage::without(trace)),
        };
        passed.map(Some).map_err(|_| Condition::RecursiveInvocation)
    }

    fn give_up(&self, condition: Condition, ending: Ending<'_>) -> Verdict {
        self.counters.given_up(condition);
        let (function, request_id) = (&ending.event.function, ending.event.request_id);
        tracing::info!(%function, %request_id, condition = condition.name(), "gave up an event");
        self.end(End::GivenUp(condition), ending)
    }

    /// Finishes the event; what it leaves behind is enqueued in the same step.
    fn end(&self, end: End, ending: Ending<'_>) -> Verdict {
        let ended = Ended {
            event: ending.event,
            end,
            invokes: ending.invokes,
            answer: ending.answer.map(|payload| Answer {
                version: ending.resolved.version.version,
                payload,
            }),
            at: self.ports.clock.now(),
        };
        let mut fresh_id = || self.fresh_id();
        let targets = &ending.resolved.targets;
        let (work, refused) = aftermath(&ended, targets, ending.trace, &mut fresh_id);
        for NoTarget { kind, error } in refused {
            self.counters.lost(kind);
            tracing::warn!(function = %ending.event.function, ?kind, %error, "cannot tell a target");
        }
        Verdict::Finished {
            then: work.iter().map(new_item).collect(),
        }
    }

    async fn deliver(
        &self,
        claimed: &Claimed,
        delivery: &Delivery,
        mut progress: Progress,
    ) -> Verdict {
        let age = Age::of(claimed);
        let reason = match self.ports.deliver.deliver(delivery).await {
            Ok(()) => {
                self.counters.delivered.add();
                return finished();
            }
            Err(DeliverError::Refused { reason }) => {
                return self.give_up_delivery(delivery, &reason);
            }
            Err(DeliverError::Unavailable { reason }) => reason,
        };
        progress.back_offs += 1;
        let wait = self.settings.waits.back_off(progress.back_offs);
        if age.now().saturating_add(wait) >= self.settings.delivery_age {
            return self.give_up_delivery(delivery, &reason);
        }
        if progress.back_offs == 1 {
            let (function, target) = (&delivery.function, delivery.request.target());
            tracing::warn!(%function, target, reason, "a delivery has to wait");
        }
        self.counters.delivery_retries.add();
        retry(wait, progress)
    }

    fn give_up_delivery(&self, delivery: &Delivery, reason: &str) -> Verdict {
        let Delivery { function, kind, .. } = delivery;
        self.counters.lost(*kind);
        let target = delivery.request.target();
        tracing::warn!(%function, ?kind, target, reason, "gave up a delivery");
        finished()
    }

    fn count(&self, ended: policy::Ended) {
        match ended {
            policy::Ended::Succeeded => self.counters.succeeded.add(),
            policy::Ended::FunctionError => self.counters.function_errors.add(),
            policy::Ended::NotRun => self.counters.not_run.add(),
            policy::Ended::Unknown => self.counters.unknown.add(),
        }
    }

    pub(crate) fn fresh_id(&self) -> RequestId {
        RequestId::from_random((self.ports.random)().to_be_bytes())
    }

    fn random_bits(&self) -> u64 {
        ((self.ports.random)() >> 64) as u64
    }
}

/// The item of the queue for a piece of work.
pub(crate) fn new_item(work: &Work) -> NewItem {
    let lane = match work {
        Work::Event(event) => event_lane(&event.function),
        Work::Delivery(delivery) => delivery_lane(&delivery.function),
    };
    NewItem {
        lane,
        delay: Duration::ZERO,
        notes: Bytes::new(),
        body: work.encode(),
    }
}

fn call(event: &EventRequest, resolved: &Resolved, attempt: u32, trace: Option<String>) -> Call {
    Call {
        request_id: event.request_id,
        version: resolved.version.clone(),
        invoked_arn: event.invoked_arn(),
        payload: event.payload.clone(),
        client_context: None,
        trace,
        tenant_id: event.tenant_id.clone(),
        log_tail: LogTail::None,
        response_mode: ResponseMode::Buffered,
        attempt,
    }
}

/// Reduces an outcome to what decides, and the function's answer if it gave one.
fn read_outcome(outcome: Outcome) -> (policy::Ended, Option<Bytes>) {
    match outcome {
        Outcome::Completed(Completed { result, .. }) => match result {
            FunctionResult::Success(answer) => (policy::Ended::Succeeded, Some(answer)),
            FunctionResult::Error(answer) => (policy::Ended::FunctionError, Some(answer)),
        },
        Outcome::NotStarted(reason) => {
            tracing::debug!(%reason, "an event did not start");
            (policy::Ended::NotRun, None)
        }
        // A buffered call is never answered in parts.
        Outcome::Streaming(_) | Outcome::Unknown { .. } => (policy::Ended::Unknown, None),
    }
}

fn finished() -> Verdict {
    Verdict::Finished { then: Vec::new() }
}

fn retry(delay: Duration, progress: Progress) -> Verdict {
    let notes = serde_json::to_vec(&progress).expect("three numbers");
    Verdict::RetryAfter {
        delay,
        notes: Bytes::from(notes),
    }
}

/// A fresh item has no notes yet.
fn read_progress(notes: &[u8]) -> Progress {
    serde_json::from_slice(notes).unwrap_or_default()
}
