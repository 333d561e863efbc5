//! Reading and writing records, again and again until nobody else was in between.

use std::sync::Arc;

use firelight_model::AccountId;
use firelight_store::{CommitError, Expect, Key, Rev, Txn};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Iam;
use super::error::IamError;
use super::record::{EntityKind, EntityRecord, PolicyRecord, entity_key, policy_key};
use crate::records::{decode, encode};

/// How often a change is tried when others change the same record.
const ATTEMPTS: u32 = 20;

/// A record as it was read, to be written back only if it is still the same.
pub(super) struct Read<T> {
    pub(super) key: Key,
    pub(super) rev: Rev,
    pub(super) record: T,
}

impl Iam {
    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        key: Key,
    ) -> Result<Option<Read<T>>, IamError> {
        let found = self
            .store
            .read_many(std::slice::from_ref(&key))
            .await?
            .pop()
            .flatten();
        let Some(found) = found else {
            return Ok(None);
        };
        let record = serde_json::from_slice(&found.body)?;
        Ok(Some(Read {
            key,
            rev: found.rev,
            record,
        }))
    }

    pub(super) async fn read_entity(
        &self,
        account: AccountId,
        kind: EntityKind,
        name: &str,
    ) -> Result<Read<EntityRecord>, IamError> {
        let found = self.read(entity_key(account, kind, name)).await?;
        found.ok_or_else(|| IamError::NoSuchEntity {
            kind,
            name: name.to_owned(),
        })
    }

    /// Finds a customer managed policy; its path must be right, too.
    pub(super) async fn read_policy(
        &self,
        account: AccountId,
        arn: &str,
    ) -> Result<Option<Read<PolicyRecord>>, IamError> {
        let name = arn.rsplit('/').next().unwrap_or_default();
        let found: Option<Read<PolicyRecord>> = self.read(policy_key(account, name)).await?;
        Ok(found.filter(|found| found.record.arn(account) == arn))
    }

    /// Changes an entity by `change`, which may be run several times.
    pub(super) async fn update_entity(
        &self,
        account: AccountId,
        kind: EntityKind,
        name: &str,
        change: impl Fn(&mut EntityRecord) -> Result<(), IamError>,
    ) -> Result<(), IamError> {
        for _ in 0..ATTEMPTS {
            let mut found = self.read_entity(account, kind, name).await?;
            change(&mut found.record)?;
            if self.try_commit(found.into_txn()).await? {
                return Ok(());
            }
        }
        Err(IamError::ConcurrentModification)
    }

    /// Changes a policy by `change`, which may be run several times.
    pub(super) async fn update_policy<R>(
        &self,
        account: AccountId,
        arn: &str,
        change: impl Fn(&mut PolicyRecord) -> Result<R, IamError>,
    ) -> Result<R, IamError> {
        for _ in 0..ATTEMPTS {
            let found = self.read_policy(account, arn).await?;
            let mut found = found.ok_or_else(|| IamError::NoSuchPolicy {
                arn: arn.to_owned(),
            })?;
            let result = change(&mut found.record)?;
            if self.try_commit(found.into_txn()).await? {
                return Ok(result);
            }
        }
        Err(IamError::ConcurrentModification)
    }

    /// Commits and waits until the view shows it; `false` if a record is not as expected.
    pub(super) async fn try_commit(&self, txn: Txn) -> Result<bool, IamError> {
        match self.store.commit(txn).await {
            Ok(committed) => {
                self.view.reach(committed.rev).await?;
                Ok(true)
            }
            Err(CommitError::Conflict { .. }) => Ok(false),
            Err(error) => Err(IamError::Commit(error)),
        }
    }

    pub(super) fn attempts(&self) -> std::ops::Range<u32> {
        0..ATTEMPTS
    }
}

impl<T: Serialize> Read<T> {
    /// Returns the transaction that writes the record back.
    pub(super) fn into_txn(self) -> Txn {
        self.write(Txn::new())
    }

    /// Adds the writing of the record to a transaction.
    pub(super) fn write(self, txn: Txn) -> Txn {
        txn.replace(self.key, self.rev, encode(&self.record))
    }

    /// Returns the transaction that deletes the record.
    pub(super) fn into_deletion(self) -> Txn {
        Txn::new().delete(self.key, Expect::Rev(self.rev))
    }
}

/// Decodes a record for the view.
pub(super) fn decode_shared<T: DeserializeOwned>(body: &[u8]) -> Option<Arc<T>> {
    match decode(body) {
        Ok(record) => Some(Arc::new(record)),
        Err(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "a record is damaged"
            );
            None
        }
    }
}
