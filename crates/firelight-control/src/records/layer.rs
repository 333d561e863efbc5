//! The records of a layer and of its versions.

use firelight_model::{RevisionId, WallTime};
use serde::{Deserialize, Serialize};

use super::codec;
use super::configuration::CodeRecord;
use super::policy::PolicyRecord;

/// A layer as such: it only keeps numbers from being used twice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerRecord {
    pub next_version: u64,
}

/// One version of a layer. Nothing of it changes but its policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerVersionRecord {
    pub code: CodeRecord,
    pub description: String,
    #[serde(with = "codec::epoch_ms")]
    pub created: WallTime,
    #[serde(default)]
    pub license: Option<String>,
    /// `None` if not given, which AWS tells apart from an empty list.
    #[serde(default)]
    pub compatible_runtimes: Option<Vec<String>>,
    #[serde(default)]
    pub compatible_architectures: Option<Vec<String>>,
    #[serde(with = "codec::text")]
    pub revision: RevisionId,
    #[serde(default)]
    pub policy: PolicyRecord,
}
