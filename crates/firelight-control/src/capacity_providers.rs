//! Capacity providers as resources: created, listed, changed, tagged and deleted.
//!
//! There are no instances behind them, so nothing has to be waited for: a provider is active once it is created, and gone
//! once it is deleted. A function that names one runs on this host like any other, in environments that run several
//! invocations at once.

use std::collections::BTreeMap;

use firelight_model::{Partition, TagError, Tags};
use firelight_store::{Expect, Txn};
use serde_json::{Map, Value};

use crate::control::{Control, Decision, Origin, StoreTrouble};
use crate::functions::{FunctionDescription, Page, behind};
use crate::records::capacity_provider::CapacityProviderRecord;
use crate::records::{Stored, encode, key};
use crate::scope::Scope;
use crate::view::Tables;

/// A capacity provider as it is described to a caller.
#[derive(Clone, Debug, PartialEq)]
pub struct CapacityProviderDescription {
    pub arn: String,
    pub record: CapacityProviderRecord,
}

/// A capacity provider to create. The settings have the names and the form of the API's JSON.
#[derive(Clone, Debug)]
pub struct CreateCapacityProvider {
    pub scope: Scope,
    pub name: String,
    pub settings: Map<String, Value>,
    pub tags: BTreeMap<String, String>,
}

/// The capacity provider is not there, or could not become what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum CapacityProviderError {
    #[error("there is no capacity provider {arn}")]
    NoSuchProvider { arn: String },
    #[error("there is a capacity provider {name} already")]
    Exists { name: String },
    #[error("functions run on the capacity provider {name}")]
    InUse { name: String },
    #[error(transparent)]
    Tags(#[from] TagError),
    #[error("could not change the capacity provider")]
    Store(#[from] StoreTrouble),
}

impl Control {
    pub async fn create_capacity_provider(
        &self,
        origin: &Origin,
        request: CreateCapacityProvider,
    ) -> Result<CapacityProviderDescription, CapacityProviderError> {
        let CreateCapacityProvider { scope, name, .. } = &request;
        let record = CapacityProviderRecord {
            settings: request.settings.clone(),
            last_modified: self.world().now(),
            tags: Tags::new(request.tags.clone())?.as_map().clone(),
        };
        let decide = |tables: &Tables| {
            if tables.capacity_provider(scope, name).is_ok() {
                return Err(CapacityProviderError::Exists { name: name.clone() });
            }
            let key = key::in_scope(scope, key::CAPACITY_PROVIDER, name);
            let txn = Txn::new().create(key, encode(&record));
            Ok(Decision::commit(txn, describe(scope, name, &record)))
        };
        self.change(Some(origin), decide).await
    }

    /// Replaces the settings that are given.
    pub async fn update_capacity_provider(
        &self,
        origin: &Origin,
        scope: &Scope,
        name: &str,
        settings: &Map<String, Value>,
    ) -> Result<CapacityProviderDescription, CapacityProviderError> {
        let decide = |tables: &Tables| {
            let old = tables.capacity_provider(scope, name)?;
            let mut record = CapacityProviderRecord::clone(&old.record);
            record.settings.extend(settings.clone());
            record.last_modified = self.world().now();
            let key = key::in_scope(scope, key::CAPACITY_PROVIDER, name);
            let txn = Txn::new().replace(key, old.rev, encode(&record));
            Ok(Decision::commit(txn, describe(scope, name, &record)))
        };
        self.change(Some(origin), decide).await
    }

    /// Deletes a capacity provider and returns what it was.
    pub async fn delete_capacity_provider(
        &self,
        origin: &Origin,
        scope: &Scope,
        name: &str,
    ) -> Result<CapacityProviderDescription, CapacityProviderError> {
        let decide = |tables: &Tables| {
            let old = tables.capacity_provider(scope, name)?;
            if !versions_on(tables, scope, &arn(scope, name)).is_empty() {
                return Err(CapacityProviderError::InUse { name: name.into() });
            }
            let key = key::in_scope(scope, key::CAPACITY_PROVIDER, name);
            let txn = Txn::new().delete(key, Expect::Rev(old.rev));
            Ok(Decision::commit(txn, describe(scope, name, &old.record)))
        };
        self.change(Some(origin), decide).await
    }

    pub fn capacity_provider(
        &self,
        scope: &Scope,
        name: &str,
    ) -> Result<CapacityProviderDescription, CapacityProviderError> {
        let tables = self.view().read();
        let stored = tables.capacity_provider(scope, name)?;
        Ok(describe(scope, name, &stored.record))
    }

    /// Lists the function versions that run on a provider, by their qualified ARNs.
    pub fn list_versions_on_capacity_provider(
        &self,
        scope: &Scope,
        provider_arn: &str,
        after: Option<&String>,
        limit: usize,
    ) -> Page<FunctionDescription> {
        let versions = versions_on(&self.view().read(), scope, provider_arn);
        let behind = behind(&versions, after);
        Page::take(behind, limit, Clone::clone, |_, version| version.clone())
    }

    pub fn list_capacity_providers(
        &self,
        scope: &Scope,
        after: Option<&String>,
        limit: usize,
    ) -> Page<CapacityProviderDescription> {
        let tables = self.view().read();
        let Some(tables) = tables.scope(scope) else {
            return Page::empty();
        };
        let providers = behind(&tables.capacity_providers, after);
        Page::take(providers, limit, Clone::clone, |name, stored| {
            describe(scope, name, &stored.record)
        })
    }
}

fn versions_on(
    tables: &Tables,
    scope: &Scope,
    provider_arn: &str,
) -> BTreeMap<String, FunctionDescription> {
    let functions = tables.scope(scope).map(|scope| scope.functions.values());
    let versions = functions.into_iter().flatten();
    let versions = versions.flat_map(|entry| entry.all_versions().into_values());
    let on_it = versions.filter(|version| {
        let capacity = version.configuration.capacity.as_ref();
        capacity.is_some_and(|capacity| capacity.provider_arn == provider_arn)
    });
    on_it.map(|version| (version.arn_text(), version)).collect()
}

fn describe(
    scope: &Scope,
    name: &str,
    record: &CapacityProviderRecord,
) -> CapacityProviderDescription {
    CapacityProviderDescription {
        arn: arn(scope, name),
        record: record.clone(),
    }
}

fn arn(scope: &Scope, name: &str) -> String {
    let Scope { account, region } = scope;
    let partition = Partition::of(region);
    format!("arn:{partition}:lambda:{region}:{account}:capacity-provider:{name}")
}

impl Tables {
    pub(crate) fn capacity_provider(
        &self,
        scope: &Scope,
        name: &str,
    ) -> Result<&Stored<CapacityProviderRecord>, CapacityProviderError> {
        let found = self
            .scope(scope)
            .and_then(|tables| tables.capacity_providers.get(name));
        found.ok_or_else(|| CapacityProviderError::NoSuchProvider {
            arn: arn(scope, name),
        })
    }
}
