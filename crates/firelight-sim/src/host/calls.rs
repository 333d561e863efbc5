//! The promises about calls, checked at every step: one answer each, no limit passed, no environment with
//! more events than it may run at once.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::runtime::Event;
use crate::history::History;

/// Cheap to clone: all clones are one.
#[derive(Clone)]
pub(crate) struct Calls {
    history: History,
    shared: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Calls without an answer, by number.
    open: BTreeMap<u64, Instant>,
    /// Handlers at work, by the environment they are in.
    at_work: HashMap<SocketAddr, Vec<Handler>>,
}

struct Handler {
    function: String,
    /// When the platform cuts it off; what it does later counts for nothing.
    until: Instant,
    token: u64,
}

/// A handler at work until this is dropped.
pub(crate) struct AtWork {
    calls: Calls,
    environment: SocketAddr,
    token: u64,
}

impl Calls {
    pub(crate) fn new(history: History) -> Self {
        Self {
            history,
            shared: Arc::default(),
        }
    }

    pub(crate) fn asked(&self, number: u64) {
        self.lock().open.insert(number, Instant::now());
    }

    /// A call was answered; `own` tells whether with its own number.
    pub(crate) fn answered(&self, number: u64, how: &str, own: bool) {
        self.history.note(format!("call {number} {how}"));
        let asked = self.lock().open.remove(&number);
        self.history.check(asked.is_some(), || {
            format!("call {number} was answered twice")
        });
        self.history
            .check(own, || format!("call {number} got the answer of another"));
    }

    /// A handler got an event that it must answer within `remaining`.
    pub(crate) fn begin(
        &self,
        environment: SocketAddr,
        seats: usize,
        event: &Event,
        remaining: Duration,
        token: u64,
    ) -> AtWork {
        let mut state = self.lock();
        let handler = Handler {
            function: event.function.clone(),
            until: Instant::now() + remaining,
            token,
        };
        let handlers = state.at_work.entry(environment).or_default();
        handlers.push(handler);
        let count = handlers.len();
        drop(state);
        self.history.check(count <= seats, || {
            format!("the environment at {environment} has {count} events, and may have {seats}")
        });
        AtWork {
            calls: self.clone(),
            environment,
            token,
        }
    }

    /// Handlers at work for each function.
    pub(crate) fn at_work(&self) -> BTreeMap<String, u32> {
        let now = Instant::now();
        let state = self.lock();
        let mut counts = BTreeMap::new();
        let handlers = state.at_work.values().flatten();
        for handler in handlers.filter(|handler| handler.until > now) {
            *counts.entry(handler.function.clone()).or_default() += 1;
        }
        counts
    }

    /// Checks that no call waits longer than it may.
    pub(crate) fn check_patience(&self, patience: Duration) {
        let now = Instant::now();
        let late = self
            .lock()
            .open
            .iter()
            .find(|(_, asked)| **asked + patience < now)
            .map(|(number, _)| *number);
        if let Some(number) = late {
            self.history
                .violated(format!("call {number} is not answered"));
        }
    }

    pub(crate) fn open(&self) -> usize {
        self.lock().open.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        let mut state = self.calls.lock();
        if let Some(handlers) = state.at_work.get_mut(&self.environment) {
            handlers.retain(|handler| handler.token != self.token);
        }
    }
}
