//! What the data plane needs from outside, given by whoever wires it up: closures and plain data.

use std::sync::Arc;

use firelight_model::{FunctionVersion, VersionKey};
use firelight_sandbox::{Egress, Traffic};
use firelight_store::LogLine;

use crate::admission::Quota;
use crate::clock::Clock;
use crate::metering::InvocationMeter;
use crate::prepare::Prepare;
use crate::spans::SpanSink;

/// Finds what may be invoked; the control plane's view. It must answer at once and from memory.
pub trait Versions: Send + Sync + 'static {
    /// The version with exactly this key; `None` when it was changed or deleted since.
    fn find(&self, key: &VersionKey) -> Option<Arc<FunctionVersion>>;

    /// The versions of which environments are kept ready, and how many of each.
    fn provisioned(&self) -> Vec<(VersionKey, u32)>;

    /// The concurrency that the version may count on now.
    fn quota(&self, key: &VersionKey) -> Quota;

    /// What new environments of the version reach, where `usual` is what those of most versions do.
    fn egress(&self, _version: &FunctionVersion, usual: Egress) -> Egress {
        usual
    }
}

/// The credentials of an execution role, as the function gets them.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: String,
}

/// Takes log lines off the hot path; it never blocks.
pub type LogSink = Arc<dyn Fn(LogLine) + Send + Sync>;
/// Takes what an invocation used; it never blocks.
pub type UsageSink = Arc<dyn Fn(InvocationMeter) + Send + Sync>;
/// Takes what went through an environment's way out since it was last told; it never blocks.
pub type TrafficSink = Arc<dyn Fn(&FunctionVersion, Traffic) + Send + Sync>;
/// Counts a throttled invocation; it never blocks.
pub type ThrottleSink = Arc<dyn Fn(&FunctionVersion) + Send + Sync>;
/// Makes fresh credentials for a version's role.
pub type CredentialSource = Arc<dyn Fn(&FunctionVersion) -> Credentials + Send + Sync>;
/// Makes 128 random bits.
pub type Randomness = Arc<dyn Fn() -> u128 + Send + Sync>;

/// Everything from outside.
pub struct Ports<D> {
    pub driver: D,
    pub versions: Arc<dyn Versions>,
    pub prepare: Arc<dyn Prepare>,
    pub logs: LogSink,
    pub usage: UsageSink,
    pub traffic: TrafficSink,
    pub throttles: ThrottleSink,
    /// Where spans go, if anybody collects them.
    pub spans: Option<SpanSink>,
    pub credentials: CredentialSource,
    pub random: Randomness,
    pub clock: Clock,
}
