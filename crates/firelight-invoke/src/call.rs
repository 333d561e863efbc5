//! What the front door asks of the data plane, and what it gets back.
//!
//! A [`Call`] is owned plain data, so that it can be sent to another machine: no channel, no descriptor and no
//! reference to anything that lives here. An [`Outcome`] keeps apart what a caller may do next: only
//! [`Outcome::NotStarted`] may ever be sent again.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use firelight_model::{AccountId, FunctionName, RequestId, VersionKey};

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

/// What became of a call.
#[derive(Debug)]
pub enum Outcome {
    /// The function ran and answered, or failed in a way that is its own doing.
    Completed(Completed),
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
