//! Access keys of users.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use firelight_model::AccountId;
use firelight_store::Txn;

use super::Iam;
use super::commit::Read;
use super::error::IamError;
use super::record::{AccessKeyRecord, EntityKind, access_key_key};
use crate::records::encode;

const MAX_KEYS: usize = 2;

/// A key right after it was made, the only time its secret is shown.
pub type NewAccessKey = AccessKeyRecord;

impl Iam {
    pub async fn create_access_key(
        &self,
        account: AccountId,
        user_name: &str,
    ) -> Result<NewAccessKey, IamError> {
        for _ in self.attempts() {
            let user = self
                .read_entity(account, EntityKind::User, user_name)
                .await?;
            self.view.reach(user.rev).await?;
            if self.view.access_keys_of(account, &user.record.name).len() >= MAX_KEYS {
                return Err(IamError::LimitExceeded(format!(
                    "Cannot exceed quota for AccessKeysPerUser: {MAX_KEYS}"
                )));
            }
            let record = AccessKeyRecord {
                access_key_id: self.access_key_id(),
                secret_access_key: self.new_secret(),
                user_name: user.record.name.clone(),
                active: true,
                created_epoch_ms: self.now_ms(),
            };
            let key = access_key_key(account, &record.access_key_id);
            // The user is written back as it is, so that two keys made at once count each other.
            let txn = user.write(Txn::new().create(key, encode(&record)));
            if self.try_commit(txn).await? {
                return Ok(record);
            }
        }
        Err(IamError::ConcurrentModification)
    }

    /// Switches a key on or off.
    pub async fn update_access_key(
        &self,
        account: AccountId,
        user_name: &str,
        access_key_id: &str,
        active: bool,
    ) -> Result<(), IamError> {
        let mut found = self
            .read_access_key(account, user_name, access_key_id)
            .await?;
        found.record.active = active;
        self.commit_once(found.into_txn()).await
    }

    pub async fn delete_access_key(
        &self,
        account: AccountId,
        user_name: &str,
        access_key_id: &str,
    ) -> Result<(), IamError> {
        let found = self
            .read_access_key(account, user_name, access_key_id)
            .await?;
        self.commit_once(found.into_deletion()).await
    }

    async fn commit_once(&self, txn: Txn) -> Result<(), IamError> {
        if self.try_commit(txn).await? {
            Ok(())
        } else {
            Err(IamError::ConcurrentModification)
        }
    }

    async fn read_access_key(
        &self,
        account: AccountId,
        user_name: &str,
        access_key_id: &str,
    ) -> Result<Read<AccessKeyRecord>, IamError> {
        self.read_entity(account, EntityKind::User, user_name)
            .await?;
        let found: Option<Read<AccessKeyRecord>> =
            self.read(access_key_key(account, access_key_id)).await?;
        found
            .filter(|found| found.record.user_name.eq_ignore_ascii_case(user_name))
            .ok_or_else(|| IamError::NoSuchAccessKey {
                access_key_id: access_key_id.to_owned(),
            })
    }

    /// Makes the 40 characters of a secret: 240 random bits.
    fn new_secret(&self) -> String {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&self.random());
        bytes[16..].copy_from_slice(&self.random());
        let mut text = STANDARD.encode(bytes);
        text.truncate(40);
        text
    }
}
