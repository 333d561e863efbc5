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
        let (txn, account) = tables.account_guard(&target.arn);
        let others = entry.provisioned_total(Some(qualifier));
        let reserved = entry.function.record.reserved_concurrency;
        tables
            .set_aside(entry, &account)
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
            let (txn, _) = tables.account_guard(&target.arn);
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
        let account = tables.account_limits(scope);
        let empty = ScopeTables::default();
        let tables = tables.scope(scope).unwrap_or(&empty);
        AccountUsage {
            concurrent_executions: account.concurrent_executions,
            unreserved: account
                .concurrent_executions
                .saturating_sub(tables.reserved_total()),
            code_bytes: tables.code_bytes(),
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
    let (txn, account) = tables.account_guard(arn);
    if let Some(wanted) = reserved {
        let provisioned = entry.provisioned_total(None);
        tables
            .set_aside(entry, &account)
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
    fn account_limits(&self, scope: &Scope) -> AccountRecord {
        let account = self.scope(scope).and_then(|tables| tables.account.as_ref());
        account
            .map(|stored| AccountRecord::clone(&stored.record))
            .unwrap_or_default()
    }

    /// Begins a transaction that fails if anybody else sets concurrency aside meanwhile.
    fn account_guard(&self, arn: &FunctionArn) -> (Txn, AccountRecord) {
        let scope = Scope::of(arn);
        let stored = self
            .scope(&scope)
            .and_then(|tables| tables.account.as_ref());
        let account = self.account_limits(&scope);
        let expected = stored.map_or(Expect::Absent, |stored: &Stored<_>| Expect::Rev(stored.rev));
        (
            Txn::new().put(key::account(&scope), expected, encode(&account)),
            account,
        )
    }

    /// Returns what all functions but this one have set aside.
    fn set_aside(&self, entry: &FunctionEntry, account: &AccountRecord) -> AccountConcurrency {
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
            limit: account.concurrent_executions,
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

    /// Counts every zip that is stored: of each function, of each version, of each layer version.
    fn code_bytes(&self) -> u64 {
        let functions: u64 = self
            .functions
            .values()
            .map(|entry| entry.code_bytes())
            .sum();
        let layers = self
            .layers
            .values()
            .flat_map(|layer| layer.versions.values());
        functions
            + layers
                .map(|version| version.record.code.size_bytes)
                .sum::<u64>()
    }
}

impl FunctionEntry {
    fn code_bytes(&self) -> u64 {
        let versions = self.versions.values();
        let versions = versions.map(|version| version.stored.record.configuration.code_size());
        self.function.record.latest.configuration.code_size() + versions.sum::<u64>()
    }

    /// Sums up what is provisioned, leaving one qualifier out.
    fn provisioned_total(&self, except: Option<&Qualifier>) -> u32 {
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
