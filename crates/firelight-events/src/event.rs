//! An event as it was accepted, and the text that names its lane in the queue.

use bytes::Bytes;
use firelight_model::{FunctionArn, Qualifier, RequestId, shard};
use firelight_store::Lane;

/// The largest payload that may be accepted: 1 MiB. The front door refuses larger ones with AWS's text.
pub const LARGEST_PAYLOAD: usize = 1_048_576;

/// An asynchronous invocation to accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRequest {
    /// Made at the front door; the function sees it in every attempt.
    pub request_id: RequestId,
    /// The function.
    pub function: FunctionArn,
    /// The qualifier as the caller gave it; which version it means is decided with each attempt.
    pub qualifier: Option<Qualifier>,
    /// A JSON text.
    pub payload: Bytes,
    /// The trace header of the request, if it had one.
    pub trace: Option<String>,
    /// The tenant of a function that isolates tenants.
    pub tenant_id: Option<String>,
}

impl EventRequest {
    /// The function's ARN as the caller addressed it: what the function sees.
    pub(crate) fn invoked_arn(&self) -> String {
        self.function.with(self.qualifier.as_ref())
    }

    /// The function's ARN as records show it: always qualified.
    pub(crate) fn qualified_arn(&self) -> String {
        let qualifier = self.qualifier.as_ref().unwrap_or(&Qualifier::Latest);
        self.function.qualified(qualifier)
    }
}

/// The lane of a function's events.
pub(crate) fn event_lane(function: &FunctionArn) -> Lane {
    lane("event", function)
}

/// The lane of what a function's events leave behind: a target that is down holds up no event.
pub(crate) fn delivery_lane(function: &FunctionArn) -> Lane {
    lane("delivery", function)
}

fn lane(kind: &str, function: &FunctionArn) -> Lane {
    Lane {
        shard: shard(function.account, &function.name),
        name: format!("{kind}/{}/{}", function.account, function.name),
    }
}
