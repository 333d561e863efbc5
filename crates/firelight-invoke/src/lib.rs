//! The data plane: from a call to an answer.
//!
//! ```text
//!  Call ─► DataPlane ─► admission ─► pool of the version ─► environment ─► runtime in its sandbox
//!                                                               └─► journal (log), meter (usage)
//! ```
//!
//! Read `call` for what is asked and answered, `pool` for who serves whom, `environment` for the life of one
//! environment, and `keeper` for the task that ties them together.
//!
//! Deliberately absent: HTTP, signatures, SQL, and which driver makes the sandboxes.

mod admission;
mod assignment;
mod bandwidth;
mod bucket;
mod call;
mod clock;
mod data_plane;
mod environment;
mod error_payload;
mod host;
mod journal;
mod keeper;
mod metering;
mod metrics;
mod platform_event;
mod pool;
mod pools;
mod ports;
mod prepare;
mod recruiter;
mod responder;
mod settings;
mod shared_keeper;
mod spans;
mod started;
mod zip_ground;

pub use admission::{Ceiling, Paces, Quota, ThrottleReason};
pub use bandwidth::{StreamLimits, StreamRate};
pub use bucket::{Bucket, Pace};
pub use call::{
    Call, Completed, FunctionResult, Invoker, LogTail, NotStarted, Outcome, ResponseMode,
    StreamError, StreamItem, Streaming,
};
pub use clock::Clock;
pub use data_plane::{DataPlane, ProvisionError};
pub use firelight_runtimes::{Ahead, InitializationType};
pub use host::{Budget, HostUse};
pub use metering::InvocationMeter;
pub use metrics::{BOUNDS_MS, Histogram, Snapshot, StartKind, VersionSnapshot};
pub use pool::Counts;
pub use ports::{
    CredentialSource, Credentials, LogSink, Ports, Randomness, ThrottleSink, TrafficSink,
    UsageSink, Versions,
};
pub use prepare::{EnvironmentFacts, Prepare, PrepareError, Prepared, RUNTIME_API};
pub use settings::Settings;
pub use spans::{InvocationSpans, Phase, PhaseSpan, SpanSink};
pub use zip_ground::ZipGround;
