//! The tables of the view, and how one changed record gets into them.

use std::collections::BTreeMap;
use std::sync::Arc;

use firelight_model::{FunctionArn, FunctionName, FunctionVersion};

use super::arrival::Arrival;
use super::entry::FunctionEntry;
use crate::records::Stored;
use crate::records::function::FunctionRecord;
use crate::scope::Scope;

/// Everything the view knows.
#[derive(Default)]
pub(crate) struct Tables {
    scopes: BTreeMap<Scope, ScopeTables>,
}

/// What lives in one region of one account.
#[derive(Default)]
pub(crate) struct ScopeTables {
    pub(crate) functions: BTreeMap<FunctionName, Arc<FunctionEntry>>,
}

impl Tables {
    pub(crate) fn scope(&self, scope: &Scope) -> Option<&ScopeTables> {
        self.scopes.get(scope)
    }

    pub(crate) fn scopes(&self) -> impl Iterator<Item = &ScopeTables> {
        self.scopes.values()
    }

    pub(crate) fn function(&self, arn: &FunctionArn) -> Option<&Arc<FunctionEntry>> {
        self.scope(&Scope::of(arn))?.functions.get(&arn.name)
    }

    /// Forgets everything, before a complete listing is read again.
    pub(crate) fn clear(&mut self) {
        self.scopes.clear();
    }

    /// Puts changed records in their places.
    ///
    /// What arrives without its function is dropped: either the function is gone, or its own record comes later
    /// together with all that was written after it.
    pub(crate) fn apply(&mut self, mut arrivals: Vec<Arrival>) {
        arrivals.sort_by_key(Arrival::rank);
        for arrival in arrivals {
            self.put(arrival);
        }
    }

    fn put(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Function(arn, None) => {
                self.scope_mut(&arn).functions.remove(&arn.name);
            }
            Arrival::Function(arn, Some((function, latest))) => {
                self.scope_mut(&arn).put_function(arn, function, latest);
            }
            Arrival::Version(arn, number, version) => {
                self.change(&arn, |entry| set(&mut entry.versions, number, version));
            }
            Arrival::Alias(arn, name, alias) => {
                self.change(&arn, |entry| set(&mut entry.aliases, name, alias));
            }
        }
    }

    fn scope_mut(&mut self, arn: &FunctionArn) -> &mut ScopeTables {
        self.scopes.entry(Scope::of(arn)).or_default()
    }

    /// Changes a copy of a function's entry if somebody still reads the old one.
    fn change(&mut self, arn: &FunctionArn, change: impl FnOnce(&mut FunctionEntry)) {
        if let Some(entry) = self.scope_mut(arn).functions.get_mut(&arn.name) {
            change(Arc::make_mut(entry));
        }
    }
}

impl ScopeTables {
    fn put_function(
        &mut self,
        arn: FunctionArn,
        function: Stored<FunctionRecord>,
        latest: Arc<FunctionVersion>,
    ) {
        match self.functions.get_mut(&arn.name) {
            Some(entry) => {
                let entry = Arc::make_mut(entry);
                entry.function = function;
                entry.latest = latest;
            }
            None => {
                let name = arn.name.clone();
                let entry = FunctionEntry::new(arn, function, latest);
                self.functions.insert(name, Arc::new(entry));
            }
        }
    }
}

fn set<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: Option<V>) {
    match value {
        Some(value) => map.insert(key, value),
        None => map.remove(&key),
    };
}
