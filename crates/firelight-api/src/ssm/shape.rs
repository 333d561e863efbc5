//! Parameters as JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use firelight_control::ssm::{ParameterKind, ParameterRecord, ParameterVersion, Tier};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Call;

/// How secure strings are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decryption {
    Plain,
    Sealed,
}

impl Decryption {
    pub(super) fn asked(with_decryption: Option<bool>) -> Self {
        if with_decryption == Some(true) {
            Self::Plain
        } else {
            Self::Sealed
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Parameter {
    name: String,
    r#type: &'static str,
    value: String,
    version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    selector: Option<String>,
    last_modified_date: f64,
    #[serde(rename = "ARN")]
    arn: String,
    data_type: String,
}

/// What is told of a parameter without its value; the history adds that.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Metadata {
    name: String,
    #[serde(rename = "ARN", skip_serializing_if = "Option::is_none")]
    arn: Option<String>,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<String>,
    last_modified_date: f64,
    last_modified_user: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_pattern: Option<String>,
    version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<Vec<String>>,
    tier: &'static str,
    policies: [(); 0],
    data_type: String,
}

impl Call<'_> {
    pub(super) fn parameter(
        &self,
        record: &ParameterRecord,
        version: &ParameterVersion,
        decryption: Decryption,
        chosen: Option<String>,
    ) -> Parameter {
        Parameter {
            name: record.name.clone(),
            r#type: kind_name(version.kind),
            value: shown_value(version, decryption),
            version: version.number,
            selector: chosen.map(|text| format!(":{text}")),
            last_modified_date: seconds(version.modified_epoch_ms),
            arn: self.arn(&record.name),
            data_type: version.data_type.clone(),
        }
    }

    pub(super) fn metadata(
        &self,
        record: &ParameterRecord,
        version: &ParameterVersion,
    ) -> Metadata {
        Metadata {
            name: record.name.clone(),
            arn: Some(self.arn(&record.name)),
            r#type: kind_name(version.kind),
            key_id: version.key_id.clone(),
            last_modified_date: seconds(version.modified_epoch_ms),
            last_modified_user: version.modified_by.clone(),
            description: version.description.clone(),
            value: None,
            allowed_pattern: version.allowed_pattern.clone(),
            version: version.number,
            labels: None,
            tier: tier_name(version.tier),
            policies: [],
            data_type: version.data_type.clone(),
        }
    }

    /// The same with the value, as the history shows it.
    pub(super) fn history(
        &self,
        record: &ParameterRecord,
        version: &ParameterVersion,
        decryption: Decryption,
    ) -> Metadata {
        Metadata {
            arn: None,
            value: Some(shown_value(version, decryption)),
            labels: Some(version.labels.clone()),
            ..self.metadata(record, version)
        }
    }
}

/// A sealed value is opaque: whoever sees it learns nothing about the plain one.
fn shown_value(version: &ParameterVersion, decryption: Decryption) -> String {
    if version.kind != ParameterKind::SecureString || decryption == Decryption::Plain {
        return version.value.clone();
    }
    let origin = format!("{}/{}", version.modified_epoch_ms, version.number);
    STANDARD.encode(Sha256::digest(origin))
}

pub(super) fn kind_name(kind: ParameterKind) -> &'static str {
    match kind {
        ParameterKind::String => "String",
        ParameterKind::StringList => "StringList",
        ParameterKind::SecureString => "SecureString",
    }
}

pub(super) fn tier_name(tier: Tier) -> &'static str {
    match tier {
        Tier::Standard => "Standard",
        Tier::Advanced => "Advanced",
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact until the year 287396")]
fn seconds(epoch_ms: u64) -> f64 {
    epoch_ms as f64 / 1000.0
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tag {
    pub(super) key: String,
    pub(super) value: String,
}
