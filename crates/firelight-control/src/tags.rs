//! Tags: on functions, event source mappings, code signing configs and capacity providers.

use std::collections::BTreeMap;

use firelight_model::{FunctionArn, TagError, Tags};
use firelight_store::Txn;

use crate::capacity_providers::CapacityProviderError;
use crate::control::{Control, Decision, Origin, StoreTrouble};
use crate::functions::FindError;
use crate::records::capacity_provider::CapacityProviderRecord;
use crate::records::code_signing::CodeSigningRecord;
use crate::records::function::FunctionRecord;
use crate::records::mapping::MappingRecord;
use crate::records::{encode, key};
use crate::scope::Scope;
use crate::view::Tables;

/// What bears tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tagged {
    Function(FunctionArn),
    Mapping { scope: Scope, uuid: String },
    CodeSigningConfig { scope: Scope, arn: String },
    CapacityProvider { scope: Scope, name: String },
}

/// The tags are not there, or stay as they are.
#[derive(Debug, thiserror::Error)]
pub enum TaggingError {
    #[error(transparent)]
    Find(#[from] FindError),
    #[error("there is no mapping {uuid}")]
    NoSuchMapping { uuid: String },
    #[error("there is no code signing config {arn}")]
    NoSuchCodeSigningConfig { arn: String },
    #[error(transparent)]
    CapacityProvider(#[from] CapacityProviderError),
    #[error(transparent)]
    Tags(#[from] TagError),
    #[error("could not store the tags")]
    Store(#[from] StoreTrouble),
}

impl Control {
    pub fn tags(&self, tagged: &Tagged) -> Result<BTreeMap<String, String>, TaggingError> {
        let tables = self.view().read();
        Ok(match tagged {
            Tagged::Function(arn) => tables.find(arn)?.function.record.tags.clone(),
            Tagged::Mapping { scope, uuid } => {
                tables.tagged_mapping(scope, uuid)?.record.tags.clone()
            }
            Tagged::CodeSigningConfig { scope, arn } => {
                tables.tagged_config(scope, arn)?.1.record.tags.clone()
            }
            Tagged::CapacityProvider { scope, name } => {
                tables.capacity_provider(scope, name)?.record.tags.clone()
            }
        })
    }

    /// Adds tags, overwriting those that are there.
    pub async fn tag(
        &self,
        origin: &Origin,
        tagged: &Tagged,
        added: &BTreeMap<String, String>,
    ) -> Result<(), TaggingError> {
        let add = |tags: &Tags| tags.with(added.clone());
        self.change(Some(origin), |tables| decide(tables, tagged, &add))
            .await
    }

    /// Removes tags by key.
    pub async fn untag(
        &self,
        origin: &Origin,
        tagged: &Tagged,
        keys: &[String],
    ) -> Result<(), TaggingError> {
        let remove = |tags: &Tags| tags.without(keys);
        self.change(Some(origin), |tables| decide(tables, tagged, &remove))
            .await
    }
}

type Change<'a> = &'a dyn Fn(&Tags) -> Result<Tags, TagError>;

fn decide(
    tables: &Tables,
    tagged: &Tagged,
    change: Change<'_>,
) -> Result<Decision<()>, TaggingError> {
    let txn = match tagged {
        Tagged::Function(arn) => {
            let stored = &tables.find(arn)?.function;
            let tags = changed(&stored.record.tags, change)?;
            let record = FunctionRecord {
                tags,
                ..FunctionRecord::clone(&stored.record)
            };
            Txn::new().replace(key::function(arn), stored.rev, encode(&record))
        }
        Tagged::Mapping { scope, uuid } => {
            let stored = tables.tagged_mapping(scope, uuid)?;
            let tags = changed(&stored.record.tags, change)?;
            let record = MappingRecord {
                tags,
                ..MappingRecord::clone(&stored.record)
            };
            let key = key::in_scope(scope, key::MAPPING, uuid);
            Txn::new().replace(key, stored.rev, encode(&record))
        }
        Tagged::CodeSigningConfig { scope, arn } => {
            let (id, stored) = tables.tagged_config(scope, arn)?;
            let tags = changed(&stored.record.tags, change)?;
            let record = CodeSigningRecord {
                tags,
                ..CodeSigningRecord::clone(&stored.record)
            };
            let key = key::in_scope(scope, key::CODE_SIGNING, id);
            Txn::new().replace(key, stored.rev, encode(&record))
        }
        Tagged::CapacityProvider { scope, name } => {
            let stored = tables.capacity_provider(scope, name)?;
            let tags = changed(&stored.record.tags, change)?;
            let record = CapacityProviderRecord {
                tags,
                ..CapacityProviderRecord::clone(&stored.record)
            };
            let key = key::in_scope(scope, key::CAPACITY_PROVIDER, name);
            Txn::new().replace(key, stored.rev, encode(&record))
        }
    };
    Ok(Decision::commit(txn, ()))
}

fn changed(
    old: &BTreeMap<String, String>,
    change: Change<'_>,
) -> Result<BTreeMap<String, String>, TagError> {
    Ok(change(&Tags::stored(old.clone()))?.as_map().clone())
}

impl Tables {
    fn tagged_mapping(
        &self,
        scope: &Scope,
        uuid: &str,
    ) -> Result<&crate::records::Stored<MappingRecord>, TaggingError> {
        let found = self
            .scope(scope)
            .and_then(|tables| tables.mappings.get(uuid));
        found.ok_or_else(|| TaggingError::NoSuchMapping {
            uuid: uuid.to_owned(),
        })
    }

    fn tagged_config<'a, 'b>(
        &'a self,
        scope: &Scope,
        arn: &'b str,
    ) -> Result<(&'b str, &'a crate::records::Stored<CodeSigningRecord>), TaggingError> {
        let missing = || TaggingError::NoSuchCodeSigningConfig {
            arn: arn.to_owned(),
        };
        self.code_signing(scope, arn).ok_or_else(missing)
    }
}
