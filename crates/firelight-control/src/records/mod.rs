//! What control stores: one serde struct for each kind of record.
//!
//! The format rules, for every kind: unknown fields are ignored, so that an older reader can read what a newer one
//! wrote; a field that joins later is optional or has a default; a field never changes its meaning or its unit. A
//! change that breaks these rules needs a new kind. Each kind has a golden test with a record of the first release.
//!
//! Deliberately absent: where records lie and how they are changed.

pub mod account;
pub mod alias;
pub mod capacity_provider;
pub mod code_signing;
pub(crate) mod codec;
pub mod configuration;
pub mod function;
pub(crate) mod key;
pub mod layer;
pub(crate) mod life_cycle;
pub mod mapping;
pub mod policy;
pub mod qualified;
pub mod version;

use bytes::Bytes;
use firelight_store::Rev;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A record with the revision that the next write of it must state.
#[derive(Clone, Debug)]
pub struct Stored<T> {
    pub rev: Rev,
    pub record: std::sync::Arc<T>,
}

/// A stored body cannot be read as the record it should be.
#[derive(Debug, thiserror::Error)]
#[error("the stored record cannot be read")]
pub(crate) struct DecodeError(#[from] serde_json::Error);

pub(crate) fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, DecodeError> {
    Ok(serde_json::from_slice(body)?)
}

pub(crate) fn encode<T: Serialize>(record: &T) -> Bytes {
    let body = serde_json::to_vec(record).expect("records have text keys and finite numbers");
    Bytes::from(body)
}

#[cfg(test)]
mod tests {
    //! Records of the first release: whatever comes later must read them.

    use super::*;

    const FUNCTION: &str = r#"{
        "latest": {
            "identity": "00000000-0000-4000-8000-000000000001",
            "configuration": {
                "description": "",
                "role": "arn:aws:iam::123456789012:role/r1",
                "package": {
                    "type": "Zip", "runtime": "python3.13", "handler": "index.handler",
                    "code": {
                        "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                        "size_bytes": 10, "unzipped_bytes": 20
                    },
                    "layers": []
                },
                "architecture": "x86_64", "memory_mb": 128, "timeout_seconds": 3,
                "ephemeral_storage_mb": 512, "variables": {"K1": "v"},
                "logging": {
                    "group": "/aws/lambda/f",
                    "form": {"format": "Json", "application": "INFO", "system": "WARN"}
                },
                "tracing": "PassThrough", "snap_start": "None", "tenancy": "SHARED",
                "a field of a later release": 1
            }
        },
        "life_cycle": {
            "state": {"name": "Active"},
            "last_update": {"name": "InProgress", "code": "Creating", "text": "The function is being created."}
        },
        "revision": "00000000-0000-4000-8000-000000000002",
        "last_modified": 1700000000000,
        "next_version": 2,
        "last_published": {"number": 1, "latest_description": ""},
        "tags": {"k": "v"},
        "policy": {"statements": [{"sid": "s1", "json": "{}"}]}
    }"#;

    const ALIAS: &str = r#"{
        "description": "d",
        "route": {"main": "1", "additional": {"version": 2, "weight": 0.25}},
        "revision": "00000000-0000-4000-8000-000000000002"
    }"#;

    const URL: &str = r#"{
        "id": "abc", "auth_type": "NONE", "cors": {"allow_origins": ["*"]},
        "created": 1700000000000, "last_modified": 1700000000000
    }"#;

    const MAPPING: &str = r#"{
        "function_arn": "arn:f", "state": "Enabled", "enabled": true, "last_modified": 1700000000000,
        "event_source_arn": "arn:aws:sqs:us-east-1:123456789012:q", "settings": {"BatchSize": 10}
    }"#;

    /// Reads a record, writes it, and reads it again.
    fn survives<T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(text: &str) -> T {
        let record: T = decode(text.as_bytes()).unwrap();
        assert_eq!(decode::<T>(&encode(&record)).unwrap(), record);
        record
    }

    #[test]
    fn a_function_of_the_first_release_is_read() {
        let record: function::FunctionRecord = survives(FUNCTION);

        assert!(record.life_cycle.is_moving());
        assert_eq!(
            record.recursive_loop,
            firelight_model::RecursiveLoop::Terminate
        );
        assert_eq!(
            record.latest.configuration.zip().unwrap().code.size_bytes,
            10
        );
    }

    #[test]
    fn what_belongs_to_functions_is_read() {
        let alias: alias::AliasRecord = survives(ALIAS);
        let url: qualified::UrlRecord = survives(URL);
        let mapping: mapping::MappingRecord = survives(MAPPING);

        assert_eq!(alias.route.additional().unwrap().0.get(), 2);
        assert_eq!(url.invoke_mode, None);
        assert_eq!(mapping.settings["BatchSize"], 10);
    }

    #[test]
    fn a_record_that_breaks_a_rule_of_the_domain_is_not_read() {
        let weak = FUNCTION.replace("\"memory_mb\": 128", "\"memory_mb\": 1");
        assert!(decode::<function::FunctionRecord>(weak.as_bytes()).is_err());
    }
}
