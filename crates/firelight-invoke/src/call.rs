//! What the front door asks of the data plane, and what it gets back.
//!
//! A [`Call`] is owned plain data, so that it can be sent to another machine: no channel, no descriptor and no
//! reference to anything that lives here. An [`Outcome`] keeps apart what a caller may do next: only
//! [`Outcome::NotStarted`] may ever be sent again.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use firelight_model::{AccountId, FunctionName, RequestId, VersionKey};
use tokio::sync::mpsc;

use crate::admission::ThrottleReason;

/// One invocation to run.
#[derive(Clone, Debug)]
pub struct Call {
    pub request_id: RequestId,
    /// The exact version: aliases are resolved before.
    pub version: VersionKey,
    /// The ARN that the function sees: as the caller named it, by alias for example.
    pub invoked_arn: String,
    pub payload: Bytes,
    /// The decoded JSON of `X-Amz-Client-Context`.
    pub client_context: Option<String>,
    /// The trace header that the function gets.
    pub trace: Option<String>,
    pub tenant_id: Option<String>,
    pub log_tail: LogTail,
    pub response_mode: ResponseMode,
    /// Counts attempts at the same event, from 1.
    pub attempt: u32,
}

impl Call {
    pub fn account(&self) -> AccountId {
        self.version.account
    }

    pub fn function(&self) -> &FunctionName {
        &self.version.function
    }
}

/// Whether the caller wants the end of the log with the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogTail {
    None,
    /// The last 4 KB.
    Wanted,
}

/// How the caller takes the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseMode {
    /// Whole, at the end.
    Buffered,
    /// In parts, as the function writes them.
    Streaming,
}

/// What became of a call.
#[derive(Debug)]
pub enum Outcome {
    /// The function ran and answered, or failed in a way that is its own doing.
    Completed(Completed),
    /// The response of a streaming call has begun.
    Streaming(Streaming),
    /// Nothing of the function's code saw the event.
    NotStarted(NotStarted),
    /// It may have run; nobody knows how it ended.
    Unknown { reason: String },
}

#[derive(Debug)]
pub struct Completed {
    pub result: FunctionResult,
    /// The end of the log, if it was asked for.
    pub log_tail: Option<Bytes>,
}

/// A response that comes in parts. A slow reader holds the function back; dropping it lets the function finish.
#[derive(Debug)]
pub struct Streaming {
    pub content_type: Option<String>,
    parts: mpsc::Receiver<StreamItem>,
}

/// One step of a streamed response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamItem {
    Data(Bytes),
    /// The last one.
    End {
        error: Option<StreamError>,
        log_tail: Option<Bytes>,
    },
}

/// What went wrong after, or instead of, a streamed response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamError {
    /// For example `Unhandled`, or `Sandbox.Timedout`.
    pub code: String,
    /// The error payload.
    pub details: String,
}

impl StreamError {
    /// Describes a function error. The platform's own errors are named by their type.
    pub(crate) fn from_payload(payload: &[u8]) -> Self {
        #[derive(serde::Deserialize)]
        struct Typed {
            #[serde(rename = "errorType")]
            error_type: String,
        }
        let platform = serde_json::from_slice::<Typed>(payload)
            .ok()
            .map(|typed| typed.error_type)
            .filter(|kind| kind.starts_with("Sandbox.") || kind.starts_with("Runtime."));
        Self {
            code: platform.unwrap_or_else(|| "Unhandled".into()),
            details: String::from_utf8_lossy(payload).into_owned(),
        }
    }
}

impl Streaming {
    /// Makes a response of the parts that somebody sends; the last one is an [`StreamItem::End`].
    pub fn new(content_type: Option<String>, parts: mpsc::Receiver<StreamItem>) -> Self {
        Self {
            content_type,
            parts,
        }
    }

    /// Waits for the next step; `None` only if the environment's task ended without a last word. Cancel-safe.
    pub async fn next(&mut self) -> Option<StreamItem> {
        self.parts.recv().await
    }
}

/// What the function answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FunctionResult {
    Success(Bytes),
    /// A function error: the body of a 200 answer with `X-Amz-Function-Error`.
    Error(Bytes),
}

/// Why a call never reached the function.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotStarted {
    #[error("throttled: {}", .0.name())]
    Throttled(ThrottleReason),
    #[error("no version {0} is known here")]
    NoSuchVersion(VersionKey),
    #[error("this host has no room for another environment: {reason}")]
    NoCapacity { reason: String },
    #[error("no environment could be made: {reason}")]
    LaunchFailed { reason: String },
    #[error("the platform is shutting down")]
    Draining,
}

/// Runs calls: here, elsewhere, or (in tests) nowhere.
pub trait Invoker: Send + Sync {
    /// Runs one call. The call goes on when the returned future is dropped; only its answer is lost.
    fn invoke(&self, call: Call) -> Pin<Box<dyn Future<Output = Outcome> + Send + '_>>;
}
