//! Options of a function that stand in its record: recursion, runtime management, code signing.

use firelight_model::{FunctionArn, FunctionTarget, Qualifier, RecursiveLoop, Version};
use firelight_store::Txn;

use crate::control::{Control, Decision, Origin, StoreTrouble};
use crate::functions::FindError;
use crate::records::function::{FunctionRecord, RuntimeManagement};
use crate::records::version::VersionRecord;
use crate::records::{encode, key};
use crate::scope::Scope;
use crate::view::{FunctionEntry, Tables};

/// The option was not set.
#[derive(Debug, thiserror::Error)]
pub enum OptionError {
    #[error(transparent)]
    Find(#[from] FindError),
    #[error("code signing config {arn} does not exist")]
    NoSuchCodeSigningConfig { arn: String },
    #[error("could not set the option")]
    Store(#[from] StoreTrouble),
}

impl Control {
    pub async fn put_recursion_config(
        &self,
        origin: &Origin,
        arn: &FunctionArn,
        recursive_loop: RecursiveLoop,
    ) -> Result<(), OptionError> {
        let set = |record: &mut FunctionRecord| record.recursive_loop = recursive_loop;
        self.change(Some(origin), |tables| decide(tables, arn, &set))
            .await
    }

    /// Attaches a code signing config, or with `None` takes it off.
    pub async fn put_function_code_signing(
        &self,
        origin: &Origin,
        arn: &FunctionArn,
        config: Option<&str>,
    ) -> Result<(), OptionError> {
        let set = |record: &mut FunctionRecord| {
            record.code_signing_config = config.map(str::to_owned);
        };
        let decide = |tables: &Tables| {
            if let Some(config) = config {
                tables.check_code_signing(&Scope::of(arn), config)?;
            }
            decide(tables, arn, &set)
        };
        self.change(Some(origin), decide).await
    }

    pub async fn put_runtime_management(
        &self,
        origin: &Origin,
        target: &FunctionTarget,
        management: &RuntimeManagement,
    ) -> Result<(), OptionError> {
        let decide = |tables: &Tables| {
            let entry = tables.find(&target.arn)?;
            let version = entry.version_of(target)?;
            Ok(Decision::commit(managed(entry, version, management), ()))
        };
        self.change(Some(origin), decide).await
    }

    pub fn runtime_management(
        &self,
        target: &FunctionTarget,
    ) -> Result<RuntimeManagement, FindError> {
        let entry = self.function(&target.arn)?;
        let version = entry.version_of(target)?;
        let published = version
            .number()
            .and_then(|number| entry.versions.get(&number));
        Ok(match published {
            Some(version) => version.stored.record.runtime_management.clone(),
            None => entry.function.record.runtime_management.clone(),
        })
    }
}

fn decide(
    tables: &Tables,
    arn: &FunctionArn,
    set: &dyn Fn(&mut FunctionRecord),
) -> Result<Decision<()>, OptionError> {
    let function = &tables.find(arn)?.function;
    let mut record = FunctionRecord::clone(&function.record);
    set(&mut record);
    if record == *function.record {
        return Ok(Decision::nothing(()));
    }
    Ok(Decision::commit(
        Txn::new().replace(key::function(arn), function.rev, encode(&record)),
        (),
    ))
}

fn managed(entry: &FunctionEntry, version: Version, management: &RuntimeManagement) -> Txn {
    let arn = &entry.arn;
    let published = version
        .number()
        .and_then(|number| Some((number, entry.versions.get(&number)?)));
    match published {
        Some((number, version)) => {
            let mut record = VersionRecord::clone(&version.stored.record);
            record.runtime_management = management.clone();
            let key = key::version(arn, number);
            entry
                .guarded()
                .replace(key, version.stored.rev, encode(&record))
        }
        None => {
            let mut record = FunctionRecord::clone(&entry.function.record);
            record.runtime_management = management.clone();
            Txn::new().replace(key::function(arn), entry.function.rev, encode(&record))
        }
    }
}

impl FunctionEntry {
    fn version_of(&self, target: &FunctionTarget) -> Result<Version, FindError> {
        let missing = || FindError::NoSuchQualifier {
            arn: self.arn.clone(),
            qualifier: target.qualifier.clone().unwrap_or(Qualifier::Latest),
        };
        self.main_version(target.qualifier.as_ref())
            .ok_or_else(missing)
    }
}
