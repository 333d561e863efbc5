//! The tables of the view, and how one changed record gets into them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use firelight_model::{
    FunctionArn, FunctionName, FunctionVersion, LayerArn, LayerName, LayerVersionArn, Qualifier,
};

use super::arrival::Arrival;
use super::entry::{FunctionEntry, LayerEntry};
use crate::records::Stored;
use crate::records::account::AccountRecord;
use crate::records::capacity_provider::CapacityProviderRecord;
use crate::records::code_signing::CodeSigningRecord;
use crate::records::function::FunctionRecord;
use crate::records::layer::{LayerRecord, LayerVersionRecord};
use crate::records::mapping::MappingRecord;
use crate::records::qualified::UrlRecord;
use crate::scope::Scope;

/// Everything the view knows.
pub(crate) struct Tables {
    /// What each account may run at once in a region.
    pub(crate) account_concurrency: u32,
    scopes: BTreeMap<Scope, ScopeTables>,
    /// Which function a URL belongs to, by the URL's id.
    urls: HashMap<String, (FunctionArn, Qualifier)>,
}

/// What lives in one region of one account.
#[derive(Default)]
pub(crate) struct ScopeTables {
    pub(crate) functions: BTreeMap<FunctionName, Arc<FunctionEntry>>,
    /// The functions that background work is owed to.
    moving: BTreeSet<FunctionName>,
    pub(crate) layers: BTreeMap<LayerName, LayerEntry>,
    pub(crate) account: Option<Stored<AccountRecord>>,
    pub(crate) code_signing: BTreeMap<String, Stored<CodeSigningRecord>>,
    pub(crate) capacity_providers: BTreeMap<String, Stored<CapacityProviderRecord>>,
    pub(crate) mappings: BTreeMap<String, Stored<MappingRecord>>,
    /// The event source mappings that background work is owed to.
    moving_mappings: BTreeSet<String>,
    /// The concurrency that functions have for themselves, in sum: kept, because every invocation asks.
    pub(crate) set_aside: u32,
    /// What every stored zip has, of functions, versions and layer versions: kept, because every new zip asks.
    pub(crate) code_bytes: u64,
}

impl Tables {
    pub(crate) fn new(account_concurrency: u32) -> Self {
        Self {
            account_concurrency,
            scopes: BTreeMap::new(),
            urls: HashMap::new(),
        }
    }

    pub(crate) fn scope(&self, scope: &Scope) -> Option<&ScopeTables> {
        self.scopes.get(scope)
    }

    pub(crate) fn scopes(&self) -> impl Iterator<Item = &ScopeTables> {
        self.scopes.values()
    }

    pub(crate) fn named_scopes(&self) -> impl Iterator<Item = (&Scope, &ScopeTables)> {
        self.scopes.iter()
    }

    pub(crate) fn function(&self, arn: &FunctionArn) -> Option<&Arc<FunctionEntry>> {
        self.scope(&Scope::of(arn))?.functions.get(&arn.name)
    }

    /// Forgets everything, before a complete listing is read again.
    pub(crate) fn clear(&mut self) {
        self.scopes.clear();
        self.urls.clear();
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
                let scope = self.scope_mut(&arn);
                let removed = scope.functions.remove(&arn.name);
                scope.set_aside -= removed.as_deref().map_or(0, FunctionEntry::set_aside);
                scope.code_bytes -= removed.as_deref().map_or(0, FunctionEntry::code_bytes);
                scope.moving.remove(&arn.name);
                for url in removed.iter().flat_map(|entry| entry.urls.values()) {
                    self.urls.remove(&url.record.id);
                }
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
            Arrival::Url(arn, qualifier, url) => self.put_url(&arn, qualifier, url),
            Arrival::EventInvoke(arn, qualifier, config) => {
                self.change(&arn, |entry| {
                    set(&mut entry.event_invokes, qualifier, config)
                });
            }
            Arrival::Provisioned(arn, qualifier, config) => {
                self.change(&arn, |entry| set(&mut entry.provisioned, qualifier, config));
            }
            Arrival::Account(scope, account) => {
                self.scopes.entry(scope).or_default().account = account;
            }
            Arrival::CodeSigning(scope, id, config) => {
                set(
                    &mut self.scopes.entry(scope).or_default().code_signing,
                    id,
                    config,
                );
            }
            Arrival::CapacityProvider(scope, name, provider) => {
                let tables = self.scopes.entry(scope).or_default();
                set(&mut tables.capacity_providers, name, provider);
            }
            Arrival::Mapping(scope, id, mapping) => {
                self.scopes
                    .entry(scope)
                    .or_default()
                    .put_mapping(id, mapping);
            }
            Arrival::Layer(arn, layer) => self.put_layer(arn, layer),
            Arrival::LayerVersion(arn, version) => {
                let scope = self.layer_scope_mut(&arn.layer);
                if let Some(layer) = scope.layers.get_mut(&arn.layer.name) {
                    scope.code_bytes -= layer.code_bytes();
                    set(&mut layer.versions, arn.number, version);
                    scope.code_bytes += layer.code_bytes();
                }
            }
        }
    }

    fn scope_mut(&mut self, arn: &FunctionArn) -> &mut ScopeTables {
        self.scopes.entry(Scope::of(arn)).or_default()
    }

    /// Changes a copy of a function's entry if somebody still reads the old one.
    fn change(&mut self, arn: &FunctionArn, change: impl FnOnce(&mut FunctionEntry)) {
        let scope = self.scope_mut(arn);
        if let Some(entry) = scope.functions.get_mut(&arn.name) {
            scope.set_aside -= entry.set_aside();
            scope.code_bytes -= entry.code_bytes();
            change(Arc::make_mut(entry));
            scope.set_aside += entry.set_aside();
            scope.code_bytes += entry.code_bytes();
            scope.note_moving(&arn.name);
        }
    }

    fn put_url(&mut self, arn: &FunctionArn, qualifier: Qualifier, url: Option<Stored<UrlRecord>>) {
        let old = self
            .function(arn)
            .and_then(|entry| entry.urls.get(&qualifier));
        if let Some(old) = old.map(|url| url.record.id.clone()) {
            self.urls.remove(&old);
        }
        if let Some(url) = &url {
            self.urls
                .insert(url.record.id.clone(), (arn.clone(), qualifier.clone()));
        }
        self.change(arn, |entry| set(&mut entry.urls, qualifier, url));
    }

    /// Returns the function that a URL id belongs to, and with which qualifier.
    pub(crate) fn url(&self, id: &str) -> Option<&(FunctionArn, Qualifier)> {
        self.urls.get(id)
    }

    fn layer_scope_mut(&mut self, arn: &LayerArn) -> &mut ScopeTables {
        let scope = Scope {
            account: arn.account,
            region: arn.region.clone(),
        };
        self.scopes.entry(scope).or_default()
    }

    fn put_layer(&mut self, arn: LayerArn, layer: Option<Stored<LayerRecord>>) {
        let scope = self.layer_scope_mut(&arn);
        match (layer, scope.layers.get_mut(&arn.name)) {
            (Some(layer), Some(entry)) => entry.layer = layer,
            (Some(layer), None) => {
                let name = arn.name.clone();
                scope.layers.insert(
                    name,
                    LayerEntry {
                        arn,
                        layer,
                        versions: BTreeMap::new(),
                    },
                );
            }
            (None, _) => {
                let removed = scope.layers.remove(&arn.name);
                scope.code_bytes -= removed.as_ref().map_or(0, LayerEntry::code_bytes);
            }
        }
    }

    pub(crate) fn layer(&self, arn: &LayerArn) -> Option<&LayerEntry> {
        let scope = Scope {
            account: arn.account,
            region: arn.region.clone(),
        };
        self.scope(&scope)?.layers.get(&arn.name)
    }

    pub(crate) fn layer_version(
        &self,
        arn: &LayerVersionArn,
    ) -> Option<&Stored<LayerVersionRecord>> {
        self.layer(&arn.layer)?.versions.get(&arn.number)
    }
}

impl ScopeTables {
    /// Returns the functions that background work is owed to.
    pub(crate) fn moving(&self) -> impl Iterator<Item = &Arc<FunctionEntry>> {
        self.moving
            .iter()
            .filter_map(|name| self.functions.get(name))
    }

    /// Returns the event source mappings that background work is owed to.
    pub(crate) fn moving_mappings(&self) -> impl Iterator<Item = &String> {
        self.moving_mappings.iter()
    }

    fn put_mapping(&mut self, uuid: String, mapping: Option<Stored<MappingRecord>>) {
        if mapping
            .as_ref()
            .is_some_and(|mapping| mapping.record.state.is_moving())
        {
            self.moving_mappings.insert(uuid.clone());
        } else {
            self.moving_mappings.remove(&uuid);
        }
        set(&mut self.mappings, uuid, mapping);
    }

    fn note_moving(&mut self, name: &FunctionName) {
        let is_moving = self
            .functions
            .get(name)
            .is_some_and(|entry| entry.is_moving());
        if is_moving {
            self.moving.insert(name.clone());
        } else {
            self.moving.remove(name);
        }
    }

    fn put_function(
        &mut self,
        arn: FunctionArn,
        function: Stored<FunctionRecord>,
        latest: Arc<FunctionVersion>,
    ) {
        let name = arn.name.clone();
        match self.functions.get_mut(&name) {
            Some(entry) => {
                let entry = Arc::make_mut(entry);
                self.set_aside -= entry.set_aside();
                self.code_bytes -= entry.code_bytes();
                entry.function = function;
                entry.latest = latest;
                self.set_aside += entry.set_aside();
                self.code_bytes += entry.code_bytes();
            }
            None => {
                let entry = FunctionEntry::new(arn, function, latest);
                self.set_aside += entry.set_aside();
                self.code_bytes += entry.code_bytes();
                self.functions.insert(name.clone(), Arc::new(entry));
            }
        }
        self.note_moving(&name);
    }
}

fn set<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: Option<V>) {
    match value {
        Some(value) => map.insert(key, value),
        None => map.remove(&key),
    };
}
