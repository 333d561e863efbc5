//! Records that belong to one qualifier of a function: URL, event invoke config, provisioned concurrency.

use firelight_model::{InvokeMode, UrlAuthType, WallTime};
use serde::{Deserialize, Serialize};

use super::codec;

/// A function URL. It stays when its alias goes, and answers 403 from then on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UrlRecord {
    /// The first label of the host name; never given to anybody else.
    pub id: String,
    #[serde(with = "codec::text")]
    pub auth_type: UrlAuthType,
    /// `None` if never given, which answers about changes tell apart.
    #[serde(with = "codec::optional_text", default)]
    pub invoke_mode: Option<InvokeMode>,
    #[serde(default)]
    pub cors: Option<CorsRecord>,
    #[serde(with = "codec::epoch_ms")]
    pub created: WallTime,
    #[serde(with = "codec::epoch_ms")]
    pub last_modified: WallTime,
}

/// Cross-origin rules, with exactly the members that were given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorsRecord {
    #[serde(default)]
    pub allow_credentials: Option<bool>,
    #[serde(default)]
    pub allow_headers: Option<Vec<String>>,
    #[serde(default)]
    pub allow_methods: Option<Vec<String>>,
    #[serde(default)]
    pub allow_origins: Option<Vec<String>>,
    #[serde(default)]
    pub expose_headers: Option<Vec<String>>,
    #[serde(default)]
    pub max_age_seconds: Option<u32>,
}

/// What becomes of events that are invoked asynchronously.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventInvokeRecord {
    #[serde(default)]
    pub maximum_retry_attempts: Option<u32>,
    #[serde(default)]
    pub maximum_event_age_seconds: Option<u32>,
    #[serde(default)]
    pub on_success: Option<String>,
    #[serde(default)]
    pub on_failure: Option<String>,
    #[serde(with = "codec::epoch_ms")]
    pub last_modified: WallTime,
}

/// How many environments are kept ready for a version or an alias.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProvisionedRecord {
    pub requested: u32,
    pub allocated: u32,
    pub available: u32,
    pub status: ProvisionedStatus,
    #[serde(with = "codec::epoch_ms")]
    pub last_modified: WallTime,
}

/// ```text
///  InProgress ──► Ready        any change of the request or of the alias ──► InProgress
///       └───────► Failed
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name")]
pub enum ProvisionedStatus {
    InProgress,
    Ready,
    Failed { reason: String },
}
