//! DeleteFunction: a whole function, or one version of it.

use firelight_model::{AliasName, FunctionArn, FunctionTarget, Qualifier, VersionNumber};
use firelight_store::{Expect, Txn};

use super::read::FindError;
use crate::control::{Control, Decision, Origin, StoreTrouble};
use crate::records::{encode, key};
use crate::view::{FunctionEntry, Tables};

/// Nothing was deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteFunctionError {
    #[error(transparent)]
    Find(#[from] FindError),
    #[error("$LATEST goes only with its function")]
    LatestAlone,
    #[error("aliases are not deleted this way")]
    Alias,
    #[error("aliases lead to version {version}")]
    UsedByAliases {
        version: VersionNumber,
        aliases: Vec<AliasName>,
    },
    #[error("could not delete")]
    Store(#[from] StoreTrouble),
}

impl Control {
    /// Deletes a function with everything that belongs to it, or with a qualifier one version.
    pub async fn delete_function(
        &self,
        origin: &Origin,
        target: FunctionTarget,
    ) -> Result<(), DeleteFunctionError> {
        self.change(Some(origin), |tables| decide(tables, &target))
            .await
    }
}

fn decide(tables: &Tables, target: &FunctionTarget) -> Result<Decision<()>, DeleteFunctionError> {
    match &target.qualifier {
        None => {
            let entry = tables.find(&target.arn)?;
            Ok(Decision::commit(whole(entry), ()))
        }
        Some(Qualifier::Version(number)) => version(tables, &target.arn, *number),
        Some(Qualifier::Alias(_)) => Err(DeleteFunctionError::Alias),
        Some(Qualifier::Latest | Qualifier::LatestPublished) => {
            Err(DeleteFunctionError::LatestAlone)
        }
    }
}

/// Deletes every record of a function. All writers of these records also state the function's revision, so that none
/// of them can slip in between.
fn whole(entry: &FunctionEntry) -> Txn {
    let arn = &entry.arn;
    let mut txn = Txn::new().delete(key::function(arn), Expect::Rev(entry.function.rev));
    for (number, version) in &entry.versions {
        txn = txn.delete(key::version(arn, *number), Expect::Rev(version.stored.rev));
    }
    for (name, alias) in &entry.aliases {
        txn = txn.delete(key::alias(arn, name), Expect::Rev(alias.rev));
    }
    for (kind, qualifier, rev) in entry.belongings() {
        txn = txn.delete(key::qualified(arn, kind, qualifier), Expect::Rev(rev));
    }
    txn
}

fn version(
    tables: &Tables,
    arn: &FunctionArn,
    number: VersionNumber,
) -> Result<Decision<()>, DeleteFunctionError> {
    let entry = tables.find(arn)?;
    let missing = || FindError::NoSuchQualifier {
        arn: arn.clone(),
        qualifier: Qualifier::Version(number),
    };
    let version = entry.versions.get(&number).ok_or_else(missing)?;
    let leading = entry
        .aliases
        .iter()
        .filter(|(_, alias)| alias.record.route.leads_to(number));
    let aliases: Vec<AliasName> = leading.map(|(name, _)| name.clone()).collect();
    if !aliases.is_empty() {
        return Err(DeleteFunctionError::UsedByAliases {
            version: number,
            aliases,
        });
    }
    let txn = Txn::new()
        // Rewritten unchanged: an alias that is made meanwhile states the function's revision and loses.
        .replace(
            key::function(arn),
            entry.function.rev,
            encode(&*entry.function.record),
        )
        .delete(key::version(arn, number), Expect::Rev(version.stored.rev));
    let own = Qualifier::Version(number);
    let belongings = entry
        .belongings()
        .into_iter()
        .filter(|(_, qualifier, _)| **qualifier == own);
    let txn = belongings.fold(txn, |txn, (kind, qualifier, rev)| {
        txn.delete(key::qualified(arn, kind, qualifier), Expect::Rev(rev))
    });
    Ok(Decision::commit(txn, ()))
}
