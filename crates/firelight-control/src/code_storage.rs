//! Code storage: what all packages of an account may have together in a region.
//!
//! Each function, version and layer version counts its zip, also where several have the same one.

use firelight_model::FunctionArn;

use crate::functions::CodeError;
use crate::outside::World;
use crate::scope::Scope;
use crate::view::{FunctionEntry, LayerEntry, Tables};

impl Tables {
    /// Checks that there is room for packages that come in addition.
    pub(crate) fn check_code_storage(
        &self,
        world: &World,
        scope: &Scope,
        added_bytes: u64,
    ) -> Result<(), CodeError> {
        let limit_bytes = world.code_storage_limit_bytes();
        let stored_bytes = self.scope(scope).map_or(0, |scope| scope.code_bytes);
        if added_bytes > 0 && stored_bytes.saturating_add(added_bytes) > limit_bytes {
            return Err(CodeError::StorageExceeded { limit_bytes });
        }
        Ok(())
    }

    /// Checks that a version of what `$LATEST` has can be published.
    pub(crate) fn check_version_storage(
        &self,
        world: &World,
        entry: &FunctionEntry,
    ) -> Result<(), CodeError> {
        let arn: &FunctionArn = &entry.arn;
        let size = entry.function.record.latest.configuration.code_size();
        self.check_code_storage(world, &Scope::of(arn), size)
    }
}

impl LayerEntry {
    pub(crate) fn code_bytes(&self) -> u64 {
        let versions = self.versions.values();
        versions.map(|version| version.record.code.size_bytes).sum()
    }
}

impl FunctionEntry {
    pub(crate) fn code_bytes(&self) -> u64 {
        let versions = self.versions.values();
        let versions = versions.map(|version| version.stored.record.configuration.code_size());
        self.function.record.latest.configuration.code_size() + versions.sum::<u64>()
    }
}
