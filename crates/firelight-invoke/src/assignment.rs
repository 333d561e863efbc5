//! A call on its way to an environment, with the permit that lets it run and the way back for its answer.

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::admission::Permit;
use crate::call::{Call, NotStarted, Outcome};

#[derive(Debug)]
pub(crate) struct Assignment {
    pub(crate) call: Box<Call>,
    pub(crate) reply: oneshot::Sender<Outcome>,
    /// Held until the invocation is over, not only until it is answered.
    pub(crate) permit: Permit,
    /// When the call was admitted.
    pub(crate) since: Instant,
}

impl Assignment {
    /// Answers a call that no environment will run.
    pub(crate) fn refuse(self, reason: NotStarted) {
        // The caller may have gone.
        let _ = self.reply.send(Outcome::NotStarted(reason));
    }
}

/// The way to an environment. An environment with one seat has one handle, another one for each seat that is taken, and
/// its pool has one besides; dropping the last retires it.
#[derive(Clone, Debug)]
pub(crate) struct EnvironmentHandle {
    pub(crate) inbox: mpsc::Sender<Assigned>,
}

impl EnvironmentHandle {
    /// Hands an assignment to the environment, which the pool chose; gives it back where that is gone.
    pub(crate) fn assign(self, assignment: Assignment) -> Result<(), Assigned> {
        let inbox = self.inbox.clone();
        inbox
            .try_send(Assigned {
                assignment,
                handle: self,
            })
            .map_err(TrySendError::into_inner)
    }
}

impl PartialEq for EnvironmentHandle {
    fn eq(&self, other: &Self) -> bool {
        self.inbox.same_channel(&other.inbox)
    }
}

/// An assignment together with the handle, which travels to the environment and back to the pool.
#[derive(Debug)]
pub(crate) struct Assigned {
    pub(crate) assignment: Assignment,
    pub(crate) handle: EnvironmentHandle,
}
