//! What goes into the environment, and what the session tells its owner.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::answer::{ErrorReport, ErrorType};
use crate::telemetry::{Category, TelemetryApi};

/// One invocation as the runtime gets it. Absent fields have no header.
#[derive(Clone, Debug, Default)]
pub struct Event {
    pub request_id: String,
    /// When the function is cut off, in milliseconds since the epoch.
    pub deadline_ms: u64,
    pub invoked_function_arn: String,
    pub trace_id: Option<String>,
    /// JSON, decoded from the caller's base64.
    pub client_context: Option<String>,
    /// JSON `{"cognitoIdentityId","cognitoIdentityPoolId"}`.
    pub cognito_identity: Option<String>,
    pub tenant_id: Option<String>,
    /// `application/json` when absent.
    pub content_type: Option<String>,
    pub payload: Bytes,
}

/// What the owner of the environment has to know. Bounded by construction: each kind comes at most once per
/// generation and extension, `Idle` and `RuntimeAsked` at most once more than invocations were offered.
#[derive(Clone, Debug)]
pub enum SessionEvent {
    /// The runtime asked for its first invocation of this generation.
    RuntimeReady,
    /// The runtime and all extensions wait for work: init, or the invoke phase with its extensions, is over. Of an
    /// invoke phase it is told only to an owner that asked while it lasted.
    Idle,
    /// The runtime waits for work; told once after [`crate::Session::runtime_waits`] found that it does not.
    RuntimeAsked,
    /// The runtime gave up while starting. It exits next.
    InitError(ErrorReport),
    /// The runtime waits to be snapshotted.
    RestoreReady,
    /// An after-restore hook failed.
    RestoreError(ErrorReport),
    ExtensionRegistered {
        name: String,
        kind: ExtensionKind,
        events: Vec<ExtensionEvent>,
    },
    /// The extension asked for its first event.
    ExtensionReady { name: String },
    ExtensionInitError {
        name: String,
        error_type: ErrorType,
        payload: Bytes,
    },
    ExtensionExitError {
        name: String,
        error_type: ErrorType,
        payload: Bytes,
    },
    TelemetrySubscribed {
        name: String,
        api: TelemetryApi,
        categories: Vec<Category>,
    },
}

/// External extensions are processes of their own; internal ones live in the runtime's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtensionKind {
    External,
    Internal,
}

/// What an extension can ask to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtensionEvent {
    Invoke,
    Shutdown,
}

impl ExtensionEvent {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invoke => "INVOKE",
            Self::Shutdown => "SHUTDOWN",
        }
    }
}

/// Why the environment ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShutdownReason {
    Spindown,
    Timeout,
    Failure,
}

impl ShutdownReason {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Spindown => "spindown",
            Self::Timeout => "timeout",
            Self::Failure => "failure",
        }
    }
}

/// The owner's end of a session's events.
#[derive(Debug)]
pub struct SessionEvents {
    pub(crate) receiver: mpsc::UnboundedReceiver<(u64, SessionEvent)>,
    pub(crate) generation: Arc<AtomicU64>,
}

impl SessionEvents {
    /// Waits for the next event of the present generation; `None` once the session is gone. Cancel-safe.
    pub async fn next(&mut self) -> Option<SessionEvent> {
        loop {
            let (generation, event) = self.receiver.recv().await?;
            if self.is_present(generation) {
                return Some(event);
            }
        }
    }

    /// Takes an event that already happened.
    pub fn try_next(&mut self) -> Option<SessionEvent> {
        loop {
            let (generation, event) = self.receiver.try_recv().ok()?;
            if self.is_present(generation) {
                return Some(event);
            }
        }
    }

    fn is_present(&self, generation: u64) -> bool {
        generation == self.generation.load(Ordering::Acquire)
    }
}
