//! The runtime of one generation of processes.
//!
//! ```text
//!  Started ─next─► Ready ─handed out─► Running ─response─► InvocationResponse ──────┐
//!     │              ▲                    └─────error────► InvocationErrorResponse ─┤
//!     │              └───────────────────────next──────────────── ResponseSent ◄────┘ body complete
//!     ├─init/error─► InitError
//!     └─restore/next─► RestoreReady ─restore─► Restoring ─next─► Ready
//!                                                  └─restore/error─► RestoreError
//! ```
//!
//! With a concurrency above one the right-hand part runs once per invocation, and several polls may be parked.
//!
//! Deliberately absent: what an invocation carries, and how a parked poll is answered.

use super::Forbidden;

/// States by AWS's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuntimeState {
    Started,
    InitError,
    Ready,
    Running,
    InvocationResponse,
    InvocationErrorResponse,
    ResponseSent,
    RestoreReady,
    Restoring,
    RestoreError,
}

/// Names one parked poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParkId(u64);

/// Which of its two answers the runtime gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerKind {
    Response,
    Error,
}

impl AnswerKind {
    const fn state(self) -> RuntimeState {
        match self {
            Self::Response => RuntimeState::InvocationResponse,
            Self::Error => RuntimeState::InvocationErrorResponse,
        }
    }
}

/// What to do with a poll for the next invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Hold it until there is work. `superseded` is an older parked poll that must be refused in exchange.
    Park {
        id: ParkId,
        superseded: Option<ParkId>,
        first: bool,
    },
    /// Answer it at once with this invocation.
    HandOut {
        request_id: String,
        first: bool,
    },
    Refuse(Forbidden<RuntimeState>),
}

/// What to do with an offered invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handout {
    /// Answer this parked poll with it.
    To(ParkId),
    /// Nobody polls: the next poll takes it.
    Later,
    /// As many invocations as the environment may run are in flight, or this id is.
    Full,
}

/// Why an answer is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerRefused {
    /// Unknown, old, or already answered.
    UnknownId,
    /// Given up by the platform while the runtime worked on it.
    TimedOut,
    Forbidden(Forbidden<RuntimeState>),
}

/// What a report to `init/error` means in the present state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitErrorAs {
    Init,
    Restore,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Started,
    InitError,
    RestoreReady,
    Restoring,
    RestoreError,
    Serving,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Offered,
    Running,
    Answering(AnswerKind),
}

#[derive(Clone, Debug)]
struct InFlight {
    request_id: String,
    stage: Stage,
}

/// Ids given up while in flight that are still told apart from ids never seen.
const REMEMBERED_ABORTS: usize = 16;

#[derive(Debug)]
pub struct RuntimeMachine {
    max_concurrency: usize,
    phase: Phase,
    in_flight: Vec<InFlight>,
    parked: Vec<ParkId>,
    parks: u64,
    aborted: Vec<String>,
}

impl RuntimeMachine {
    /// Starts in `Started`; `max_concurrency` is how many invocations may be in flight at once.
    pub fn new(max_concurrency: usize) -> Self {
        Self {
            max_concurrency: max_concurrency.max(1),
            phase: Phase::Started,
            in_flight: Vec::new(),
            parked: Vec::new(),
            parks: 0,
            aborted: Vec::new(),
        }
    }

    /// Tells the state by AWS's name; with several invocations in flight, that of the oldest.
    pub fn state(&self) -> RuntimeState {
        match self.phase {
            Phase::Started => RuntimeState::Started,
            Phase::InitError => RuntimeState::InitError,
            Phase::RestoreReady => RuntimeState::RestoreReady,
            Phase::Restoring => RuntimeState::Restoring,
            Phase::RestoreError => RuntimeState::RestoreError,
            Phase::Serving => self.serving_state(),
        }
    }

    fn serving_state(&self) -> RuntimeState {
        match self
            .in_flight
            .iter()
            .map(|one| one.stage)
            .find(|stage| *stage != Stage::Offered)
        {
            Some(Stage::Answering(kind)) => kind.state(),
            Some(_) => RuntimeState::Running,
            None if self.parked.is_empty() => RuntimeState::ResponseSent,
            None => RuntimeState::Ready,
        }
    }

    /// Whether the runtime waits for work and has none.
    pub fn is_idle(&self) -> bool {
        self.phase == Phase::Serving && self.in_flight.is_empty() && !self.parked.is_empty()
    }

    /// Whether the runtime asked for its first invocation.
    pub fn is_initialized(&self) -> bool {
        self.phase == Phase::Serving
    }

    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Takes an invocation in. It may come before the runtime polled: the first poll then takes it.
    #[must_use]
    pub fn offer(&mut self, request_id: &str) -> Handout {
        if self.in_flight.len() >= self.max_concurrency || self.position(request_id).is_some() {
            return Handout::Full;
        }
        // The newest poll is the one most likely to have a living client behind it.
        let park = if self.phase == Phase::Serving {
            self.parked.pop()
        } else {
            None
        };
        let stage = if park.is_some() {
            Stage::Running
        } else {
            Stage::Offered
        };
        self.in_flight.push(InFlight {
            request_id: request_id.to_owned(),
            stage,
        });
        park.map_or(Handout::Later, Handout::To)
    }

    /// The runtime polls.
    #[must_use]
    pub fn poll(&mut self) -> Next {
        let first = match self.phase {
            Phase::Started | Phase::Restoring => true,
            Phase::Serving => false,
            _ => return Next::Refuse(self.forbidden(RuntimeState::Ready)),
        };
        self.phase = Phase::Serving;
        if let Some(offered) = self
            .in_flight
            .iter_mut()
            .find(|one| one.stage == Stage::Offered)
        {
            offered.stage = Stage::Running;
            return Next::HandOut {
                request_id: offered.request_id.clone(),
                first,
            };
        }
        self.poll_without_offer(first)
    }

    fn poll_without_offer(&mut self, first: bool) -> Next {
        if self.max_concurrency > 1 {
            return self.park(first);
        }
        match self.in_flight.first() {
            None => self.park(first),
            // Its connection broke after the hand-out, or it polls twice: the same invocation again, as AWS does.
            Some(one) if one.stage == Stage::Running => Next::HandOut {
                request_id: one.request_id.clone(),
                first,
            },
            Some(_) => Next::Refuse(self.forbidden(RuntimeState::Ready)),
        }
    }

    fn park(&mut self, first: bool) -> Next {
        // A runtime may poll again after losing its connection, so a further poll pushes out the oldest.
        let superseded = (self.parked.len() >= self.max_concurrency).then(|| self.parked.remove(0));
        self.parks += 1;
        let id = ParkId(self.parks);
        self.parked.push(id);
        Next::Park {
            id,
            superseded,
            first,
        }
    }

    /// A parked poll lost its connection. Returns false if it was no longer parked.
    pub fn unpark(&mut self, id: ParkId) -> bool {
        let before = self.parked.len();
        self.parked.retain(|parked| *parked != id);
        before != self.parked.len()
    }

    /// A hand-out did not reach the runtime: the invocation goes to another parked poll, or waits for one.
    #[must_use]
    pub fn take_back(&mut self, request_id: &str) -> Handout {
        let Some(position) = self.position(request_id) else {
            return Handout::Later;
        };
        let park = self.parked.pop();
        let stage = if park.is_some() {
            Stage::Running
        } else {
            Stage::Offered
        };
        self.in_flight[position].stage = stage;
        park.map_or(Handout::Later, Handout::To)
    }

    /// The head of an answer arrived.
    pub fn begin_answer(&mut self, id: &str, kind: AnswerKind) -> Result<(), AnswerRefused> {
        let Some(position) = self.position(id) else {
            return Err(self.unknown(id));
        };
        match self.in_flight[position].stage {
            Stage::Running => {
                self.in_flight[position].stage = Stage::Answering(kind);
                Ok(())
            }
            // The id leaked to the runtime before the invocation did: to it this id is unknown.
            Stage::Offered => Err(AnswerRefused::UnknownId),
            Stage::Answering(_) => Err(AnswerRefused::Forbidden(self.forbidden(kind.state()))),
        }
    }

    fn unknown(&self, id: &str) -> AnswerRefused {
        if self.max_concurrency > 1 && self.aborted.iter().any(|aborted| aborted == id) {
            return AnswerRefused::TimedOut;
        }
        AnswerRefused::UnknownId
    }

    /// The answer is complete, or its connection broke.
    pub fn finish_answer(&mut self, id: &str) {
        self.in_flight.retain(|one| one.request_id != id);
    }

    /// The platform gives an invocation up.
    pub fn abort(&mut self, id: &str) {
        let Some(position) = self.position(id) else {
            return;
        };
        self.in_flight.remove(position);
        if self.aborted.len() == REMEMBERED_ABORTS {
            self.aborted.remove(0);
        }
        self.aborted.push(id.to_owned());
    }

    pub fn init_error(&mut self) -> Result<InitErrorAs, Forbidden<RuntimeState>> {
        match self.phase {
            Phase::Started => {
                self.phase = Phase::InitError;
                Ok(InitErrorAs::Init)
            }
            Phase::Restoring => {
                self.phase = Phase::RestoreError;
                Ok(InitErrorAs::Restore)
            }
            _ => Err(self.forbidden(RuntimeState::InitError)),
        }
    }

    /// The runtime is ready to be snapshotted.
    pub fn restore_next(&mut self) -> Result<(), Forbidden<RuntimeState>> {
        match self.phase {
            Phase::Started | Phase::RestoreReady => {
                self.phase = Phase::RestoreReady;
                Ok(())
            }
            _ => Err(self.forbidden(RuntimeState::RestoreReady)),
        }
    }

    /// The platform restored the snapshot: the runtime runs its after-restore hooks.
    pub fn restore(&mut self) -> Result<(), Forbidden<RuntimeState>> {
        self.step(
            Phase::RestoreReady,
            Phase::Restoring,
            RuntimeState::Restoring,
        )
    }

    pub fn restore_error(&mut self) -> Result<(), Forbidden<RuntimeState>> {
        self.step(
            Phase::Restoring,
            Phase::RestoreError,
            RuntimeState::RestoreError,
        )
    }

    fn step(
        &mut self,
        from: Phase,
        to: Phase,
        name: RuntimeState,
    ) -> Result<(), Forbidden<RuntimeState>> {
        if self.phase != from {
            return Err(self.forbidden(name));
        }
        self.phase = to;
        Ok(())
    }

    fn position(&self, request_id: &str) -> Option<usize> {
        self.in_flight
            .iter()
            .position(|one| one.request_id == request_id)
    }

    fn forbidden(&self, to: RuntimeState) -> Forbidden<RuntimeState> {
        Forbidden {
            from: self.state(),
            to,
        }
    }
}

#[cfg(test)]
mod tests;
