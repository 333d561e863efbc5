//! The mutable heart of a session: the machines, and whom they made wait.
//!
//! Everything here happens under one lock that is never held across an await; a waiting request is a oneshot sender
//! kept here, answered by whoever brings its work.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::answer::Sent;
use crate::config::SessionConfig;
use crate::event::{Event, ExtensionEvent, SessionEvent, ShutdownReason};
use crate::machine::{ExtensionMachine, ExtensionState, Handout, ParkId, RuntimeMachine};
use crate::telemetry::Subscriptions;

/// What a session's connections and its owner share.
pub(crate) struct Shared {
    pub(crate) config: SessionConfig,
    pub(crate) state: std::sync::Mutex<State>,
    pub(crate) counters: crate::listener::AbuseCounters,
    pub(crate) telemetry: Subscriptions,
}

impl Shared {
    /// Locks the state. A poisoned lock means a bug of ours in a few lines without callbacks: going on is right,
    /// because the sandbox must not be able to take the owner down.
    pub(crate) fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

pub(crate) struct State {
    pub(crate) runtime: RuntimeMachine,
    pub(crate) extensions: Vec<Extension>,
    pub(crate) polls: Vec<(ParkId, oneshot::Sender<Arc<Event>>)>,
    pub(crate) restore: Option<oneshot::Sender<()>>,
    pub(crate) runtime_release: Option<String>,
    pub(crate) credentials: Option<Credentials>,
    work: Vec<Work>,
    shutdown: Option<Arc<ExtensionMessage>>,
    /// Something began that is not over until everybody waits for work again.
    busy: bool,
    /// The owner is to be told when it is over. It rarely asks: telling costs a wake-up for each invocation.
    tell_idle: bool,
    /// When the runtime asked for work the last time.
    asked_at: Option<Instant>,
    /// The owner is to be told when it asks again.
    tell_asked: bool,
    events: EventSender,
}

/// An invocation in flight.
struct Work {
    event: Arc<Event>,
    answer: Option<oneshot::Sender<Sent>>,
}

/// An extension since its registration.
pub(crate) struct Extension {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) events: Vec<ExtensionEvent>,
    pub(crate) machine: ExtensionMachine,
    /// Its waiting `event/next`.
    pub(crate) poll: Option<oneshot::Sender<Arc<ExtensionMessage>>>,
    /// Messages it has not fetched; at most one per invocation in flight, and the shutdown.
    pub(crate) queue: VecDeque<Arc<ExtensionMessage>>,
}

/// What an extension fetches.
#[derive(Debug)]
pub(crate) enum ExtensionMessage {
    Invoke(Arc<Event>),
    Shutdown {
        reason: ShutdownReason,
        deadline_ms: u64,
    },
}

/// Credentials that a SnapStart runtime fetches after its restore.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    pub(crate) token: String,
    pub(crate) json: bytes::Bytes,
}

/// Marks each event with the generation it belongs to, so that nothing of an earlier one is seen after a reset.
#[derive(Clone, Debug)]
pub(crate) struct EventSender {
    pub(crate) sender: mpsc::UnboundedSender<(u64, SessionEvent)>,
    pub(crate) generation: Arc<AtomicU64>,
}

impl EventSender {
    fn send(&self, event: SessionEvent) {
        // An owner that dropped its end does not want to know.
        let _ = self
            .sender
            .send((self.generation.load(Ordering::Acquire), event));
    }
}

impl Extension {
    /// Gives it a message now, or when it asks next.
    fn tell(&mut self, message: Arc<ExtensionMessage>) {
        let unsent = match self.poll.take() {
            Some(poll) => poll.send(message).err(),
            None => Some(message),
        };
        match unsent {
            Some(message) => self.queue.push_back(message),
            None => self.machine.hand_out(),
        }
    }

    fn waits(&self) -> bool {
        self.machine.state() == ExtensionState::Ready && self.queue.is_empty()
    }
}

impl State {
    pub(crate) fn new(config: &SessionConfig, events: EventSender) -> Self {
        Self {
            runtime: RuntimeMachine::new(config.max_concurrency),
            extensions: Vec::new(),
            polls: Vec::new(),
            restore: None,
            runtime_release: None,
            credentials: None,
            work: Vec::new(),
            shutdown: None,
            busy: true,
            tell_idle: true,
            asked_at: None,
            tell_asked: false,
            events,
        }
    }

    /// Forgets the generation: every waiting request and every invocation in flight is dropped.
    pub(crate) fn reset(&mut self, config: &SessionConfig) {
        self.events.generation.fetch_add(1, Ordering::AcqRel);
        let credentials = self.credentials.take();
        *self = Self {
            credentials,
            ..Self::new(config, self.events.clone())
        };
    }

    pub(crate) fn emit(&self, event: SessionEvent) {
        self.events.send(event);
    }

    /// Takes an invocation in and hands it to whoever waits. Gives the event back when there is no room.
    pub(crate) fn offer(&mut self, event: Event) -> Result<oneshot::Receiver<Sent>, Box<Event>> {
        let handout = self.runtime.offer(&event.request_id);
        if handout == Handout::Full {
            return Err(Box::new(event));
        }
        let event = Arc::new(event);
        let (answer, receiver) = oneshot::channel();
        self.work.push(Work {
            event: Arc::clone(&event),
            answer: Some(answer),
        });
        self.busy = true;
        self.tell_extensions(
            ExtensionEvent::Invoke,
            &Arc::new(ExtensionMessage::Invoke(event.clone())),
        );
        self.hand_out(handout, &event);
        Ok(receiver)
    }

    fn tell_extensions(&mut self, event: ExtensionEvent, message: &Arc<ExtensionMessage>) -> usize {
        let wanted = self
            .extensions
            .iter_mut()
            .filter(|one| one.events.contains(&event));
        wanted.map(|one| one.tell(Arc::clone(message))).count()
    }

    /// Answers a parked poll. One whose request was just dropped passes the invocation on.
    pub(crate) fn hand_out(&mut self, handout: Handout, event: &Arc<Event>) {
        let mut handout = handout;
        while let Handout::To(park) = handout {
            let sent = match self.take_poll(park) {
                Some(poll) => poll.send(Arc::clone(event)).is_ok(),
                None => false,
            };
            if sent {
                return;
            }
            handout = self.runtime.take_back(&event.request_id);
        }
    }

    pub(crate) fn take_poll(&mut self, park: ParkId) -> Option<oneshot::Sender<Arc<Event>>> {
        let position = self.polls.iter().position(|(id, _)| *id == park)?;
        Some(self.polls.swap_remove(position).1)
    }

    pub(crate) fn event(&self, request_id: &str) -> Option<Arc<Event>> {
        let work = self
            .work
            .iter()
            .find(|work| work.event.request_id == request_id)?;
        Some(Arc::clone(&work.event))
    }

    /// Takes the place where the answer goes; the first to come gets it.
    pub(crate) fn take_answer(&mut self, request_id: &str) -> Option<oneshot::Sender<Sent>> {
        self.work
            .iter_mut()
            .find(|work| work.event.request_id == request_id)?
            .answer
            .take()
    }

    pub(crate) fn finish(&mut self, request_id: &str) {
        self.runtime.finish_answer(request_id);
        self.forget(request_id);
    }

    pub(crate) fn abort(&mut self, request_id: &str) {
        self.runtime.abort(request_id);
        self.forget(request_id);
        self.note_idle();
    }

    fn forget(&mut self, request_id: &str) {
        self.work.retain(|work| work.event.request_id != request_id);
    }

    /// Notes that the runtime waits for work, and tells the owner if it asked.
    pub(crate) fn note_asked(&mut self) {
        self.asked_at = Some(Instant::now());
        if self.runtime.is_idle() && std::mem::take(&mut self.tell_asked) {
            self.emit(SessionEvent::RuntimeAsked);
        }
    }

    /// Whether the runtime waits for work; if not, the owner is told when it does.
    pub(crate) fn runtime_waits(&mut self) -> bool {
        let waits = self.runtime.is_idle();
        self.tell_asked = !waits;
        waits
    }

    /// Since when the runtime waits for work, if it does.
    pub(crate) fn runtime_asked_at(&self) -> Option<Instant> {
        self.asked_at.filter(|_| self.runtime.is_idle())
    }

    /// Notes when everybody waits, and tells the owner if it asked.
    pub(crate) fn note_idle(&mut self) {
        if self.busy && self.runtime.is_idle() && self.extensions.iter().all(Extension::waits) {
            self.busy = false;
            if std::mem::take(&mut self.tell_idle) {
                self.emit(SessionEvent::Idle);
            }
        }
    }

    /// Whether everybody waits for work; if not, the owner is told when they do.
    pub(crate) fn is_idle(&mut self) -> bool {
        self.tell_idle |= self.busy;
        !self.busy
    }

    /// Sends the shutdown to the extensions that asked for it. Returns how many.
    pub(crate) fn shut_down(&mut self, reason: ShutdownReason, deadline_ms: u64) -> usize {
        if self.shutdown.is_some() {
            return 0;
        }
        let message = Arc::new(ExtensionMessage::Shutdown {
            reason,
            deadline_ms,
        });
        self.shutdown = Some(Arc::clone(&message));
        self.tell_extensions(ExtensionEvent::Shutdown, &message)
    }

    /// Whether the runtime and every extension asked for their first event. A started runtime does so at once, while an
    /// extension may still have to subscribe.
    pub(crate) fn is_init_over(&self) -> bool {
        let mut extensions = self.extensions.iter();
        self.runtime.is_initialized()
            && extensions.all(|one| one.machine.state() != ExtensionState::Registered)
    }

    pub(crate) fn extension(&mut self, id: &str) -> Option<&mut Extension> {
        self.extensions.iter_mut().find(|one| one.id == id)
    }
}
