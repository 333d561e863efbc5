//! Configuration: what the daemon and the clients are told, and by whom.
//!
//! ```text
//!  firelight.toml ─► FIRELIGHT_* variables ─► flags      each layer overrides the one before, key by key
//!          └──────────────┴───────────────────┴──► Layers ──► ServerConfig | ClientConfig
//! ```
//!
//! [`Layers`] holds texts with their provenance; the two resolved types hold checked values. Reading the process's
//! own environment happens in one place, [`Layers::of_process`], so that all else is tested with plain values.
//!
//! Deliberately absent: the daemon. What it does with a value is its own business.

mod egress;
mod endpoints;
mod file;
mod layers;
mod resolve;
mod settings;
mod traces;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use firelight_model::{AccountId, Region, RuntimeIdentifier};

pub use egress::{EgressConfig, TagPolicy};
pub use endpoints::{EndpointsConfig, Place};
pub use layers::{FlagValues, Layers, Sourced};
pub use settings::{EGRESS_TAGS_PREFIX, RUNTIMES_PREFIX, SETTINGS, is_secret};
pub use traces::TracesConfig;

/// Which of the two daemons runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// For a developer: any credentials, loopback only.
    Dev,
    /// For an operator: signatures verified, nothing weakened silently.
    Serve,
}

/// How callers of the API prove who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// Any credentials are accepted, and none.
    Any,
    /// Each request carries a valid signature version 4.
    Signature,
}

/// What function code can reach on the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    None,
    Internet,
    Host,
}

/// How the daemon writes its own log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// Everything the daemon is told.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    pub mode: Mode,
    pub listen: SocketAddr,
    /// Where the bound address is written once the daemon answers; for scripts that ask for port 0.
    pub port_file: Option<PathBuf>,
    pub data_dir: PathBuf,
    /// Who the daemon becomes once it has started as root.
    pub user: Option<String>,
    /// The account of callers whose access key names none.
    pub account: AccountId,
    pub region: Region,
    pub authentication: Authentication,
    /// Runtime identifiers that the operator maps to an interpreter on this host.
    pub runtimes: BTreeMap<RuntimeIdentifier, PathBuf>,
    pub sandbox: SandboxConfig,
    pub limits: LimitsConfig,
    /// Where metrics and health are; nowhere unless it is set.
    pub admin: Option<SocketAddr>,
    pub egress: EgressConfig,
    pub endpoints: EndpointsConfig,
    /// Where spans go; nowhere unless it is set.
    pub traces: Option<TracesConfig>,
    pub log: LogConfig,
}

/// What the daemon is told about execution environments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxConfig {
    /// Walls that may be missing on this host.
    pub accept_missing: BTreeSet<&'static str>,
    pub network: Network,
    /// Environments alive at once, on this machine.
    pub max_environments: u32,
    /// How many interpreters may wait, started, for functions; 0 for none.
    pub started_interpreters: u32,
    /// An environment without an invocation for this long is retired.
    pub idle: Duration,
}

/// What one account may ask of the functions in a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitsConfig {
    /// Invocations at once, of all functions together.
    pub concurrency: u32,
    /// Requests in a second for each unit of concurrency; `None` is no limit.
    pub requests_per_environment: Option<u32>,
    /// Calls in a second to the control plane; `None` is no limit.
    pub control_requests: Option<u32>,
    /// Connections of one address to the API; `None` is no limit.
    pub connections_per_address: Option<u32>,
    /// What all packages of an account may have together in a region.
    pub code_storage_bytes: u64,
    /// A function that nobody invoked for this long is inactive; `None` if none ever is.
    pub inactive_after: Option<Duration>,
}

/// What the daemon is told about its own log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// A filter in the syntax of `tracing`: a level, or `module=level` pairs.
    pub filter: String,
    pub format: LogFormat,
}

/// What a command that talks to a daemon is told.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// For `doctor`, which tries what a daemon would do.
    pub egress: EgressConfig,
    /// Base address, without a path.
    pub endpoint: String,
    pub data_dir: PathBuf,
    pub account: AccountId,
    pub region: Region,
    pub runtimes: BTreeMap<RuntimeIdentifier, PathBuf>,
}

/// A configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("could not read {path}")]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{path} is not valid TOML")]
    Syntax {
        path: PathBuf,
        #[source]
        source: Box<toml::de::Error>,
    },
    #[error("{source_name} sets {key:?}, which is not a setting{}", did_you_mean(.nearest.as_ref()))]
    UnknownKey {
        source_name: String,
        key: String,
        nearest: Option<String>,
    },
    #[error("{key} must be a single value in {path}")]
    NotScalar { key: String, path: PathBuf },
    #[error("sandbox.accept_missing names {name:?}, which is no wall ({source_name})")]
    NoSuchWall { name: String, source_name: String },
    #[error("{key} is {value:?} ({source_name}), but must be {expected}")]
    Invalid {
        key: String,
        value: String,
        source_name: String,
        expected: &'static str,
    },
    #[error("firelight dev listens on loopback only, and {listen} is not ({source_name})")]
    NotLoopback {
        listen: SocketAddr,
        source_name: String,
    },
    #[error(
        "firelight serve verifies signatures; authentication cannot be \"any\" ({source_name})"
    )]
    Unauthenticated { source_name: String },
    #[error("endpoints.{service} names another host, but nothing says whose key signs there")]
    NoSigningKey { service: &'static str },
    #[error("this build of Firelight exports no spans, and {key} is set")]
    NotBuilt { key: &'static str },
    #[error("neither XDG_STATE_HOME nor HOME is set, so there is no default data directory")]
    NoHome,
}

impl ConfigError {
    /// Says what a person can do about it, where that is not the message itself.
    pub fn remedy(&self) -> Option<&'static str> {
        Some(match self {
            Self::Read { .. } | Self::Syntax { .. } | Self::NotScalar { .. } => {
                "correct the file, or name another with --config"
            }
            Self::UnknownKey { .. } => "`firelight config` lists every setting and its variable",
            Self::Invalid { .. } => "`firelight config` shows each value and where it came from",
            Self::NoSuchWall { .. } => "`firelight doctor` lists the walls by name",
            Self::NotLoopback { .. } => {
                "listen on 127.0.0.1, or run `firelight serve`, which authenticates its callers"
            }
            Self::Unauthenticated { .. } => {
                "leave `authentication` out, or run `firelight dev` on loopback"
            }
            Self::NoSigningKey { .. } => {
                "set endpoints.access_key_id and endpoints.secret_access_key, or AWS_ACCESS_KEY_ID \
                 and AWS_SECRET_ACCESS_KEY"
            }
            Self::NotBuilt { .. } => "build it with `--features otel`, or leave the setting out",
            Self::NoHome => "name a directory with --data-dir",
        })
    }
}

fn did_you_mean(nearest: Option<&String>) -> String {
    nearest.map_or_else(String::new, |key| format!("; did you mean {key:?}?"))
}
