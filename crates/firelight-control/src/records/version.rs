//! The record of a published version. Its code and configuration never change; its policy and its scaling may.

use firelight_model::{ConfigIdentity, LifeCycle, RevisionId, WallTime};
use serde::{Deserialize, Serialize};

use super::codec;
use super::configuration::Configuration;
use super::function::RuntimeManagement;
use super::life_cycle;
use super::policy::PolicyRecord;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VersionRecord {
    #[serde(with = "codec::text")]
    pub identity: ConfigIdentity,
    pub configuration: Configuration,
    #[serde(with = "life_cycle")]
    pub life_cycle: LifeCycle,
    #[serde(with = "codec::text")]
    pub revision: RevisionId,
    #[serde(with = "codec::epoch_ms")]
    pub last_modified: WallTime,
    #[serde(default)]
    pub policy: PolicyRecord,
    #[serde(default)]
    pub runtime_management: RuntimeManagement,
    #[serde(default)]
    pub scaling: Option<ScalingRecord>,
}

/// How many environments a version on a capacity provider has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScalingRecord {
    #[serde(default)]
    pub least_environments: Option<u32>,
    #[serde(default)]
    pub most_environments: Option<u32>,
}

impl ScalingRecord {
    pub fn is_in_order(self) -> bool {
        match (self.least_environments, self.most_environments) {
            (Some(least), Some(most)) => least <= most,
            _ => true,
        }
    }
}
