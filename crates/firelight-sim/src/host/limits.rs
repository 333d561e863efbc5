//! The promises about throttles: nobody passes a pace, and nobody is refused without a reason.
//!
//! It sees calls from outside only, so what it knows is bounds: calls that are open are at least those in flight, and
//! environments that were prepared are at most those that the function was allowed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use firelight_invoke::{Call, Ceiling, Invoker, NotStarted, Outcome, Pace, Paces, ThrottleReason};
use firelight_model::FunctionName;
use tokio::time::Instant;

use super::versions::Catalogue;
use crate::history::History;

const SECOND: Duration = Duration::from_secs(1);

/// Cheap to clone: all clones are one.
#[derive(Clone)]
pub(crate) struct Limits {
    history: History,
    catalogue: Arc<Catalogue>,
    paces: Paces,
    shared: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    open: HashMap<FunctionName, u32>,
    admitted: Vec<(Instant, FunctionName)>,
    /// Refused for the lack of an environment, after they were counted as requests.
    counted: Vec<(Instant, FunctionName)>,
    /// Deeds that may each have cost an environment; a lost one is replaced at any pace.
    losses: u32,
}

impl Limits {
    pub(crate) fn new(history: History, catalogue: Arc<Catalogue>, paces: Paces) -> Self {
        Self {
            history,
            catalogue,
            paces,
            shared: Arc::default(),
        }
    }

    /// Makes a call and looks at how it was admitted or refused.
    pub(crate) async fn watch(&self, invoker: &impl Invoker, call: Call) -> Outcome {
        let function = call.version.function.clone();
        let at = Instant::now();
        *self.lock().open.entry(function.clone()).or_default() += 1;
        let outcome = invoker.invoke(call).await;
        *self.lock().open.entry(function.clone()).or_default() -= 1;
        match &outcome {
            Outcome::NotStarted(NotStarted::Throttled(reason)) => {
                self.check_throttle(*reason, &function);
                if *reason == ThrottleReason::ConcurrentInvocationLimitExceeded {
                    self.lock().counted.push((at, function));
                }
            }
            Outcome::NotStarted(NotStarted::Draining | NotStarted::NoSuchVersion(_)) => {}
            _ => self.lock().admitted.push((at, function)),
        }
        outcome
    }

    pub(crate) fn note_loss(&self) {
        self.lock().losses += 1;
    }

    /// Checks the paces over the whole run.
    pub(crate) fn finish(&self, took: Duration) {
        let mut state = self.lock();
        state.admitted.sort();
        for function in self.catalogue.functions() {
            let name = &function.arn.name;
            if let (Ceiling::Reserved(limit), Some(pace)) = (function.ceiling, self.paces.requests)
            {
                let own = state.admitted.iter().filter(|(_, other)| other == name);
                let whole = pace * (limit + function.provisioned);
                self.check_pace(name.as_str(), own.map(|(at, _)| *at), whole);
            }
            let scaling = self.paces.scaling;
            let flowed = took.as_secs_f64() * f64::from(scaling.per_second);
            let most = f64::from(scaling.burst) + flowed + f64::from(state.losses);
            let prepared = self.catalogue.prepared(name);
            self.history.check(f64::from(prepared) <= most, || {
                format!("{name} got {prepared} environments, more than {most}")
            });
        }
        if let Some(pace) = self.paces.requests {
            let unreserved = state
                .admitted
                .iter()
                .filter(|(_, name)| self.is_unreserved(name));
            let kept = self.catalogue.functions().iter();
            let kept: u32 = kept.map(|function| function.provisioned).sum();
            let pace = pace * (self.catalogue.account() + kept);
            self.check_pace("the account", unreserved.map(|(at, _)| *at), pace);
        }
    }

    fn check_pace(&self, whose: &str, admitted: impl Iterator<Item = Instant>, per_second: u32) {
        let admitted: Vec<_> = admitted.collect();
        let pace = Pace {
            per_second,
            burst: per_second,
        };
        for (first, began) in admitted.iter().enumerate() {
            for (last, ended) in admitted.iter().enumerate().skip(first) {
                let flowed = (*ended - *began).as_secs_f64() * f64::from(pace.per_second);
                let count = last - first + 1;
                self.history.check(
                    count as f64 <= f64::from(pace.burst) + flowed + 0.01,
                    || {
                        format!(
                            "{whose} was let in {count} times within {:?}",
                            *ended - *began
                        )
                    },
                );
            }
        }
    }

    fn check_throttle(&self, reason: ThrottleReason, function: &FunctionName) {
        let explained = match (reason, self.ceiling(function)) {
            (
                ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded,
                Ceiling::Reserved(limit),
            ) => self.open(|name| name == function) >= limit,
            (
                ThrottleReason::ReservedFunctionInvocationRateLimitExceeded,
                Ceiling::Reserved(limit),
            ) => self.was_busy(limit, |name| name == function),
            (ThrottleReason::FunctionInvocationRateLimitExceeded, Ceiling::Unreserved(_)) => {
                self.was_busy(self.catalogue.account(), |_| true)
            }
            (ThrottleReason::ConcurrentInvocationLimitExceeded, ceiling) => {
                let full = matches!(ceiling, Ceiling::Unreserved(limit)
                    if self.open(|name| self.is_unreserved(name)) >= limit);
                full || self.has_scaled(function)
            }
            _ => false,
        };
        self.history.check(explained, || {
            format!(
                "{function} was throttled without a cause: {}",
                reason.name()
            )
        });
    }

    /// Calls without an answer, which are at least those in flight.
    fn open(&self, whose: impl Fn(&FunctionName) -> bool) -> u32 {
        let state = self.lock();
        let own = state.open.iter().filter(|(name, _)| whose(name));
        own.map(|(_, count)| count).sum()
    }

    /// Whether so many were let in within the last second as used up the requests of that much concurrency. A call that
    /// is still open may be one of them.
    fn was_busy(&self, concurrency: u32, whose: impl Fn(&FunctionName) -> bool) -> bool {
        let Some(pace) = self.paces.requests else {
            return false;
        };
        let since = Instant::now() - SECOND;
        let open = self.open(&whose);
        let state = self.lock();
        let counted = state.admitted.iter().chain(&state.counted);
        let lately = counted.filter(|(at, name)| *at >= since && whose(name));
        lately.count() + open as usize + 1 >= (pace * concurrency) as usize
    }

    /// Whether the function may have had its burst of environments: each was started for a call, or for a lost one.
    fn has_scaled(&self, function: &FunctionName) -> bool {
        let open = self.open(|name| name == function);
        let state = self.lock();
        let let_in = state.admitted.iter().filter(|(_, name)| name == function);
        let started = let_in.count() + open as usize + state.losses as usize;
        started >= self.paces.scaling.burst as usize
    }

    fn is_unreserved(&self, function: &FunctionName) -> bool {
        matches!(self.ceiling(function), Ceiling::Unreserved(_))
    }

    fn ceiling(&self, function: &FunctionName) -> Ceiling {
        let known = self.catalogue.function(function);
        known.map_or(Ceiling::Unreserved(0), |function| function.ceiling)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
