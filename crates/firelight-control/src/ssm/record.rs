//! What is stored of a parameter. The format rules are those of [`crate::records`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParameterRecord {
    /// As it was written when the parameter was made.
    pub name: String,
    /// Oldest first; the last one is in force.
    pub versions: Vec<ParameterVersion>,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParameterVersion {
    pub number: u64,
    pub kind: ParameterKind,
    pub value: String,
    pub modified_epoch_ms: u64,
    /// The ARN of who wrote it.
    pub modified_by: String,
    #[serde(default)]
    pub description: Option<String>,
    #[serde(default)]
    pub key_id: Option<String>,
    #[serde(default)]
    pub allowed_pattern: Option<String>,
    pub data_type: String,
    #[serde(default)]
    pub tier: Tier,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ParameterKind {
    String,
    StringList,
    SecureString,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tier {
    #[default]
    Standard,
    Advanced,
}

impl ParameterRecord {
    /// Returns the version in force.
    pub fn newest(&self) -> Option<&ParameterVersion> {
        self.versions.last()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The format of the first release must stay readable.
    #[test]
    fn record_of_the_first_release_can_be_read() {
        let text = r#"{"name":"/a/b","versions":[{"number":3,"kind":"SecureString","value":"v",
            "modified_epoch_ms":5,"modified_by":"arn","data_type":"text"}]}"#;

        let record: ParameterRecord = serde_json::from_str(text).unwrap();

        assert_eq!(record.newest().unwrap().number, 3);
        assert_eq!(record.newest().unwrap().tier, Tier::Standard);
    }
}
