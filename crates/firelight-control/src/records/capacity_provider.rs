//! The record of a capacity provider.

use std::collections::BTreeMap;

use firelight_model::WallTime;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::codec;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CapacityProviderRecord {
    /// What was asked for, under the names and in the form of the API's JSON.
    pub settings: Map<String, Value>,
    #[serde(with = "codec::epoch_ms")]
    pub last_modified: WallTime,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}
