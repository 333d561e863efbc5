//! The record of a function: what belongs to the whole function, and its `$LATEST`.

use std::collections::BTreeMap;

use firelight_model::{
    ConfigIdentity, LifeCycle, RecursiveLoop, RevisionId, Tenancy, VersionNumber, WallTime,
};
use serde::{Deserialize, Serialize};

use super::codec;
use super::configuration::Configuration;
use super::life_cycle;
use super::policy::PolicyRecord;

/// A function and its `$LATEST`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FunctionRecord {
    pub latest: LatestRecord,
    #[serde(with = "life_cycle")]
    pub life_cycle: LifeCycle,
    #[serde(with = "codec::text")]
    pub revision: RevisionId,
    #[serde(with = "codec::epoch_ms")]
    pub last_modified: WallTime,
    /// What runs while an update of `latest` is in progress.
    #[serde(default)]
    pub serving: Option<LatestRecord>,
    /// The number the next publication gets. It never goes back, so no number is used twice.
    #[serde(with = "codec::version_number")]
    pub next_version: VersionNumber,
    #[serde(default)]
    pub last_published: Option<LastPublished>,
    #[serde(default)]
    pub reserved_concurrency: Option<u32>,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    #[serde(default)]
    pub policy: PolicyRecord,
    #[serde(default)]
    pub code_signing_config: Option<String>,
    #[serde(with = "codec::text", default = "terminate")]
    pub recursive_loop: RecursiveLoop,
    #[serde(default)]
    pub runtime_management: RuntimeManagement,
}

/// One state of the mutable version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatestRecord {
    #[serde(with = "codec::text")]
    pub identity: ConfigIdentity,
    pub configuration: Configuration,
}

/// The newest publication, to tell whether another one would change anything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LastPublished {
    #[serde(with = "codec::version_number")]
    pub number: VersionNumber,
    /// The description that `$LATEST` had then; the version itself may have got another.
    pub latest_description: String,
}

/// How a version gets newer releases of its runtime.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuntimeManagement {
    #[serde(with = "codec::text")]
    pub mode: firelight_model::RuntimeUpdateMode,
    #[serde(default)]
    pub runtime_version_arn: Option<String>,
}

impl Default for RuntimeManagement {
    fn default() -> Self {
        Self {
            mode: firelight_model::RuntimeUpdateMode::Auto,
            runtime_version_arn: None,
        }
    }
}

fn terminate() -> RecursiveLoop {
    RecursiveLoop::Terminate
}

impl FunctionRecord {
    /// Tells whether each environment of the function belongs to one tenant.
    pub(crate) fn isolates_tenants(&self) -> bool {
        self.latest.configuration.tenancy != Tenancy::Shared
    }

    /// Returns the configuration that invocations of `$LATEST` run now.
    pub fn running(&self) -> &LatestRecord {
        self.serving.as_ref().unwrap_or(&self.latest)
    }
}
