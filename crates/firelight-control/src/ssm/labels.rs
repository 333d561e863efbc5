//! Labels: names for versions of a parameter. A label names one version, and moves when it is given to another.

use super::record::ParameterRecord;
use super::{Place, Ssm, SsmError};

const MAX_LABELS: usize = 10;
const MAX_LENGTH: usize = 100;

/// What became of the labels of one call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labelled {
    /// The version that the call was about.
    pub version: u64,
    pub done: Vec<String>,
    pub invalid: Vec<String>,
}

impl Ssm {
    /// Gives labels to a version, the newest one if none is named.
    pub async fn label(
        &self,
        place: Place<'_>,
        name: &str,
        version: Option<u64>,
        labels: &[String],
    ) -> Result<Labelled, SsmError> {
        self.update(place, name, |record| record.label(version, labels))
            .await
    }

    /// Takes labels from a version; those that it does not have are told as invalid.
    pub async fn unlabel(
        &self,
        place: Place<'_>,
        name: &str,
        version: u64,
        labels: &[String],
    ) -> Result<Labelled, SsmError> {
        self.update(place, name, |record| record.unlabel(version, labels))
            .await
    }
}

impl ParameterRecord {
    fn label(&mut self, version: Option<u64>, labels: &[String]) -> Result<Labelled, SsmError> {
        let number = version.or_else(|| self.newest().map(|newest| newest.number));
        let number = number.unwrap_or_default();
        let (done, invalid) = labels.iter().cloned().partition(|label| is_label(label));
        let labelled = Labelled {
            version: number,
            done,
            invalid,
        };
        for version in &mut self.versions {
            version
                .labels
                .retain(|label| !labelled.done.contains(label));
        }
        let missing = self.no_version(number);
        let chosen = self.versions.iter_mut().find(|v| v.number == number);
        let chosen = chosen.ok_or(missing)?;
        chosen.labels.extend(labelled.done.iter().cloned());
        chosen.labels.sort();
        chosen.labels.dedup();
        if chosen.labels.len() > MAX_LABELS {
            return Err(SsmError::TooManyLabels);
        }
        Ok(labelled)
    }

    fn unlabel(&mut self, number: u64, labels: &[String]) -> Result<Labelled, SsmError> {
        let missing = self.no_version(number);
        let chosen = self.versions.iter_mut().find(|v| v.number == number);
        let chosen = chosen.ok_or(missing)?;
        let has = |label: &String| chosen.labels.contains(label);
        let (done, invalid) = labels.iter().cloned().partition(has);
        chosen.labels.retain(|label| !labels.contains(label));
        Ok(Labelled {
            version: number,
            done,
            invalid,
        })
    }

    fn no_version(&self, number: u64) -> SsmError {
        SsmError::VersionNotFound {
            name: self.name.clone(),
            selector: number.to_string(),
        }
    }
}

/// Labels begin with no digit and with no name that is AWS's own.
fn is_label(label: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let lower = label.to_ascii_lowercase();
    (1..=MAX_LENGTH).contains(&label.len())
        && label.chars().all(plain)
        && !label.starts_with(|c: char| c.is_ascii_digit())
        && !lower.starts_with("aws")
        && !lower.starts_with("ssm")
}
