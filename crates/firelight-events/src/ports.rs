//! What the dispatcher needs from outside, given by whoever wires it up.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use firelight_invoke::{Clock, Invoker, Randomness};
use firelight_model::{Draw, FunctionArn, Qualifier, RecursiveLoop, VersionKey};

use crate::policy::Limits;
use crate::work::Delivery;

/// Finds what an event runs on; the control plane's view. It must answer at once and from memory.
pub trait Functions: Send + Sync + 'static {
    /// Resolves a qualifier as things stand now. `draw` decides between the versions of a weighted alias.
    fn resolve(
        &self,
        function: &FunctionArn,
        qualifier: Option<&Qualifier>,
        draw: Draw,
    ) -> Resolution;
}

/// What an event runs on.
#[derive(Clone, Debug)]
pub enum Resolution {
    Ready(Box<Resolved>),
    /// Not at this moment: the function is still being made, for example.
    NotNow {
        reason: String,
    },
    /// The function or the qualifier does not exist any more: the event is dropped.
    Gone,
}

/// A version, and how events of the invoked qualifier are treated.
#[derive(Clone, Debug)]
pub struct Resolved {
    pub version: VersionKey,
    pub limits: Limits,
    pub targets: Targets,
    /// Reserved concurrency is 0: nothing of the function may run.
    pub stopped: bool,
    pub recursive_loop: RecursiveLoop,
}

/// ARNs of whom to tell, as they were configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Targets {
    /// The on-success destination.
    pub on_success: Option<String>,
    /// The on-failure destination.
    pub on_failure: Option<String>,
    /// The function's dead-letter queue or topic.
    pub dead_letter: Option<String>,
}

/// Hands records and dead letters over to other services.
pub trait Deliver: Send + Sync + 'static {
    /// Makes one signed call. It may be made again after an error, or after a crash.
    fn deliver<'a>(
        &'a self,
        delivery: &'a Delivery,
    ) -> Pin<Box<dyn Future<Output = Result<(), DeliverError>> + Send + 'a>>;
}

/// Why something was not delivered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeliverError {
    /// The service will not take it, now or later: no such queue, access denied.
    #[error("refused: {reason}")]
    Refused { reason: String },
    /// The service could not be reached or failed; it is tried again.
    #[error("unavailable: {reason}")]
    Unavailable { reason: String },
}

/// Everything from outside.
#[derive(Clone)]
pub struct Ports {
    pub functions: Arc<dyn Functions>,
    pub invoker: Arc<dyn Invoker>,
    pub deliver: Arc<dyn Deliver>,
    pub clock: Clock,
    pub random: Randomness,
}
