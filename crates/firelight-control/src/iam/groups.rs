//! Groups of users: what only a group can do. Whatever else entities do is in [`super::entities`].

use firelight_model::AccountId;
use firelight_store::{Expect, Txn};

use super::Iam;
use super::commit::Read;
use super::entities::CreateUser;
use super::error::IamError;
use super::names::{check_entity_name, check_path};
use super::record::{EntityKind, EntityRecord, entity_key};
use crate::records::encode;

const MAX_GROUPS: usize = 10;

impl Iam {
    pub async fn create_group(
        &self,
        account: AccountId,
        name: &str,
        path: &str,
    ) -> Result<EntityRecord, IamError> {
        let input = CreateUser {
            name: name.to_owned(),
            path: path.to_owned(),
            boundary: None,
            tags: Vec::new(),
        };
        self.create_entity(account, EntityKind::Group, input, None)
            .await
    }

    /// Renames or moves a group, which keeps its members and policies.
    pub async fn update_group(
        &self,
        account: AccountId,
        name: &str,
        new_name: Option<&str>,
        new_path: Option<&str>,
    ) -> Result<(), IamError> {
        for _ in self.attempts() {
            let mut group = self.read_entity(account, EntityKind::Group, name).await?;
            if let Some(new_name) = new_name {
                check_entity_name(EntityKind::Group, new_name)?;
                group.record.name = new_name.to_owned();
            }
            if let Some(new_path) = new_path {
                check_path(new_path)?;
                group.record.path = new_path.to_owned();
            }
            self.require_free_name(account, &group).await?;
            if self.try_commit(moved(account, group)).await? {
                return Ok(());
            }
        }
        Err(IamError::ConcurrentModification)
    }

    async fn require_free_name(
        &self,
        account: AccountId,
        group: &Read<EntityRecord>,
    ) -> Result<(), IamError> {
        let (kind, name) = (EntityKind::Group, &group.record.name);
        let key = entity_key(account, kind, name);
        if key != group.key && self.read::<EntityRecord>(key).await?.is_some() {
            return Err(IamError::EntityExists {
                kind,
                name: name.clone(),
            });
        }
        Ok(())
    }

    /// Puts a user into a group; a member stays one.
    pub async fn add_user_to_group(
        &self,
        account: AccountId,
        group: &str,
        user: &str,
    ) -> Result<(), IamError> {
        self.update_membership(account, group, user, |groups, id| {
            if !groups.contains(id) {
                groups.push(id.clone());
            }
            if groups.len() > MAX_GROUPS {
                return Err(IamError::LimitExceeded(format!(
                    "Cannot exceed quota for GroupsPerUser: {MAX_GROUPS}"
                )));
            }
            Ok(())
        })
        .await
    }

    /// Takes a user out of a group; who is not a member need not be.
    pub async fn remove_user_from_group(
        &self,
        account: AccountId,
        group: &str,
        user: &str,
    ) -> Result<(), IamError> {
        self.update_membership(account, group, user, |groups, id| {
            groups.retain(|present| present != id);
            Ok(())
        })
        .await
    }

    async fn update_membership(
        &self,
        account: AccountId,
        group: &str,
        user: &str,
        change: impl Fn(&mut Vec<String>, &String) -> Result<(), IamError>,
    ) -> Result<(), IamError> {
        for _ in self.attempts() {
            let group = self.read_entity(account, EntityKind::Group, group).await?;
            let mut user = self.read_entity(account, EntityKind::User, user).await?;
            change(&mut user.record.groups, &group.record.id)?;
            // The group is written back as it is, so that a deletion that saw no member starts again.
            let txn = group.write(user.into_txn());
            if self.try_commit(txn).await? {
                return Ok(());
            }
        }
        Err(IamError::ConcurrentModification)
    }
}

/// Returns the transaction that writes a group back where its name belongs.
fn moved(account: AccountId, group: Read<EntityRecord>) -> Txn {
    let key = entity_key(account, EntityKind::Group, &group.record.name);
    if key == group.key {
        return group.into_txn();
    }
    Txn::new()
        .delete(group.key, Expect::Rev(group.rev))
        .create(key, encode(&group.record))
}
