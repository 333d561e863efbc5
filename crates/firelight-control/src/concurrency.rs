//! Concurrency that is set aside: reserved for functions, provisioned for versions and aliases.
//!
//! Every change also rewrites the record of the account, so that two changes cannot both pass a check that only one of
//! them may pass.

use firelight_model::{
    AccountConcurrency, FunctionArn, FunctionTarget, Qualifier, ReserveError, Version,
};
use firelight_store::{Expect, Txn};

use crate::control::{Control, Decision, Origin, StoreTrouble};
use crate::functions::{FindError, Page, behind};
use crate::records::account::AccountRecord;
use crate::records::function::FunctionRecord;
use crate::records::qualified::{ProvisionedRecord, ProvisionedStatus};
use crate::records::{Stored, encode, key};
use crate::scope::Scope;
use crate::view::{FunctionEntry, ScopeTables, Tables};

/// The concurrency was not set aside.
#[derive(Debug, thiserror::Error)]
pub enum ConcurrencyError {
    #[error(transparent)]
    Find(#[from] FindError),
    #[error(transparent)]
    Reserve(#[from] ReserveError),
    #[error("nothing is provisioned for $LATEST")]
    Latest,
    #[error("nothing is provisioned for functions whose environments belong to tenants")]
    Tenants,
    #[error("nothing is provisioned there")]
    NoConfig,
    #[error("the version of the alias is provisioned itself")]
    VersionProvisioned,
    #[error("an alias of the version is provisioned")]
    AliasProvisioned,
    #[error("could not set concurrency aside")]
    Store(#[from] StoreTrouble),
}

/// What an account has and uses in a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountUsage {
    pub concurrent_executions: u32,
    pub unreserved: u32,
    pub code_bytes: u64,
    pub code_limit_bytes: u64,
    pub functions: u64,
}

impl Control {
    /// Reserves concurrency for a function, or with `None` gives it back.
    pub async fn put_function_concurrency(
        &self,
        origin: &Origin,
        arn: &FunctionArn,
        reserved: Option<u32>,
    ) -> Result<(), ConcurrencyError> {
        self.change(Some(origin), |tables| decide_reserve(tables, arn, reserved))
            .await
    }

    /// Asks for environments that are kept ready.
    pub async fn put_provisioned_concurrency(
        &self,
        origin: &Origin,
        target: &FunctionTarget,
        requested: u32,
    ) -> Result<ProvisionedRecord, ConcurrencyError> {
        self.change(Some(origin), |tables| {
            self.decide_provision(tables, target, requested)
        })
        .await
    }

    fn decide_provision(
        &self,
        tables: &Tables,
        target: &FunctionTarget,
        requested: u32,
    ) -> Result<Decision<ProvisionedRecord>, ConcurrencyError> {
        let qualifier = provisionable(target)?;
        let entry = tables.find(&target.arn)?;
        entry.check_provisionable(qualifier)?;
        if entry.function.record.isolates_tenants() {
            return Err(ConcurrencyError::Tenants);
        }
        let txn = tables.account_guard(&target.arn);
        let others = entry.provisioned_total(Some(qualifier));
        let reserved = entry.function.record.reserved_concurrency;
        tables
            .set_aside(entry)
            .check_provisioned(requested, others, reserved)?;
        let old = entry.provisioned.get(qualifier);
        let record = ProvisionedRecord {
            requested,
            allocated: old.map_or(0, |old| old.record.allocated),
            available: old.map_or(0, |old| old.record.available),
            status: ProvisionedStatus::InProgress,
            last_modified: self.world().now(),
        };
        let expected = old.map_or(Expect::Absent, |old| Expect::Rev(old.rev));
        let key = key::qualified(&target.arn, key::PROVISIONED, qualifier);
        let txn = entry.guard(txn).put(key, expected, encode(&record));
        Ok(Decision::commit(txn, record))
    }

    /// Gives provisioned concurrency back.
    pub async fn delete_provisioned_concurrency(
        &self,
        origin: &Origin,
        target: &FunctionTarget,
    ) -> Result<(), ConcurrencyError> {
        let decide = |tables: &Tables| {
            let qualifier = provisionable(target)?;
            let entry = tables.find(&target.arn)?;
            entry.check_version(qualifier)?;
            let config = entry
                .provisioned
                .get(qualifier)
                .ok_or(ConcurrencyError::NoConfig)?;
            let key = key::qualified(&target.arn, key::PROVISIONED, qualifier);
            let txn = tables.account_guard(&target.arn);
            Ok(Decision::commit(
                txn.delete(key, Expect::Rev(config.rev)),
                (),
            ))
        };
        self.change(Some(origin), decide).await
    }

    pub fn provisioned_concurrency(
        &self,
        target: &FunctionTarget,
    ) -> Result<ProvisionedRecord, ConcurrencyError> {
        let qualifier = provisionable(target)?;
        let entry = self.function(&target.arn)?;
        entry.check_version(qualifier)?;
        let config = entry
            .provisioned
            .get(qualifier)
            .ok_or(ConcurrencyError::NoConfig)?;
        Ok(ProvisionedRecord::clone(&config.record))
    }

    pub fn list_provisioned_concurrency(
        &self,
        arn: &FunctionArn,
        after: Option<&Qualifier>,
        limit: usize,
    ) -> Result<Page<(Qualifier, ProvisionedRecord)>, FindError> {
        let entry = self.function(arn)?;
        let configs = behind(&entry.provisioned, after);
        Ok(Page::take(
            configs,
            limit,
            ToString::to_string,
            |qualifier, config| (qualifier.clone(), ProvisionedRecord::clone(&config.record)),
        ))
    }

    /// Returns what an account has and uses.
    pub fn account_usage(&self, scope: &Scope) -> AccountUsage {
        let tables = self.view().read();
        let limit = tables.account_concurrency;
        let empty = ScopeTables::default();
        let tables = tables.scope(scope).unwrap_or(&empty);
        AccountUsage {
            concurrent_executions: limit,
            unreserved: limit.saturating_sub(tables.reserved_total()),
            code_bytes: tables.code_bytes,
            code_limit_bytes: self.world().code_storage_limit_bytes(),
            functions: tables.functions.len() as u64,
        }
    }
}

fn decide_reserve(
    tables: &Tables,
    arn: &FunctionArn,
    reserved: Option<u32>,
) -> Result<Decision<()>, ConcurrencyError> {
    let entry = tables.find(arn)?;
    let txn = tables.account_guard(arn);
    if let Some(wanted) = reserved {
        let provisioned = entry.provisioned_total(None);
        tables
            .set_aside(entry)
            .check_reserved(wanted, provisioned)?;
    }
    let mut record = FunctionRecord::clone(&entry.function.record);
    record.reserved_concurrency = reserved;
    let txn = txn.replace(key::function(arn), entry.function.rev, encode(&record));
    Ok(Decision::commit(txn, ()))
}

/// Returns the qualifier that concurrency is provisioned for.
fn provisionable(target: &FunctionTarget) -> Result<&Qualifier, ConcurrencyError> {
    match &target.qualifier {
        Some(qualifier @ (Qualifier::Version(_) | Qualifier::Alias(_))) => Ok(qualifier),
        None | Some(Qualifier::Latest | Qualifier::LatestPublished) => {
            Err(ConcurrencyError::Latest)
        }
    }
}

impl Tables {
    /// Begins a transaction that fails if anybody else changes meanwhile what a check of the whole account looked at.
    pub(crate) fn account_guard(&self, arn: &FunctionArn) -> Txn {
        let scope = Scope::of(arn);
        let stored = self
            .scope(&scope)
            .and_then(|tables| tables.account.as_ref());
        let expected = stored.map_or(Expect::Absent, |stored: &Stored<_>| Expect::Rev(stored.rev));
        let account = AccountRecord {
            concurrent_executions: self.account_concurrency,
        };
        Txn::new().put(key::account(&scope), expected, encode(&account))
    }

    /// Returns what all functions but this one have set aside.
    fn set_aside(&self, entry: &FunctionEntry) -> AccountConcurrency {
        let scope = self.scope(&Scope::of(&entry.arn));
        let others = scope.into_iter().flat_map(|scope| scope.functions.values());
        let others = others.filter(|other| other.arn != entry.arn);
        let (mut reserved, mut provisioned) = (0, 0);
        for other in others {
            match other.function.record.reserved_concurrency {
                Some(own) => reserved += own,
                None => provisioned += other.provisioned_total(None),
            }
        }
        AccountConcurrency {
            limit: self.account_concurrency,
            reserved,
            provisioned,
        }
    }
}

impl ScopeTables {
    fn reserved_total(&self) -> u32 {
        let functions = self.functions.values();
        functions
            .filter_map(|entry| entry.function.record.reserved_concurrency)
            .sum()
    }
}

impl FunctionEntry {
    /// Returns the concurrency that no other function can use.
    pub(crate) fn set_aside(&self) -> u32 {
        let reserved = self.function.record.reserved_concurrency;
        reserved.unwrap_or_else(|| self.provisioned_total(None))
    }

    /// Sums up what is provisioned, leaving one qualifier out.
    pub(crate) fn provisioned_total(&self, except: Option<&Qualifier>) -> u32 {
        let configs = self
            .provisioned
            .iter()
            .filter(|(qualifier, _)| Some(*qualifier) != except);
        configs.map(|(_, config)| config.record.requested).sum()
    }

    fn check_version(&self, qualifier: &Qualifier) -> Result<Version, FindError> {
        let missing = || FindError::NoSuchQualifier {
            arn: self.arn.clone(),
            qualifier: qualifier.clone(),
        };
        self.main_version(Some(qualifier)).ok_or_else(missing)
    }

    /// Checks that the version is not provisioned in the other way: each version is by itself or by one alias.
    fn check_provisionable(&self, qualifier: &Qualifier) -> Result<(), ConcurrencyError> {
        let version = Qualifier::from(self.check_version(qualifier)?);
        if version == Qualifier::Latest {
            return Err(ConcurrencyError::Latest);
        }
        if *qualifier != version && self.provisioned.contains_key(&version) {
            return Err(ConcurrencyError::VersionProvisioned);
        }
        let by_alias = self.provisioned.keys().any(|other| {
            other != qualifier
                && matches!(other, Qualifier::Alias(_))
                && self.main_version(Some(other)).map(Qualifier::from).as_ref() == Some(&version)
        });
        if by_alias {
            Err(ConcurrencyError::AliasProvisioned)
        } else {
            Ok(())
        }
    }
}
