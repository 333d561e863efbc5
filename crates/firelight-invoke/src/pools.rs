//! All pools of this machine: one for each version, and for each of its tenants where they are kept apart.
//!
//! No environment serves two tenants, because no pool does. Limits do not know tenants: the pools of a version pass the
//! same gates and count in the same metrics.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use firelight_model::{FunctionVersion, VersionKey};

use crate::admission::Gates;
use crate::assignment::{Assignment, EnvironmentHandle};
use crate::host::Place;
use crate::metrics::VersionMetrics;
use crate::pool::Pool;

/// The pool of one state of one version; where tenants are kept apart, of one tenant of it.
pub(crate) struct VersionPool {
    pub(crate) version: Arc<FunctionVersion>,
    pub(crate) tenant: Option<String>,
    pub(crate) metrics: Arc<VersionMetrics>,
    pub(crate) gates: Gates,
    pub(crate) state: Mutex<Pool<Assignment, EnvironmentHandle>>,
    pub(crate) place: Place,
}

impl VersionPool {
    /// Locks the pool's state, for a moment and never across an await.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Pool<Assignment, EnvironmentHandle>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Default)]
pub(crate) struct Pools(HashMap<VersionKey, OfVersion>);

#[derive(Default)]
struct OfVersion {
    shared: Option<Arc<VersionPool>>,
    tenants: HashMap<String, Arc<VersionPool>>,
}

impl OfVersion {
    fn is_empty(&self) -> bool {
        self.shared.is_none() && self.tenants.is_empty()
    }
}

impl Pools {
    pub(crate) fn get(
        &self,
        version: &VersionKey,
        tenant: Option<&str>,
    ) -> Option<&Arc<VersionPool>> {
        let pools = self.0.get(version)?;
        match tenant {
            Some(tenant) => pools.tenants.get(tenant),
            None => pools.shared.as_ref(),
        }
    }

    pub(crate) fn insert(&mut self, pool: Arc<VersionPool>) {
        let pools = self.0.entry(pool.version.key()).or_default();
        match &pool.tenant {
            Some(tenant) => drop(pools.tenants.insert(tenant.clone(), pool)),
            None => pools.shared = Some(pool),
        }
    }

    /// Forgets a pool in which nothing lives and nobody is about to put anything.
    pub(crate) fn remove_if_empty(&mut self, pool: &Arc<VersionPool>) {
        // One is held here, one by the caller.
        let is_out_of_use = Arc::strong_count(pool) == 2 && pool.lock().is_empty();
        let version = pool.version.key();
        let Some(pools) = self.0.get_mut(&version).filter(|_| is_out_of_use) else {
            return;
        };
        match &pool.tenant {
            Some(tenant) => drop(pools.tenants.remove(tenant)),
            None => pools.shared = None,
        }
        if pools.is_empty() {
            self.0.remove(&version);
        }
    }

    pub(crate) fn all(&self) -> Vec<Arc<VersionPool>> {
        let each = self.0.values();
        each.flat_map(|pools| pools.shared.iter().chain(pools.tenants.values()))
            .cloned()
            .collect()
    }
}
