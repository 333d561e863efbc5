//! Records beside the logs, each read and written as a whole.

use firelight_store::{CommitError, Expect, Key, ReadError, Txn};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Logs;
use crate::records::encode;

const ATTEMPTS: u32 = 20;

/// A record beside the logs could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum LogRecordError {
    #[error("too many changes of the record at once")]
    Concurrent,
    #[error("could not read the record")]
    Read(#[from] ReadError),
    #[error("could not store the record")]
    Commit(#[source] CommitError),
    #[error("the stored record is damaged")]
    Damaged(#[from] serde_json::Error),
}

impl Logs {
    /// Changes a record, which is there only while it says something. The change may be made several times.
    pub(super) async fn change_record<T, E>(
        &self,
        key: &Key,
        change: impl Fn(&mut T) -> Result<(), E>,
    ) -> Result<(), E>
    where
        T: Clone + Default + PartialEq + Serialize + DeserializeOwned,
        E: From<LogRecordError>,
    {
        for _ in 0..ATTEMPTS {
            let (expect, before) = self.read_record::<T>(key).await?;
            let mut record = before.clone();
            change(&mut record)?;
            if record == before {
                return Ok(());
            }
            let txn = if record == T::default() {
                Txn::new().delete(key.clone(), expect)
            } else {
                Txn::new().put(key.clone(), expect, encode(&record))
            };
            match self.records.commit(txn).await {
                Ok(_) => return Ok(()),
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(LogRecordError::Commit(error).into()),
            }
        }
        Err(LogRecordError::Concurrent.into())
    }

    pub(super) async fn read_record<T: Default + DeserializeOwned>(
        &self,
        key: &Key,
    ) -> Result<(Expect, T), LogRecordError> {
        let keys = std::slice::from_ref(key);
        match self.records.read_many(keys).await?.pop().flatten() {
            None => Ok((Expect::Absent, T::default())),
            Some(found) => Ok((Expect::Rev(found.rev), serde_json::from_slice(&found.body)?)),
        }
    }
}
