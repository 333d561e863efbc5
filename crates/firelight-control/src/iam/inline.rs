//! Inline policies: documents that belong to one role, user or group.

use firelight_iam::{DocumentKind, Policy};
use firelight_model::AccountId;

use super::Iam;
use super::entities::quota_length;
use super::error::IamError;
use super::names::check_name;
use super::record::{EntityKind, EntityRecord};

impl Iam {
    pub async fn put_inline_policy(
        &self,
        account: AccountId,
        kind: EntityKind,
        name: &str,
        policy_name: &str,
        document: &str,
    ) -> Result<(), IamError> {
        check_name("policyName", policy_name, 128)?;
        Policy::parse(document, DocumentKind::Identity)?;
        self.update_entity(account, kind, name, |entity| {
            entity
                .inline_policies
                .insert(policy_name.to_owned(), document.to_owned());
            check_total(entity)
        })
        .await
    }

    pub async fn delete_inline_policy(
        &self,
        account: AccountId,
        kind: EntityKind,
        name: &str,
        policy_name: &str,
    ) -> Result<(), IamError> {
        self.update_entity(account, kind, name, |entity| {
            match entity.inline_policies.remove(policy_name) {
                Some(_) => Ok(()),
                None => Err(IamError::NoSuchInlinePolicy {
                    kind,
                    name: policy_name.to_owned(),
                }),
            }
        })
        .await
    }
}

fn check_total(entity: &EntityRecord) -> Result<(), IamError> {
    let kind = entity.kind();
    let quota = match kind {
        EntityKind::Role => 10_240,
        EntityKind::User => 2_048,
        EntityKind::Group => 5_120,
    };
    let total: usize = entity
        .inline_policies
        .values()
        .map(|text| quota_length(text))
        .sum();
    if total > quota {
        let (kind, name) = (kind.as_str(), &entity.name);
        return Err(IamError::LimitExceeded(format!(
            "Maximum policy size of {quota} bytes exceeded for {kind} {name}"
        )));
    }
    Ok(())
}
