//! The owner's handle of a session.

use std::io;
use std::net::TcpListener;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::answer::{Abandoned, Answer, AnswerTime, Sent};
use crate::config::SessionConfig;
use crate::event::{Event, SessionEvents, ShutdownReason};
use crate::listener::{Abuse, AbuseCounters, ListenerTask};
use crate::machine::{Forbidden, RuntimeState};
use crate::state::{Credentials, EventSender, Shared, State};
use crate::telemetry::{Connect, Subscriptions, TelemetryRecord};

/// Serves one environment's listener. Dropping it closes the listener and every connection.
pub struct Session {
    shared: Arc<Shared>,
    listener: ListenerTask,
}

/// One invocation in flight. Dropping it does not stop the runtime; [`Session::abort_invocation`] or
/// [`Session::reset`] do.
#[derive(Debug)]
pub struct Invocation {
    answer: oneshot::Receiver<Sent>,
    time: Option<(Instant, Arc<OnceLock<Instant>>)>,
}

impl Invocation {
    /// Waits for the answer; a streamed one comes as soon as its head is there. Cancel-safe. Not to be awaited again
    /// once it returned.
    pub async fn answer(&mut self) -> Result<Answer, Abandoned> {
        let sent = (&mut self.answer).await.map_err(|_| Abandoned)?;
        self.time = Some((sent.first_byte, sent.last_byte));
        Ok(sent.answer)
    }

    /// When the answer came, once it was given out. One that broke off ended just now.
    pub fn answer_time(&self) -> Option<AnswerTime> {
        let (first_byte, last_byte) = self.time.as_ref()?;
        Some(AnswerTime {
            first_byte: *first_byte,
            last_byte: last_byte.get().copied().unwrap_or_else(Instant::now),
        })
    }
}

/// The environment cannot take another invocation.
#[derive(Debug, thiserror::Error)]
#[error("as many invocations are in flight as the environment may run")]
pub struct OfferError {
    /// Given back untouched.
    pub event: Box<Event>,
}

impl Session {
    /// Starts serving. Needs a tokio runtime; `connect` opens connections inside the sandbox for telemetry.
    pub fn serve(
        listener: TcpListener,
        config: SessionConfig,
        connect: Arc<dyn Connect>,
    ) -> io::Result<(Self, SessionEvents)> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let generation = Arc::new(AtomicU64::new(0));
        let events = EventSender {
            sender,
            generation: Arc::clone(&generation),
        };
        let shared = Arc::new(Shared {
            state: std::sync::Mutex::new(State::new(&config, events)),
            counters: AbuseCounters::default(),
            telemetry: Subscriptions::new(connect),
            config,
        });
        let listener = ListenerTask::start(listener, Arc::clone(&shared))?;
        Ok((
            Self { shared, listener },
            SessionEvents {
                receiver,
                generation,
            },
        ))
    }

    /// Hands an invocation to the runtime: at once if it polls, else to its next poll.
    pub fn offer(&self, event: Event) -> Result<Invocation, OfferError> {
        let offered = self.shared.lock().offer(event);
        match offered {
            Ok(answer) => Ok(Invocation { answer, time: None }),
            Err(event) => Err(OfferError { event }),
        }
    }

    /// Gives an invocation up: a late answer to it is refused, its [`Invocation`] ends `Abandoned`.
    pub fn abort_invocation(&self, request_id: &str) {
        self.shared.lock().abort(request_id);
    }

    /// Begins a new generation after the processes were killed: closes every connection, also those the kernel still
    /// queued, and returns to `Started`. When it returns, nothing of the old generation is seen any more, not even
    /// through [`SessionEvents`].
    pub async fn reset(&self) {
        self.listener.reset().await;
    }

    /// Sends SHUTDOWN to the extensions that asked for it and returns how many there are.
    pub fn shutdown(&self, reason: ShutdownReason, deadline_ms: u64) -> usize {
        self.shared.lock().shut_down(reason, deadline_ms)
    }

    /// Tells a restored runtime to go on: answers its `restore/next`.
    pub fn restore(&self) -> Result<(), Forbidden<RuntimeState>> {
        let mut state = self.shared.lock();
        state.runtime.restore()?;
        if let Some(poll) = state.restore.take() {
            // A runtime that lost this connection polls again and is answered at once.
            let _ = poll.send(());
        }
        Ok(())
    }

    /// Sets what the credentials endpoint answers to this token. SnapStart only.
    pub fn set_credentials(&self, token: String, json: Bytes) {
        self.shared.lock().credentials = Some(Credentials { token, json });
    }

    /// Whether anybody may want telemetry; if not, no record needs to be made.
    pub fn wants_telemetry(&self) -> bool {
        self.shared.telemetry.is_wanted()
    }

    /// Ends the time in which extensions may subscribe.
    pub fn end_init_telemetry(&self) {
        self.shared.telemetry.end_init();
    }

    /// Sends at once what waits for batches to fill.
    pub fn flush_telemetry(&self) {
        self.shared.telemetry.flush();
    }

    /// Sends nothing until [`Session::resume_telemetry`]: the sandbox is being frozen.
    pub fn pause_telemetry(&self) {
        self.shared.telemetry.set_frozen(true);
    }

    pub fn resume_telemetry(&self) {
        self.shared.telemetry.set_frozen(false);
    }

    /// Hands a telemetry record to those that subscribed to its category.
    pub fn publish(&self, record: &TelemetryRecord) {
        self.shared.telemetry.publish(record);
    }

    /// The runtime's state by AWS's name.
    pub fn runtime_state(&self) -> RuntimeState {
        self.shared.lock().runtime.state()
    }

    /// Whether the runtime and all extensions wait for work. If not, [`SessionEvent::Idle`] tells when they do.
    pub fn is_idle(&self) -> bool {
        self.shared.lock().is_idle()
    }

    /// Whether the runtime waits for work. If not, [`SessionEvent::RuntimeAsked`] tells when it does.
    pub fn runtime_waits(&self) -> bool {
        self.shared.lock().runtime_waits()
    }

    /// Since when the runtime waits for work, if it does.
    pub fn runtime_asked_at(&self) -> Option<Instant> {
        self.shared.lock().runtime_asked_at()
    }

    /// User agent of the runtime's client, once it spoke.
    pub fn runtime_release(&self) -> Option<String> {
        self.shared.lock().runtime_release.clone()
    }

    /// How the inside misbehaved since the session began.
    pub fn abuse(&self) -> Abuse {
        self.shared.counters.read()
    }

    /// Stops serving and returns when every connection is closed.
    pub async fn close(self) {
        self.listener.stop().await;
    }
}
