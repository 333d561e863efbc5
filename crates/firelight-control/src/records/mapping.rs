//! The record of an event source mapping.

use std::collections::BTreeMap;

use firelight_model::WallTime;
use serde::{Deserialize, Serialize};

use super::codec;

/// An event source mapping: what a poller needs, and what answers show.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MappingRecord {
    /// The function as the caller named it: with the qualifier if one was given.
    pub function_arn: String,
    pub state: MappingState,
    /// Whether pollers should run once the state settles.
    pub enabled: bool,
    #[serde(with = "codec::epoch_ms")]
    pub last_modified: WallTime,
    #[serde(default)]
    pub event_source_arn: Option<String>,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// What was given at creation and by updates, member by member as in the API's JSON. Pollers read it typed; here it
    /// is only kept, merged and shown.
    pub settings: serde_json::Map<String, serde_json::Value>,
}

/// ```text
///  Creating ──► Enabled | Disabled ──► Updating | Enabling | Disabling ──► Enabled | Disabled ──► Deleting ──► gone
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MappingState {
    Creating,
    Enabling,
    Enabled,
    Disabling,
    Disabled,
    Updating,
    Deleting,
}

impl MappingState {
    pub fn name(self) -> &'static str {
        match self {
            Self::Creating => "Creating",
            Self::Enabling => "Enabling",
            Self::Enabled => "Enabled",
            Self::Disabling => "Disabling",
            Self::Disabled => "Disabled",
            Self::Updating => "Updating",
            Self::Deleting => "Deleting",
        }
    }

    /// Tells whether background work is owed.
    pub fn is_moving(self) -> bool {
        !matches!(self, Self::Enabled | Self::Disabled)
    }
}
