//! PublishVersion, and what every publication does.

use firelight_model::{Busy, FunctionArn, LifeCycle, VersionNumber};
use firelight_store::Txn;

use super::code::CodeError;
use super::description::FunctionDescription;
use super::read::FindError;
use crate::control::{Control, Decision, Origin, StoreTrouble};
use crate::outside::World;
use crate::records::configuration::Configuration;
use crate::records::function::{FunctionRecord, LastPublished, RuntimeManagement};
use crate::records::policy::PolicyRecord;
use crate::records::version::VersionRecord;
use crate::records::{encode, key};
use crate::view::{FunctionEntry, Tables};

/// A publication that is asked for.
#[derive(Clone, Debug)]
pub struct PublishVersion {
    pub arn: FunctionArn,
    pub description: Option<String>,
    /// AWS's base64 text of the code that must still be there.
    pub expected_sha256: Option<String>,
    pub expected_revision: Option<String>,
}

/// Nothing was published.
#[derive(Debug, thiserror::Error)]
pub enum PublishVersionError {
    #[error(transparent)]
    Find(#[from] FindError),
    #[error("the revision id is out of date")]
    StaleRevision,
    #[error("the code is {found} and not {expected}")]
    CodeChanged { expected: String, found: String },
    #[error("function {arn} cannot be published now")]
    Busy {
        arn: FunctionArn,
        #[source]
        source: Busy,
    },
    #[error(transparent)]
    Code(#[from] CodeError),
    #[error("could not publish")]
    Store(#[from] StoreTrouble),
}

impl Control {
    /// Freezes `$LATEST` as a new version, or returns the newest one if nothing changed since.
    pub async fn publish_version(
        &self,
        origin: &Origin,
        request: PublishVersion,
    ) -> Result<FunctionDescription, PublishVersionError> {
        self.change(Some(origin), |tables| {
            decide(self.world(), tables, &request)
        })
        .await
    }
}

fn decide(
    world: &World,
    tables: &Tables,
    request: &PublishVersion,
) -> Result<Decision<FunctionDescription>, PublishVersionError> {
    let arn = &request.arn;
    let entry = tables.find(arn)?;
    let function = &entry.function;
    check(&function.record, request)?;
    if let Some(unchanged) = entry.unchanged_version() {
        return Ok(Decision::nothing(unchanged));
    }
    tables.check_version_storage(world, entry)?;
    let mut record = FunctionRecord::clone(&function.record);
    let mut publication = Publication::of(world, &mut record, request.description.clone());
    publication.record.life_cycle = LifeCycle::published();
    record.revision = world.revision();
    let txn = Txn::new()
        .replace(key::function(arn), function.rev, encode(&record))
        .create(
            key::version(arn, publication.number),
            encode(&publication.record),
        );
    Ok(Decision::commit(txn, publication.described(arn)))
}

fn check(record: &FunctionRecord, request: &PublishVersion) -> Result<(), PublishVersionError> {
    if !super::update::is_current(record.revision, request.expected_revision.as_deref()) {
        return Err(PublishVersionError::StaleRevision);
    }
    let busy = |source| PublishVersionError::Busy {
        arn: request.arn.clone(),
        source,
    };
    record.life_cycle.check_idle().map_err(busy)?;
    let found = record.latest.configuration.code_sha256_text();
    match &request.expected_sha256 {
        Some(expected) if *expected != found => Err(PublishVersionError::CodeChanged {
            expected: expected.clone(),
            found,
        }),
        _ => Ok(()),
    }
}

/// A version that is about to be written.
pub(super) struct Publication {
    pub(super) number: VersionNumber,
    pub(super) record: VersionRecord,
}

impl Publication {
    /// Takes the next number of the function and freezes its `$LATEST`, in the state that the function is in.
    pub(super) fn of(
        world: &World,
        function: &mut FunctionRecord,
        description: Option<String>,
    ) -> Self {
        let number = function.next_version;
        let mut configuration = function.latest.configuration.clone();
        function.next_version = number.next();
        function.last_published = Some(LastPublished {
            number,
            latest_description: configuration.description.clone(),
        });
        if let Some(description) = description.filter(|text| !text.is_empty()) {
            configuration.description = description;
        }
        let record = VersionRecord {
            identity: world.identity(),
            configuration,
            life_cycle: LifeCycle::created(),
            revision: world.revision(),
            last_modified: world.now(),
            policy: PolicyRecord::default(),
            runtime_management: RuntimeManagement::default(),
            scaling: None,
        };
        Self { number, record }
    }

    pub(super) fn described(&self, arn: &FunctionArn) -> FunctionDescription {
        FunctionDescription::published(arn, self.number, &self.record)
    }
}

impl FunctionEntry {
    /// Returns the newest version if another publication would freeze the same again.
    pub(super) fn unchanged_version(&self) -> Option<FunctionDescription> {
        self.version_with(&self.function.record.latest.configuration)
    }

    /// Returns the newest version if it froze this very configuration.
    pub(super) fn version_with(&self, latest: &Configuration) -> Option<FunctionDescription> {
        let record = &self.function.record;
        let last = record.last_published.as_ref()?;
        let version = self.versions.get(&last.number)?;
        let mut frozen = version.stored.record.configuration.clone();
        frozen.description.clone_from(&last.latest_description);
        let published = &version.stored.record;
        let same = frozen == *latest;
        same.then(|| FunctionDescription::published(&self.arn, last.number, published))
    }
}
