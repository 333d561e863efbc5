//! SSM parameters: named values with versions, per account and region.
//!
//! One record holds a parameter with its last versions. Everything is read from the store: nothing
//! on the path of an invocation asks for a parameter.
//!
//! Deliberately absent: encryption of their own for secure strings. Their protection is that of the
//! store; what differs is that a reader must ask for the plain value.

mod change;
mod error;
mod labels;
mod name;
mod read;
mod record;

use std::sync::Arc;

use firelight_model::{AccountId, Region};
use firelight_store::{CommitError, Key, Kind, Rev, Store, Txn};

pub use change::{Overwrite, PutParameter};
pub use error::SsmError;
pub use labels::Labelled;
pub use read::{Choice, ParameterFilter, ParameterPage, PathQuery, Selector};
pub use record::{ParameterKind, ParameterRecord, ParameterVersion, Tier};

use crate::erased::Records;
use crate::iam::Sources;
use crate::records::encode;

const PARAMETER: Kind<'static> = Kind::new("ssm-parameter");
/// How often a change is tried when others change the same parameter.
const ATTEMPTS: u32 = 20;

/// The parameters of all accounts. Cheap to clone.
#[derive(Clone)]
pub struct Ssm {
    store: Arc<dyn Records>,
    sources: Arc<Sources>,
}

/// Where parameters live.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub account: AccountId,
    pub region: &'a Region,
}

impl Ssm {
    pub fn new(store: impl Store, sources: Arc<Sources>) -> Self {
        Self {
            store: Arc::new(store),
            sources,
        }
    }

    async fn stored(
        &self,
        place: Place<'_>,
        name: &str,
    ) -> Result<Option<(Rev, ParameterRecord)>, SsmError> {
        let key = key(place, name);
        let found = self
            .store
            .read_many(std::slice::from_ref(&key))
            .await?
            .pop()
            .flatten();
        let Some(found) = found else {
            return Ok(None);
        };
        Ok(Some((found.rev, serde_json::from_slice(&found.body)?)))
    }

    /// Changes a parameter that exists by `change`, which may be run several times.
    async fn update<T>(
        &self,
        place: Place<'_>,
        name: &str,
        change: impl Fn(&mut ParameterRecord) -> Result<T, SsmError>,
    ) -> Result<T, SsmError> {
        for _ in 0..ATTEMPTS {
            let (rev, mut record) = self.stored(place, name).await?.ok_or(SsmError::NotFound)?;
            let outcome = change(&mut record)?;
            let txn = Txn::new().replace(key(place, name), rev, encode(&record));
            if self.try_commit(txn).await? {
                return Ok(outcome);
            }
        }
        Err(SsmError::TooManyUpdates)
    }

    /// Commits; `false` if a record is not as expected.
    async fn try_commit(&self, txn: Txn) -> Result<bool, SsmError> {
        match self.store.commit(txn).await {
            Ok(_) => Ok(true),
            Err(CommitError::Conflict { .. }) => Ok(false),
            Err(error) => Err(SsmError::Commit(error)),
        }
    }
}

/// `a` and `/a` are the same parameter.
fn key(place: Place<'_>, name: &str) -> Key {
    Key::new(place.account, PARAMETER, id(place, name))
}

fn id(place: Place<'_>, name: &str) -> String {
    format!("{}/{}", place.region, name.trim_start_matches('/'))
}
