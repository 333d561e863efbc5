//! Scaling configs: the least and the most environments of a published version on a capacity provider.
//!
//! Deliberately absent: what the numbers bring about. Environments come and go with the requests, and what was asked for
//! is shown as applied.

use firelight_model::{FunctionTarget, LifeCycle, Qualifier};

use crate::control::{Control, Decision, Origin, StoreTrouble};
use crate::functions::FindError;
use crate::records::version::{ScalingRecord, VersionRecord};
use crate::records::{encode, key};
use crate::view::{FunctionEntry, Tables, VersionEntry};

/// The version cannot be scaled so.
#[derive(Debug, thiserror::Error)]
pub enum ScalingError {
    #[error(transparent)]
    Find(#[from] FindError),
    #[error("the version runs on no capacity provider")]
    NoCapacityProvider,
    #[error("the least is more than the most")]
    LeastAboveMost,
    #[error("could not change the scaling config")]
    Store(#[from] StoreTrouble),
}

impl Control {
    /// Replaces the scaling config of a version, or takes it away; returns the state of the version.
    pub async fn put_function_scaling_config(
        &self,
        origin: &Origin,
        target: &FunctionTarget,
        scaling: Option<ScalingRecord>,
    ) -> Result<LifeCycle, ScalingError> {
        self.change(Some(origin), |tables| decide(tables, target, scaling))
            .await
    }

    /// Returns the scaling config of a version, if it was ever given one.
    pub fn function_scaling_config(
        &self,
        target: &FunctionTarget,
    ) -> Result<Option<ScalingRecord>, ScalingError> {
        let entry = self.function(&target.arn)?;
        Ok(scalable(&entry, target)?.stored.record.scaling)
    }
}

fn decide(
    tables: &Tables,
    target: &FunctionTarget,
    scaling: Option<ScalingRecord>,
) -> Result<Decision<LifeCycle>, ScalingError> {
    let entry = tables.find(&target.arn)?;
    let version = &scalable(entry, target)?.stored;
    if scaling.is_some_and(|scaling| !scaling.is_in_order()) {
        return Err(ScalingError::LeastAboveMost);
    }
    let record = VersionRecord {
        scaling,
        ..VersionRecord::clone(&version.record)
    };
    let state = record.life_cycle.clone();
    let key = match &target.qualifier {
        Some(Qualifier::Version(number)) => key::version(&target.arn, *number),
        _ => return Err(missing(target).into()),
    };
    let txn = entry.guarded().replace(key, version.rev, encode(&record));
    Ok(Decision::commit(txn, state))
}

/// Finds a version that runs on a capacity provider.
fn scalable<'a>(
    entry: &'a FunctionEntry,
    target: &FunctionTarget,
) -> Result<&'a VersionEntry, ScalingError> {
    let version = match &target.qualifier {
        Some(Qualifier::Version(number)) => entry.versions.get(number),
        _ => None,
    };
    let version = version.ok_or_else(|| missing(target))?;
    if version.stored.record.configuration.capacity.is_none() {
        return Err(ScalingError::NoCapacityProvider);
    }
    Ok(version)
}

fn missing(target: &FunctionTarget) -> FindError {
    FindError::NoSuchQualifier {
        arn: target.arn.clone(),
        qualifier: target.qualifier.clone().unwrap_or(Qualifier::Latest),
    }
}
