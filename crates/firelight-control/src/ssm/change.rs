//! Writing and deleting parameters, and their tags.

use std::collections::BTreeMap;

use firelight_model::check_tag_keys;
use firelight_store::{Expect, Txn};

use super::name::check_name;
use super::record::{ParameterKind, ParameterRecord, ParameterVersion, Tier};
use super::{ATTEMPTS, Place, Ssm, SsmError, key};
use crate::records::encode;

const MAX_VERSIONS: usize = 100;
const MAX_TAGS: usize = 50;
const MAX_STANDARD: usize = 4_096;
const MAX_ADVANCED: usize = 8_192;

/// Whether a parameter that exists gets a new version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrite {
    Yes,
    No,
}

/// What a parameter, or its next version, is made from.
#[derive(Clone, Debug)]
pub struct PutParameter {
    pub name: String,
    pub value: String,
    /// May be left out for a new version.
    pub kind: Option<ParameterKind>,
    pub description: Option<String>,
    pub key_id: Option<String>,
    pub allowed_pattern: Option<String>,
    pub data_type: Option<String>,
    pub tier: Option<Tier>,
    pub overwrite: Overwrite,
    pub tags: BTreeMap<String, String>,
    pub modified_by: String,
}

impl Ssm {
    /// Writes a parameter and returns its new version.
    pub async fn put(
        &self,
        place: Place<'_>,
        input: &PutParameter,
    ) -> Result<ParameterVersion, SsmError> {
        check_name(&input.name)?;
        check_value(input)?;
        check_tag_keys(input.tags.keys())?;
        for _ in 0..ATTEMPTS {
            let (expect, mut record) = match self.stored(place, &input.name).await? {
                Some(_) if input.overwrite == Overwrite::No => {
                    return Err(SsmError::AlreadyExists);
                }
                Some((rev, record)) => (Expect::Rev(rev), record),
                None => (Expect::Absent, new_record(input)),
            };
            let version = self.next_version(&record, input)?;
            record.versions.push(version.clone());
            record.forget_oldest()?;
            let txn = Txn::new().put(key(place, &input.name), expect, encode(&record));
            if self.try_commit(txn).await? {
                return Ok(version);
            }
        }
        Err(SsmError::TooManyUpdates)
    }

    /// What a new version leaves out is taken from the one before.
    fn next_version(
        &self,
        record: &ParameterRecord,
        input: &PutParameter,
    ) -> Result<ParameterVersion, SsmError> {
        let before = record.newest();
        let kind = input.kind.or(before.map(|before| before.kind));
        let kind = kind.ok_or_else(|| {
            SsmError::Validation(
                "A parameter type is required when you create a parameter.".to_owned(),
            )
        })?;
        let description = before.and_then(|before| before.description.clone());
        let tier = before.map_or(Tier::Standard, |before| before.tier);
        Ok(ParameterVersion {
            number: before.map_or(0, |before| before.number) + 1,
            kind,
            value: input.value.clone(),
            modified_epoch_ms: (self.sources.now)().epoch_ms(),
            modified_by: input.modified_by.clone(),
            description: input.description.clone().or(description),
            key_id: match kind {
                ParameterKind::SecureString => Some(
                    input
                        .key_id
                        .clone()
                        .unwrap_or_else(|| "alias/aws/ssm".to_owned()),
                ),
                _ => None,
            },
            allowed_pattern: input.allowed_pattern.clone(),
            data_type: input.data_type.clone().unwrap_or_else(|| "text".to_owned()),
            tier: input.tier.unwrap_or(tier),
            labels: Vec::new(),
        })
    }

    pub async fn delete(&self, place: Place<'_>, name: &str) -> Result<(), SsmError> {
        let txn = Txn::new().delete(key(place, name), Expect::Exists);
        if self.try_commit(txn).await? {
            Ok(())
        } else {
            Err(SsmError::NotFound)
        }
    }

    /// Adds tags; a key that is there gets the new value.
    pub async fn tag(
        &self,
        place: Place<'_>,
        name: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), SsmError> {
        check_tag_keys(tags.keys())?;
        self.update(place, name, |record| {
            record.tags.extend(tags.clone());
            if record.tags.len() > MAX_TAGS {
                Err(SsmError::TooManyTags)
            } else {
                Ok(())
            }
        })
        .await
    }

    pub async fn untag(
        &self,
        place: Place<'_>,
        name: &str,
        keys: &[String],
    ) -> Result<(), SsmError> {
        check_tag_keys(keys)?;
        self.update(place, name, |record| {
            record.tags.retain(|key, _| !keys.contains(key));
            Ok(())
        })
        .await
    }
}

impl ParameterRecord {
    /// Makes room for a version by the oldest one, unless that has a label.
    fn forget_oldest(&mut self) -> Result<(), SsmError> {
        if self.versions.len() <= MAX_VERSIONS {
            return Ok(());
        }
        let oldest = self.versions.remove(0);
        if oldest.labels.is_empty() {
            return Ok(());
        }
        Err(SsmError::OldestIsLabelled {
            name: self.name.clone(),
            oldest: oldest.number,
        })
    }
}

fn new_record(input: &PutParameter) -> ParameterRecord {
    ParameterRecord {
        name: input.name.clone(),
        versions: Vec::new(),
        tags: input.tags.clone(),
    }
}

fn check_value(input: &PutParameter) -> Result<(), SsmError> {
    let invalid = |text: String| Err(SsmError::Validation(text));
    if input.value.is_empty() {
        return invalid(
            "1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member \
             must have length greater than or equal to 1."
                .to_owned(),
        );
    }
    if input.overwrite == Overwrite::Yes && !input.tags.is_empty() {
        return invalid(
            "Invalid request: tags and overwrite can't be used together. To create a parameter \
             with tags, please remove overwrite flag. To update tags for an existing parameter, \
             please use AddTagsToResource or RemoveTagsFromResource."
                .to_owned(),
        );
    }
    let (tier, max) = match input.tier {
        Some(Tier::Advanced) => ("Advanced", MAX_ADVANCED),
        _ => ("Standard", MAX_STANDARD),
    };
    if input.value.len() > max {
        return invalid(format!(
            "{tier} tier parameters support a maximum parameter value of {max} characters. To \
             create a larger parameter value, upgrade the parameter to use the advanced-parameter \
             tier. For more information, see https://docs.aws.amazon.com/systems-manager/latest/\
             userguide/parameter-store-advanced-parameters.html"
        ));
    }
    check_pattern(input)
}

fn check_pattern(input: &PutParameter) -> Result<(), SsmError> {
    let Some(pattern) = &input.allowed_pattern else {
        return Ok(());
    };
    let regex = regex::RegexBuilder::new(pattern)
        .size_limit(1 << 20)
        .build();
    let regex = regex.map_err(|error| SsmError::InvalidPattern(error.to_string()))?;
    if regex.is_match(&input.value) {
        return Ok(());
    }
    let (value, pattern) = (input.value.clone(), pattern.clone());
    Err(SsmError::PatternMismatch { value, pattern })
}
