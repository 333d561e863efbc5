//! The control plane: what exists, and how it comes to be, changes and goes.
//!
//! Functions with their versions and aliases, layers, policies, concurrency, and the IAM, STS and SSM state beside them.
//! Every operation decides on an in-memory [`View`], commits by compare and set, and returns when the view shows the
//! result; background work then leads functions from Pending to Active.
//!
//! Deliberately absent: HTTP and AWS's texts (the front door has them), and sandboxes.

mod aliases;
mod capacity_providers;
mod code_signing;
mod code_storage;
mod completion;
mod concurrency;
mod control;
mod erased;
mod event_invoke;
mod function_options;
mod functions;
pub mod iam;
mod idleness;
mod layers;
mod listing;
pub mod logs;
mod mappings;
mod outside;
mod permissions;
pub mod records;
mod scaling;
mod scope;
pub mod ssm;
pub mod sts;
mod tags;
mod transit;
mod urls;
pub mod usage;
mod view;

pub use aliases::{AliasDescription, AliasError, CreateAlias, Routing, UpdateAlias};
pub use capacity_providers::{
    CapacityProviderDescription, CapacityProviderError, CreateCapacityProvider,
};
pub use code_signing::{CodeSigningDescription, CodeSigningError, CodeSigningSettings};
pub use completion::{Completion, Preparer};
pub use concurrency::{AccountUsage, ConcurrencyError};
pub use control::{Control, Origin, StartError, StoreTrouble};
pub use event_invoke::{
    EventInvokeChange, EventInvokeDescription, EventInvokeError, EventInvokeSettings,
};
pub use function_options::OptionError;
pub use functions::{
    CodeError, CreateFunction, CreateFunctionError, CreationAnnouncement, DeleteFunctionError,
    FindError, FunctionDescription, NewCode, OpenCodeError, Page, PublishVersion,
    PublishVersionError, Settings, SettingsError, UpdateFunctionCode, UpdateFunctionConfiguration,
    UpdateFunctionError, VpcSettings,
};
pub use layers::{
    LayerFilter, LayerVersionDescription, PublishLayerVersion, PublishLayerVersionError,
};
pub use mappings::{
    CreateMapping, Duplicate, MappingDescription, MappingError, MappingFilter, SourceError,
    UpdateMapping,
};
pub use outside::{AWS_CODE_STORAGE_BYTES, DEFAULT_ACCOUNT_CONCURRENCY, Outside, RuntimeRefusal};
pub use permissions::{
    AddLayerPermission, AddPermission, Conditions, InvalidPrincipal, LayerPolicyError,
    PolicyDescription, PolicyError, Principal, PutResourcePolicy, RemoveLayerPermission,
    RemovePermission, ResourcePolicyError,
};
pub use scaling::ScalingError;
pub use scope::Scope;
pub use tags::{Tagged, TaggingError};
pub use urls::{UrlDescription, UrlError, UrlSettings};
pub use view::{
    Concurrency, FunctionEntry, LayerEntry, ResolveError, Resolved, VersionEntry, View, ViewStopped,
};
