//! A poll for the next invocation, and what becomes of it when its connection goes away.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::event::{Event, SessionEvent};
use crate::machine::{Forbidden, Next, ParkId, RuntimeState};
use crate::state::{Shared, State};

pub(super) enum Polled {
    Work(Arc<Event>),
    Parked(Parked),
}

/// Polls for the runtime.
pub(super) fn poll(shared: &Arc<Shared>) -> Result<Polled, Forbidden<RuntimeState>> {
    let mut state = shared.lock();
    match state.runtime.poll() {
        Next::Refuse(step) => Err(step),
        Next::HandOut { request_id, first } => {
            note_first(&state, first);
            let event = state.event(&request_id);
            Ok(Polled::Work(
                event.expect("an invocation in flight has its event"),
            ))
        }
        Next::Park {
            id,
            superseded,
            first,
        } => {
            note_first(&state, first);
            Ok(Polled::Parked(park(shared, &mut state, id, superseded)))
        }
    }
}

fn note_first(state: &State, first: bool) {
    if first {
        state.emit(SessionEvent::RuntimeReady);
    }
}

fn park(shared: &Arc<Shared>, state: &mut State, id: ParkId, superseded: Option<ParkId>) -> Parked {
    let (sender, receiver) = oneshot::channel();
    // Dropping its sender wakes the superseded poll, which is then refused.
    drop(superseded.and_then(|old| state.take_poll(old)));
    state.polls.push((id, sender));
    state.note_asked();
    state.note_idle();
    Parked {
        shared: Arc::clone(shared),
        id,
        receiver,
        is_done: false,
    }
}

/// A poll that waits. Dropped while waiting (its connection closed) it takes itself out, and passes on an invocation
/// that was handed to it in the same moment.
pub(super) struct Parked {
    shared: Arc<Shared>,
    id: ParkId,
    receiver: oneshot::Receiver<Arc<Event>>,
    is_done: bool,
}

impl Parked {
    pub(super) async fn wait(mut self) -> Result<Arc<Event>, Forbidden<RuntimeState>> {
        let event = (&mut self.receiver).await;
        self.is_done = true;
        event.map_err(|_| Forbidden {
            from: RuntimeState::Ready,
            to: RuntimeState::Ready,
        })
    }
}

impl Drop for Parked {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        let mut state = self.shared.lock();
        if state.runtime.unpark(self.id) {
            drop(state.take_poll(self.id));
        } else if let Ok(event) = self.receiver.try_recv() {
            let handout = state.runtime.take_back(&event.request_id);
            state.hand_out(handout, &event);
        }
    }
}
