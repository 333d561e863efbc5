//! Tags of roles, users and policies.

use firelight_model::{AccountId, check_tag_keys};

use super::Iam;
use super::error::IamError;
use super::names::merge_tags;
use super::record::{EntityKind, Tag};

impl Iam {
    pub async fn tag_entity(
        &self,
        account: AccountId,
        kind: EntityKind,
        name: &str,
        tags: &[Tag],
    ) -> Result<(), IamError> {
        let change = |entity: &mut super::EntityRecord| merge_tags(&mut entity.tags, tags.to_vec());
        self.update_entity(account, kind, name, change).await
    }

    pub async fn untag_entity(
        &self,
        account: AccountId,
        kind: EntityKind,
        name: &str,
        keys: &[String],
    ) -> Result<(), IamError> {
        self.update_entity(account, kind, name, |entity| {
            remove_tags(&mut entity.tags, keys)
        })
        .await
    }

    pub async fn tag_policy(
        &self,
        account: AccountId,
        arn: &str,
        tags: &[Tag],
    ) -> Result<(), IamError> {
        self.update_policy(account, arn, |policy| {
            merge_tags(&mut policy.tags, tags.to_vec())
        })
        .await
    }

    pub async fn untag_policy(
        &self,
        account: AccountId,
        arn: &str,
        keys: &[String],
    ) -> Result<(), IamError> {
        self.update_policy(account, arn, |policy| remove_tags(&mut policy.tags, keys))
            .await
    }
}

fn remove_tags(tags: &mut Vec<Tag>, keys: &[String]) -> Result<(), IamError> {
    check_tag_keys(keys)?;
    tags.retain(|tag| !keys.iter().any(|key| key.eq_ignore_ascii_case(&tag.key)));
    Ok(())
}
