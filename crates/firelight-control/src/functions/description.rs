//! A function version as callers see it.

use firelight_model::{FunctionArn, LifeCycle, Qualifier, RevisionId, Version, WallTime};

use crate::records::configuration::Configuration;
use crate::records::function::FunctionRecord;
use crate::records::version::VersionRecord;
use crate::view::FunctionEntry;

/// One version of a function, as it is described to a caller.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionDescription {
    pub arn: FunctionArn,
    /// What stands behind the ARN: AWS repeats how the caller addressed the function.
    pub addressed: Option<Qualifier>,
    pub version: Version,
    pub configuration: Configuration,
    pub life_cycle: LifeCycle,
    pub revision: RevisionId,
    pub last_modified: WallTime,
}

impl FunctionDescription {
    pub(crate) fn latest(arn: &FunctionArn, record: &FunctionRecord) -> Self {
        Self {
            arn: arn.clone(),
            addressed: None,
            version: Version::Latest,
            configuration: record.latest.configuration.clone(),
            life_cycle: record.life_cycle.clone(),
            revision: record.revision,
            last_modified: record.last_modified,
        }
    }

    pub(crate) fn published(
        arn: &FunctionArn,
        number: firelight_model::VersionNumber,
        record: &VersionRecord,
    ) -> Self {
        Self {
            arn: arn.clone(),
            addressed: Some(Qualifier::Version(number)),
            version: Version::Number(number),
            configuration: record.configuration.clone(),
            life_cycle: record.life_cycle.clone(),
            revision: record.revision,
            last_modified: record.last_modified,
        }
    }

    /// Describes one version of a function; `None` if there is no such version.
    pub(crate) fn of(entry: &FunctionEntry, version: Version) -> Option<Self> {
        match version {
            Version::Latest => Some(Self::latest(&entry.arn, &entry.function.record)),
            Version::Number(number) => {
                let version = entry.versions.get(&number)?;
                Some(Self::published(&entry.arn, number, &version.stored.record))
            }
        }
    }

    #[must_use]
    pub(crate) fn addressed_as(self, addressed: Option<Qualifier>) -> Self {
        Self { addressed, ..self }
    }

    /// Renders the ARN as AWS does in the answer.
    pub fn arn_text(&self) -> String {
        self.arn.with(self.addressed.as_ref())
    }
}
