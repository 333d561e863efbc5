//! The books: what was used, as those who pay ask for it.

use std::collections::BTreeMap;

use firelight_model::{AccountId, Architecture, FunctionName, WallTime};
use firelight_store::{ReadError, UsageCounts, UsageHour, UsageStore};

/// Reads the books. Cheap to clone.
#[derive(Clone)]
pub struct Books {
    store: UsageStore,
}

/// What one function used with one memory size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionUsage {
    pub function: FunctionName,
    pub architecture: Architecture,
    pub memory_mb: u32,
    pub counts: UsageCounts,
}

impl Books {
    pub fn new(store: UsageStore) -> Self {
        Self { store }
    }

    /// Sums up what an account used from one moment (its hour included) to another (its hour not).
    pub async fn between(
        &self,
        account: AccountId,
        from: WallTime,
        until: WallTime,
    ) -> Result<Vec<FunctionUsage>, ReadError> {
        let hours = UsageHour::of(from)..UsageHour::of(until);
        let mut sums: BTreeMap<(FunctionName, &'static str, u32), FunctionUsage> = BTreeMap::new();
        for row in self.store.query(account, hours).await? {
            let key = row.key;
            let name = (
                key.function.clone(),
                key.architecture.as_str(),
                key.memory_mb,
            );
            let sum = sums.entry(name).or_insert_with(|| FunctionUsage {
                function: key.function,
                architecture: key.architecture,
                memory_mb: key.memory_mb,
                counts: UsageCounts::default(),
            });
            sum.counts += row.counts;
        }
        Ok(sums.into_values().collect())
    }

    /// Waits until everything that was metered before is in the books.
    pub async fn settle(&self) {
        if let Err(error) = self.store.flush().await {
            tracing::warn!(%error, "usage is not in the books yet");
        }
    }
}
