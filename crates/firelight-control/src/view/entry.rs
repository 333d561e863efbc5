//! A function as the view holds it: its record with everything that belongs to it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use firelight_model::{
    AliasName, FunctionArn, FunctionVersion, LayerArn, Qualifier, Version, VersionNumber,
};

use super::executable::executable;

use firelight_store::{Kind, Rev};

use crate::records::Stored;
use crate::records::alias::AliasRecord;
use crate::records::function::FunctionRecord;
use crate::records::key;
use crate::records::layer::{LayerRecord, LayerVersionRecord};
use crate::records::qualified::{
    EventInvokeRecord, ProvisionedRecord, ProvisionedStatus, UrlRecord,
};
use crate::records::version::VersionRecord;

/// A function with its versions and aliases, all of one moment.
#[derive(Clone)]
pub struct FunctionEntry {
    pub arn: FunctionArn,
    pub function: Stored<FunctionRecord>,
    /// What invocations of `$LATEST` run now.
    pub latest: Arc<FunctionVersion>,
    pub versions: BTreeMap<VersionNumber, VersionEntry>,
    pub aliases: BTreeMap<AliasName, Stored<AliasRecord>>,
    pub urls: BTreeMap<Qualifier, Stored<UrlRecord>>,
    pub event_invokes: BTreeMap<Qualifier, Stored<EventInvokeRecord>>,
    pub provisioned: BTreeMap<Qualifier, Stored<ProvisionedRecord>>,
    /// Whether anything of it was invoked since somebody last looked; all moments of the function share it.
    used: Arc<AtomicBool>,
}

/// A published version, as record and ready to run.
#[derive(Clone)]
pub struct VersionEntry {
    pub stored: Stored<VersionRecord>,
    pub executable: Arc<FunctionVersion>,
}

impl FunctionEntry {
    pub(super) fn new(
        arn: FunctionArn,
        function: Stored<FunctionRecord>,
        latest: Arc<FunctionVersion>,
    ) -> Self {
        Self {
            arn,
            function,
            latest,
            versions: BTreeMap::new(),
            aliases: BTreeMap::new(),
            urls: BTreeMap::new(),
            event_invokes: BTreeMap::new(),
            provisioned: BTreeMap::new(),
            used: Arc::default(),
        }
    }

    /// Notes that the function is invoked. It is written once between two looks, so that cores do not contend.
    pub(super) fn note_used(&self) {
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
    }

    /// Tells whether the function was invoked since this was asked last.
    pub(crate) fn take_used(&self) -> bool {
        self.used.swap(false, Ordering::Relaxed)
    }

    /// Returns the version a qualifier leads to, following an alias to its main version.
    pub(crate) fn main_version(&self, qualifier: Option<&Qualifier>) -> Option<Version> {
        match qualifier {
            None | Some(Qualifier::Latest) => Some(Version::Latest),
            // Only functions on capacity providers have one.
            Some(Qualifier::LatestPublished) => None,
            Some(Qualifier::Version(number)) => self
                .versions
                .contains_key(number)
                .then_some(Version::Number(*number)),
            Some(Qualifier::Alias(name)) => self.alias(name).map(|alias| alias.record.route.main()),
        }
    }

    pub(crate) fn alias(&self, name: &AliasName) -> Option<&Stored<AliasRecord>> {
        self.aliases.get(name)
    }

    /// Returns the kind, qualifier and revision of everything that belongs to single qualifiers.
    pub(crate) fn belongings(&self) -> Vec<(Kind<'static>, &Qualifier, Rev)> {
        let urls = self
            .urls
            .iter()
            .map(|(qualifier, url)| (key::URL, qualifier, url.rev));
        let events = self.event_invokes.iter();
        let events = events.map(|(qualifier, config)| (key::EVENT_INVOKE, qualifier, config.rev));
        let provisioned = self.provisioned.iter();
        let provisioned =
            provisioned.map(|(qualifier, config)| (key::PROVISIONED, qualifier, config.rev));
        urls.chain(events).chain(provisioned).collect()
    }

    /// Returns `$LATEST` as it will run once everything that is in progress has ended.
    pub(crate) fn newest_executable(&self) -> FunctionVersion {
        let latest = &self.function.record.latest;
        executable(
            &self.arn,
            Version::Latest,
            latest.identity,
            &latest.configuration,
        )
    }

    /// Tells whether the function or one of its versions is being created or updated.
    pub(crate) fn is_changing(&self) -> bool {
        let moving = |version: &VersionEntry| version.stored.record.life_cycle.is_moving();
        self.function.record.life_cycle.is_moving() || self.versions.values().any(moving)
    }

    /// Returns the provisioned concurrency that is not ready yet.
    pub(crate) fn provisioning(
        &self,
    ) -> impl Iterator<Item = (&Qualifier, &Arc<ProvisionedRecord>)> {
        let configs = self
            .provisioned
            .iter()
            .map(|(qualifier, config)| (qualifier, &config.record));
        configs.filter(|(_, config)| config.status == ProvisionedStatus::InProgress)
    }

    /// Returns what runs for a qualifier, an alias standing for its main version.
    pub(crate) fn executable_of(&self, qualifier: &Qualifier) -> Option<&Arc<FunctionVersion>> {
        match self.main_version(Some(qualifier))? {
            Version::Latest => Some(&self.latest),
            Version::Number(number) => Some(&self.versions.get(&number)?.executable),
        }
    }

    /// Tells whether background work is owed to the function.
    pub(crate) fn is_moving(&self) -> bool {
        self.is_changing() || self.provisioning().next().is_some()
    }
}

/// A layer with its versions.
#[derive(Clone)]
pub struct LayerEntry {
    pub arn: LayerArn,
    pub(crate) layer: Stored<LayerRecord>,
    pub versions: BTreeMap<u64, Stored<LayerVersionRecord>>,
}
