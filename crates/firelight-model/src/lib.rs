//! The domain of Firelight: names, ARNs, configuration, limits and small state machines, all pure.
//!
//! A value of these types is proof that it was checked: `MemorySize::from_mb(127)` is an `Err`, and past the front
//! door nobody checks memory again. Decisions that depend on time or chance take them as arguments.
//!
//! Deliberately absent: input and output, clocks, randomness, async, and every wire or disk format (no serde).

mod account;
mod arn;
mod concurrency;
mod configuration;
mod digest;
mod ids;
mod layer;
mod life_cycle;
mod logging;
mod name;
mod qualifier;
mod reference;
mod region;
mod routing;
mod runtime;
mod shard;
mod size;
mod tags;
mod text;
mod time;
mod variables;
mod version;

pub use account::{AccountId, AccountIdError};
pub use arn::{FunctionArn, RoleArn, RoleArnError};
pub use concurrency::{AccountConcurrency, ReserveError, UNRESERVED_MINIMUM};
pub use configuration::{
    EnvironmentConcurrency, InvokeMode, PackageType, RecursiveLoop, RuntimeUpdateMode, SnapStart,
    Tenancy, TracingMode, UnknownWord, UrlAuthType,
};
pub use digest::{CodeSha256, CodeSha256Error};
pub use ids::{ConfigIdentity, IdError, RequestId, RevisionId};
pub use layer::{
    LayerArn, LayerArnError, LayerListError, LayerName, LayerVersionArn, check_layers,
};
pub use life_cycle::{Busy, LastUpdate, LifeCycle, NotInvocable, Reason, State};
pub use logging::{
    ApplicationLogLevel, LevelWithText, LogForm, LogFormat, LogGroupName, LogGroupNameError,
    LoggingChange, LoggingConfig, SystemLogLevel,
};
pub use name::{FunctionName, FunctionNameError};
pub use qualifier::{AliasName, AliasNameError, Qualifier, QualifierError, Version, VersionNumber};
pub use reference::{FunctionReference, FunctionReferenceError, FunctionTarget, OtherRegion};
pub use region::{Partition, Region, RegionError};
pub use routing::{AliasRoute, Draw, RouteError, Weight};
pub use runtime::{
    Architecture, Handler, HandlerError, RECORDED_RUNTIMES, RuntimeIdentifier,
    RuntimeIdentifierError, runtime_version_arn,
};
pub use shard::{SHARD_COUNT, Shard, shard};
pub use size::{EphemeralStorage, FunctionTimeout, MemorySize, OutOfRange};
pub use tags::{ReservedTagKey, TAG_LIMIT, TagError, Tags, check_tag_keys};
pub use time::WallTime;
pub use variables::{EnvironmentVariables, VariablesError};
pub use version::{
    CodeBlob, FunctionVersion, ImagePackage, LayerBlob, Package, VersionKey, ZipPackage,
};
