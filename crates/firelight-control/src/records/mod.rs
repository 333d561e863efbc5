//! What control stores: one serde struct for each kind of record.
//!
//! The format rules, for every kind: unknown fields are ignored, so that an older reader can read what a newer one
//! wrote; a field that joins later is optional or has a default; a field never changes its meaning or its unit. A
//! change that breaks these rules needs a new kind. Each kind has a golden test with a record of the first release.
//!
//! Deliberately absent: where records lie and how they are changed.

pub mod account;
pub mod alias;
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
