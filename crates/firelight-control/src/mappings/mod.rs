//! Event source mappings as resources: created, validated, listed, changed and deleted with their states.
//!
//! ```text
//!  Creating ──► Enabled ◄──► Disabled       Updating, Enabling, Disabling stand between; Deleting ends it
//! ```
//!
//! A transition is made by the request and ended by completion, once the pollers follow.
//!
//! Deliberately absent: reading any source.

mod filter;
mod source;

use std::collections::BTreeMap;

use firelight_model::{FunctionArn, FunctionTarget, Partition, WallTime};
use firelight_store::{Expect, Txn};
use serde_json::{Map, Value};

pub use self::source::SourceError;
use self::source::SourceKind;
use crate::control::{Control, Decision, Origin, StoreTrouble};
use crate::functions::{Page, behind};
use crate::records::mapping::{MappingRecord, MappingState};
use crate::records::{Stored, encode, key};
use crate::scope::Scope;
use crate::view::Tables;

/// A mapping as it is described to a caller.
#[derive(Clone, Debug, PartialEq)]
pub struct MappingDescription {
    pub uuid: String,
    pub arn: String,
    pub record: MappingRecord,
}

impl MappingDescription {
    /// Returns AWS's words for why the mapping is in its state; they differ by source.
    pub fn transition_reason(&self) -> &'static str {
        match SourceKind::of(
            self.record.event_source_arn.as_deref(),
            &self.record.settings,
        ) {
            Ok(SourceKind::Kinesis | SourceKind::DynamoDb) => "User action",
            _ => "USER_INITIATED",
        }
    }

    /// Returns what the pollers last reported; queues report nothing.
    pub fn last_processing_result(&self) -> Option<&'static str> {
        match SourceKind::of(
            self.record.event_source_arn.as_deref(),
            &self.record.settings,
        ) {
            Ok(SourceKind::Sqs) | Err(_) => None,
            Ok(_) => Some("No records processed"),
        }
    }
}

/// A mapping to create. The settings have the names and the form of the API's JSON.
#[derive(Clone, Debug)]
pub struct CreateMapping {
    pub scope: Scope,
    pub function: FunctionTarget,
    pub event_source_arn: Option<String>,
    pub enabled: bool,
    pub settings: Map<String, Value>,
    pub tags: BTreeMap<String, String>,
}

/// Changes of a mapping; settings that are absent stay as they are.
#[derive(Clone, Debug)]
pub struct UpdateMapping {
    pub scope: Scope,
    pub uuid: String,
    pub function: Option<FunctionTarget>,
    pub enabled: Option<bool>,
    pub settings: Map<String, Value>,
}

/// Which mappings a listing is about.
#[derive(Clone, Debug, Default)]
pub struct MappingFilter {
    pub event_source_arn: Option<String>,
    /// The function's ARN as mappings name it.
    pub function_arn: Option<String>,
}

/// The mapping is not there, or could not become what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    #[error("there is no mapping {uuid}")]
    NoSuchMapping { uuid: String },
    #[error("function {arn} does not exist")]
    NoSuchFunction { arn: FunctionArn },
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error("mapping {uuid} does the same")]
    Duplicate { uuid: String, source: Duplicate },
    #[error("the mapping is between two states")]
    InUse,
    #[error("could not change the mapping")]
    Store(#[from] StoreTrouble),
}

/// What two mappings have in common, as far as AWS's text names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Duplicate {
    Queue {
        arn: String,
        function: String,
    },
    Stream {
        arn: String,
        function: String,
    },
    Kafka {
        endpoints: String,
        function_arn: String,
        topics: String,
    },
}

impl std::fmt::Display for Duplicate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Queue { arn, .. } | Self::Stream { arn, .. } => f.write_str(arn),
            Self::Kafka { endpoints, .. } => f.write_str(endpoints),
        }
    }
}

impl std::error::Error for Duplicate {}

impl Control {
    pub async fn create_mapping(
        &self,
        origin: &Origin,
        request: &CreateMapping,
    ) -> Result<MappingDescription, MappingError> {
        let uuid = firelight_model::RequestId::from_random(self.world().random()).to_string();
        let now = self.world().now();
        self.change(Some(origin), |tables| {
            decide_create(tables, request, &uuid, now)
        })
        .await
    }

    pub async fn update_mapping(
        &self,
        origin: &Origin,
        request: &UpdateMapping,
    ) -> Result<MappingDescription, MappingError> {
        let now = self.world().now();
        self.change(Some(origin), |tables| decide_update(tables, request, now))
            .await
    }

    /// Begins the end of a mapping; it is gone when its pollers are.
    pub async fn delete_mapping(
        &self,
        origin: &Origin,
        scope: &Scope,
        uuid: &str,
    ) -> Result<MappingDescription, MappingError> {
        let now = self.world().now();
        let decide = |tables: &Tables| {
            let old = tables.settled_mapping(scope, uuid)?;
            let mut record = MappingRecord::clone(&old.record);
            record.state = MappingState::Deleting;
            record.last_modified = now;
            Ok(replaced(scope, uuid, old, record))
        };
        self.change(Some(origin), decide).await
    }

    pub fn mapping(&self, scope: &Scope, uuid: &str) -> Result<MappingDescription, MappingError> {
        let tables = self.view().read();
        let found = tables.mapping(scope, uuid)?;
        Ok(describe(scope, uuid, &found.record))
    }

    pub fn list_mappings(
        &self,
        scope: &Scope,
        filter: &MappingFilter,
        after: Option<&String>,
        limit: usize,
    ) -> Page<MappingDescription> {
        let tables = self.view().read();
        let Some(tables) = tables.scope(scope) else {
            return Page::empty();
        };
        let mappings = behind(&tables.mappings, after);
        let matching = mappings.filter(|(_, mapping)| filter.takes(&mapping.record));
        Page::take(matching, limit, Clone::clone, |uuid, mapping| {
            describe(scope, uuid, &mapping.record)
        })
    }

    /// Ends the transition a mapping is in; called when its pollers follow.
    pub(crate) async fn settle_mapping(
        &self,
        scope: &Scope,
        uuid: &str,
    ) -> Result<(), StoreTrouble> {
        let decide = |tables: &Tables| {
            let Some(old) = tables
                .scope(scope)
                .and_then(|tables| tables.mappings.get(uuid))
            else {
                return Ok(Decision::nothing(()));
            };
            Ok(settled(scope, uuid, old))
        };
        self.change(None, decide).await
    }
}

fn decide_create(
    tables: &Tables,
    request: &CreateMapping,
    uuid: &str,
    now: WallTime,
) -> Result<Decision<MappingDescription>, MappingError> {
    let CreateMapping {
        scope, function, ..
    } = request;
    let source = request.event_source_arn.as_deref();
    let kind = SourceKind::of(source, &request.settings)?;
    kind.check_new(source, &request.settings)?;
    tables.check_function(function)?;
    let settings = kind.with_defaults(request.settings.clone(), uuid);
    let record = MappingRecord {
        function_arn: function.arn.with(function.qualifier.as_ref()),
        state: if request.enabled {
            MappingState::Creating
        } else {
            MappingState::Disabled
        },
        enabled: request.enabled,
        last_modified: now,
        event_source_arn: request.event_source_arn.clone(),
        tags: request.tags.clone(),
        settings,
    };
    tables.check_duplicate(scope, function, kind, &record)?;
    let described = describe(scope, uuid, &record);
    // Two that are the same have two keys, so only the guard keeps both from passing the check at once.
    let key = key::in_scope(scope, key::MAPPING, uuid);
    let txn = tables
        .account_guard(&function.arn)
        .create(key, encode(&record));
    Ok(Decision::commit(txn, described))
}

fn decide_update(
    tables: &Tables,
    request: &UpdateMapping,
    now: WallTime,
) -> Result<Decision<MappingDescription>, MappingError> {
    let UpdateMapping { scope, uuid, .. } = request;
    let old = tables.settled_mapping(scope, uuid)?;
    let mut record = MappingRecord::clone(&old.record);
    if let Some(function) = &request.function {
        tables.check_function(function)?;
        record.function_arn = function.arn.with(function.qualifier.as_ref());
    }
    let kind = SourceKind::of(record.event_source_arn.as_deref(), &record.settings)?;
    record.settings.extend(request.settings.clone());
    kind.check_settings(record.event_source_arn.as_deref(), &record.settings)?;
    record.settings = kind.shown(record.settings);
    record.state = match (record.enabled, request.enabled.unwrap_or(record.enabled)) {
        (false, true) => MappingState::Enabling,
        (true, false) => MappingState::Disabling,
        _ => MappingState::Updating,
    };
    record.enabled = request.enabled.unwrap_or(record.enabled);
    record.last_modified = now;
    Ok(replaced(scope, uuid, old, record))
}

fn replaced(
    scope: &Scope,
    uuid: &str,
    old: &Stored<MappingRecord>,
    record: MappingRecord,
) -> Decision<MappingDescription> {
    let key = key::in_scope(scope, key::MAPPING, uuid);
    let txn = Txn::new().replace(key, old.rev, encode(&record));
    Decision::commit(txn, describe(scope, uuid, &record))
}

fn settled(scope: &Scope, uuid: &str, old: &Stored<MappingRecord>) -> Decision<()> {
    let key = key::in_scope(scope, key::MAPPING, uuid);
    match old.record.state {
        MappingState::Enabled | MappingState::Disabled => Decision::nothing(()),
        MappingState::Deleting => {
            Decision::commit(Txn::new().delete(key, Expect::Rev(old.rev)), ())
        }
        _ => {
            let mut record = MappingRecord::clone(&old.record);
            let enabled = record.enabled;
            record.state = if enabled {
                MappingState::Enabled
            } else {
                MappingState::Disabled
            };
            Decision::commit(Txn::new().replace(key, old.rev, encode(&record)), ())
        }
    }
}

fn describe(scope: &Scope, uuid: &str, record: &MappingRecord) -> MappingDescription {
    let Scope { account, region } = scope;
    let partition = Partition::of(region);
    let arn = format!("arn:{partition}:lambda:{region}:{account}:event-source-mapping:{uuid}");
    MappingDescription {
        uuid: uuid.to_owned(),
        arn,
        record: record.clone(),
    }
}

impl MappingFilter {
    fn takes(&self, record: &MappingRecord) -> bool {
        let source = self.event_source_arn.as_ref();
        let function = self.function_arn.as_ref();
        source.is_none_or(|source| record.event_source_arn.as_ref() == Some(source))
            && function.is_none_or(|function| *function == record.function_arn)
    }
}

impl Tables {
    fn mapping(&self, scope: &Scope, uuid: &str) -> Result<&Stored<MappingRecord>, MappingError> {
        let found = self
            .scope(scope)
            .and_then(|tables| tables.mappings.get(uuid));
        found.ok_or_else(|| MappingError::NoSuchMapping {
            uuid: uuid.to_owned(),
        })
    }

    fn settled_mapping(
        &self,
        scope: &Scope,
        uuid: &str,
    ) -> Result<&Stored<MappingRecord>, MappingError> {
        let found = self.mapping(scope, uuid)?;
        if found.record.state.is_moving() {
            Err(MappingError::InUse)
        } else {
            Ok(found)
        }
    }

    fn check_function(&self, function: &FunctionTarget) -> Result<(), MappingError> {
        let missing = || MappingError::NoSuchFunction {
            arn: function.arn.clone(),
        };
        let entry = self.function(&function.arn).ok_or_else(missing)?;
        entry
            .main_version(function.qualifier.as_ref())
            .map(|_| ())
            .ok_or_else(missing)
    }

    /// Refuses a second mapping of the same source to the same function.
    fn check_duplicate(
        &self,
        scope: &Scope,
        function: &FunctionTarget,
        kind: SourceKind,
        new: &MappingRecord,
    ) -> Result<(), MappingError> {
        let others = self
            .scope(scope)
            .into_iter()
            .flat_map(|tables| &tables.mappings);
        let same = |other: &MappingRecord| {
            other.function_arn == new.function_arn && source::is_same(other, new)
        };
        match others.into_iter().find(|(_, other)| same(&other.record)) {
            None => Ok(()),
            Some((uuid, _)) => {
                let source = kind.duplicate(function, new);
                Err(MappingError::Duplicate {
                    uuid: uuid.clone(),
                    source,
                })
            }
        }
    }
}
