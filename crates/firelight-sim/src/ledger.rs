//! The promises about events, checked at every step.
//!
//! ```text
//!            accept                run …                settle              record handed over
//!  offered ──► acknowledged ──► running, not running ──► closed ──────────► told (one end only)
//!          └─► refused: never runs   └ never twice at once   └ never runs again
//! ```

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use firelight_model::{FunctionName, RequestId};

use crate::history::History;

/// Cheap to clone: all clones are one.
#[derive(Clone)]
pub(crate) struct Ledger {
    history: History,
    bounds: Bounds,
    shared: Arc<Mutex<State>>,
}

/// How much may be in flight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) in_flight: u32,
    pub(crate) per_function: u32,
}

#[derive(Default)]
struct State {
    events: HashMap<RequestId, Event>,
    running: HashMap<FunctionName, u32>,
}

struct Event {
    payload: Bytes,
    accepted: Accepted,
    /// The life of the process in which it runs now.
    running_in: Option<u32>,
    runs: u32,
    succeeded: bool,
    closed: bool,
    told: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accepted {
    /// Not answered yet, or the answer was lost: it may run.
    Unknown,
    Acknowledged,
    Refused,
}

/// A run that goes on until this is dropped.
pub(crate) struct Running {
    ledger: Ledger,
    id: RequestId,
    function: FunctionName,
    life: u32,
}

impl Ledger {
    pub(crate) fn new(history: History, bounds: Bounds) -> Self {
        Self {
            history,
            bounds,
            shared: Arc::default(),
        }
    }

    pub(crate) fn offered(&self, id: RequestId, payload: Bytes) {
        let event = Event {
            payload,
            accepted: Accepted::Unknown,
            running_in: None,
            runs: 0,
            succeeded: false,
            closed: false,
            told: None,
        };
        self.lock().events.insert(id, event);
    }

    pub(crate) fn answered(&self, id: RequestId, accepted: Accepted) {
        let word = match accepted {
            Accepted::Unknown => "unknown",
            Accepted::Acknowledged => "acknowledged",
            Accepted::Refused => "refused",
        };
        self.history.note(format!("{word} {id}"));
        let mut state = self.lock();
        let Some(event) = state.events.get_mut(&id) else {
            return;
        };
        event.accepted = accepted;
        let ran = event.runs > 0;
        self.check(!(ran && accepted == Accepted::Refused), || {
            format!("{id} ran and was refused")
        });
    }

    /// A run begins.
    pub(crate) fn begin(
        &self,
        id: RequestId,
        function: &FunctionName,
        payload: &Bytes,
        life: u32,
    ) -> Running {
        self.history.note(format!("begins {id} of {function}"));
        let mut state = self.lock();
        *state.running.entry(function.clone()).or_default() += 1;
        self.check_bounds(&state, function);
        match state.events.get_mut(&id) {
            Some(event) => self.check_begin(id, event, payload, life),
            None => self.history.violated(format!("{id} was never offered")),
        }
        Running {
            ledger: self.clone(),
            id,
            function: function.clone(),
            life,
        }
    }

    fn check_bounds(&self, state: &State, function: &FunctionName) {
        let all: u32 = state.running.values().sum();
        let of_function = state.running[function];
        self.check(all <= self.bounds.in_flight, || {
            format!("{all} events run at once")
        });
        self.check(of_function <= self.bounds.per_function, || {
            format!("{of_function} events of {function} run at once")
        });
    }

    fn check_begin(&self, id: RequestId, event: &mut Event, payload: &Bytes, life: u32) {
        self.check(!event.closed, || {
            format!("{id} runs although its end was recorded")
        });
        self.check(event.accepted != Accepted::Refused, || {
            format!("{id} runs although it was refused")
        });
        self.check(event.running_in != Some(life), || {
            format!("{id} runs twice at once")
        });
        self.check(event.payload == *payload, || {
            format!("{id} runs with another payload")
        });
        event.running_in = Some(life);
        event.runs += 1;
    }

    /// The function answered without an error, and the platform heard it.
    pub(crate) fn succeeded(&self, id: RequestId) {
        self.history.note(format!("succeeds {id}"));
        if let Some(event) = self.lock().events.get_mut(&id) {
            event.succeeded = true;
        }
    }

    /// The end of the event is durable.
    pub(crate) fn closed(&self, id: RequestId) {
        self.history.note(format!("closed {id}"));
        if let Some(event) = self.lock().events.get_mut(&id) {
            event.closed = true;
        }
    }

    /// A target was told how the event ended.
    pub(crate) fn told(&self, id: RequestId, condition: &str) {
        self.history.note(format!("told {id} {condition}"));
        let mut state = self.lock();
        let Some(event) = state.events.get_mut(&id) else {
            return self
                .history
                .violated(format!("{id} was told but never offered"));
        };
        self.check(event.closed, || format!("{id} was told before its end"));
        self.check(event.succeeded || condition != "Success", || {
            format!("{id} was told as a success and is none")
        });
        let before = event.told.get_or_insert_with(|| condition.to_owned());
        self.check(before == condition, || {
            format!("{id} was told as {before} and as {condition}")
        });
    }

    /// Checks that everything that was promised has come.
    pub(crate) fn finish(&self) {
        let state = self.lock();
        let mut missing: Vec<_> = state
            .events
            .iter()
            .filter(|(_, event)| event.accepted == Accepted::Acknowledged && event.told.is_none())
            .map(|(id, _)| id.to_string())
            .collect();
        missing.sort_unstable();
        self.check(missing.is_empty(), || {
            format!("acknowledged and lost: {}", missing.join(", "))
        });
    }

    fn check(&self, holds: bool, what: impl FnOnce() -> String) {
        self.history.check(holds, what);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut state = self.ledger.lock();
        if let Some(count) = state.running.get_mut(&self.function) {
            *count -= 1;
        }
        let event = state.events.get_mut(&self.id);
        if let Some(event) = event.filter(|event| event.running_in == Some(self.life)) {
            event.running_in = None;
        }
    }
}
