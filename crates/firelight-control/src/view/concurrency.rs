//! What an invocation may count on: the concurrency that is set aside for it, and what is left for everyone.

use firelight_model::{Version, VersionKey};

use super::View;
use super::entry::FunctionEntry;
use crate::records::qualified::ProvisionedStatus;
use crate::scope::Scope;

/// The concurrency around one version at this moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Concurrency {
    /// What all functions of the account may run at once.
    pub account: u32,
    /// What is kept ready for the version itself.
    pub provisioned: u32,
    /// What its function has reserved beyond all that is provisioned for its versions.
    pub reserved: Option<u32>,
    /// What no function has for itself.
    pub unreserved: u32,
}

impl View {
    /// Returns the concurrency around a version.
    pub fn concurrency(&self, key: &VersionKey) -> Concurrency {
        let tables = self.read();
        let account = tables.account_concurrency;
        let scope = tables.scope(&Scope::of(&key.arn()));
        let entry = scope.and_then(|scope| scope.functions.get(&key.function));
        let reserved = entry.and_then(|entry| {
            let reserved = entry.function.record.reserved_concurrency?;
            Some(reserved.saturating_sub(entry.provisioned_total(None)))
        });
        Concurrency {
            account,
            provisioned: entry.map_or(0, |entry| entry.provisioned_for(key.version)),
            reserved,
            unreserved: account.saturating_sub(scope.map_or(0, |scope| scope.set_aside)),
        }
    }
}

impl FunctionEntry {
    /// Returns what is ready for one version, by its number or through its alias.
    fn provisioned_for(&self, version: Version) -> u32 {
        let ready = self.provisioned.iter().filter(|(qualifier, config)| {
            config.record.status == ProvisionedStatus::Ready
                && self.main_version(Some(qualifier)) == Some(version)
        });
        ready.map(|(_, config)| config.record.requested).sum()
    }
}
