//! Which versions have environments that are kept ready.

use firelight_model::VersionKey;

use super::View;
use crate::records::qualified::ProvisionedStatus;

impl View {
    /// Returns every version whose provisioned concurrency is ready, and how much of it there is.
    pub fn provisioned_versions(&self) -> Vec<(VersionKey, u32)> {
        let tables = self.read();
        let functions = tables.scopes().flat_map(|scope| scope.functions.values());
        let configs = functions.flat_map(|entry| {
            let ready = entry
                .provisioned
                .iter()
                .filter(|(_, config)| config.record.status == ProvisionedStatus::Ready);
            ready.filter_map(|(qualifier, config)| {
                let version = entry.executable_of(qualifier)?;
                Some((version.key(), config.record.requested))
            })
        });
        configs.collect()
    }
}
