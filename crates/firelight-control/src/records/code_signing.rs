//! The record of a code signing configuration.

use std::collections::BTreeMap;

use firelight_model::WallTime;
use serde::{Deserialize, Serialize};

use super::codec;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CodeSigningRecord {
    pub description: String,
    pub signing_profile_version_arns: Vec<String>,
    /// `Warn` or `Enforce`.
    pub untrusted_artifact_on_deployment: String,
    #[serde(with = "codec::epoch_ms")]
    pub last_modified: WallTime,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}
