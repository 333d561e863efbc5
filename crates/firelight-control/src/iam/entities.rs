//! Roles, users and groups: creating, changing and deleting them.

use firelight_iam::{DocumentKind, Policy};
use firelight_model::AccountId;
use firelight_store::Txn;

use super::Iam;
use super::error::{DeleteConflict, IamError};
use super::names::{check_entity_name, check_length, check_path, merge_tags};
use super::record::{EntityKind, EntityRecord, RoleDetails, Tag, entity_key};
use crate::records::encode;

const MAX_TRUST_POLICY: usize = 2048;

/// What a role is created from.
#[derive(Clone, Debug)]
pub struct CreateRole {
    pub name: String,
    pub path: String,
    pub trust_policy: String,
    pub description: Option<String>,
    pub max_session_seconds: u32,
    pub boundary: Option<String>,
    pub tags: Vec<Tag>,
}

/// What a user is created from.
#[derive(Clone, Debug)]
pub struct CreateUser {
    pub name: String,
    pub path: String,
    pub boundary: Option<String>,
    pub tags: Vec<Tag>,
}

impl Iam {
    pub async fn create_role(
        &self,
        account: AccountId,
        input: CreateRole,
    ) -> Result<EntityRecord, IamError> {
        check_trust_policy(&input.trust_policy)?;
        check_max_session(input.max_session_seconds)?;
        check_length(
            "description",
            input.description.as_deref().unwrap_or_default(),
            0,
            1000,
        )?;
        let role = RoleDetails {
            trust_policy: input.trust_policy,
            description: input.description,
            max_session_seconds: input.max_session_seconds,
        };
        let common = CreateUser {
            name: input.name,
            path: input.path,
            boundary: input.boundary,
            tags: input.tags,
        };
        self.create_entity(account, EntityKind::Role, common, Some(role))
            .await
    }

    pub async fn create_user(
        &self,
        account: AccountId,
        input: CreateUser,
    ) -> Result<EntityRecord, IamError> {
        self.create_entity(account, EntityKind::User, input, None)
            .await
    }

    pub(super) async fn create_entity(
        &self,
        account: AccountId,
        kind: EntityKind,
        input: CreateUser,
        role: Option<RoleDetails>,
    ) -> Result<EntityRecord, IamError> {
        check_entity_name(kind, &input.name)?;
        check_path(&input.path)?;
        if let Some(arn) = &input.boundary {
            self.require_policy(account, arn).await?;
        }
        let mut tags = Vec::new();
        merge_tags(&mut tags, input.tags)?;
        let record = EntityRecord {
            id: self.entity_id(kind.id_prefix()),
            name: input.name,
            path: input.path,
            created_epoch_ms: self.now_ms(),
            tags,
            inline_policies: Default::default(),
            attached_policies: Vec::new(),
            boundary: input.boundary,
            role,
            is_group: kind == EntityKind::Group,
            groups: Vec::new(),
        };
        let key = entity_key(account, kind, &record.name);
        if self
            .try_commit(Txn::new().create(key, encode(&record)))
            .await?
        {
            Ok(record)
        } else {
            Err(IamError::EntityExists {
                kind,
                name: record.name,
            })
        }
    }

    /// Changes what UpdateRole may change.
    pub async fn update_role(
        &self,
        account: AccountId,
        name: &str,
        description: Option<&str>,
        max_session_seconds: Option<u32>,
    ) -> Result<(), IamError> {
        max_session_seconds.map_or(Ok(()), check_max_session)?;
        self.update_role_details(account, name, |role| {
            if let Some(description) = description {
                role.description = Some(description.to_owned());
            }
            role.max_session_seconds = max_session_seconds.unwrap_or(role.max_session_seconds);
        })
        .await
    }

    pub async fn update_assume_role_policy(
        &self,
        account: AccountId,
        name: &str,
        trust_policy: &str,
    ) -> Result<(), IamError> {
        check_trust_policy(trust_policy)?;
        self.update_role_details(account, name, |role| {
            role.trust_policy = trust_policy.to_owned();
        })
        .await
    }

    async fn update_role_details(
        &self,
        account: AccountId,
        name: &str,
        change: impl Fn(&mut RoleDetails),
    ) -> Result<(), IamError> {
        self.update_entity(account, EntityKind::Role, name, |entity| {
            if let Some(role) = &mut entity.role {
                change(role);
            }
            Ok(())
        })
        .await
    }

    /// Sets or removes the permission boundary.
    pub async fn put_boundary(
        &self,
        account: AccountId,
        kind: EntityKind,
        name: &str,
        arn: Option<&str>,
    ) -> Result<(), IamError> {
        if let Some(arn) = arn {
            self.require_policy(account, arn).await?;
        }
        self.update_entity(account, kind, name, |entity| {
            entity.boundary = arn.map(str::to_owned);
            Ok(())
        })
        .await
    }

    /// Deletes a role, user or group that nothing refers to any more.
    pub async fn delete_entity(
        &self,
        account: AccountId,
        kind: EntityKind,
        name: &str,
    ) -> Result<(), IamError> {
        for _ in self.attempts() {
            let found = self.read_entity(account, kind, name).await?;
            // Whoever gave the user a key, or the group a member, wrote it, too: the view shows that now.
            self.view.reach(found.rev).await?;
            if let Some(conflict) = self.deletion_conflict(account, &found.record) {
                return Err(IamError::DeleteConflict(conflict));
            }
            if self.try_commit(found.into_deletion()).await? {
                return Ok(());
            }
        }
        Err(IamError::ConcurrentModification)
    }

    fn deletion_conflict(
        &self,
        account: AccountId,
        entity: &EntityRecord,
    ) -> Option<DeleteConflict> {
        if !entity.attached_policies.is_empty() {
            return Some(DeleteConflict::AttachedPolicies);
        }
        if !entity.inline_policies.is_empty() {
            return Some(DeleteConflict::InlinePolicies);
        }
        let has_members = || !self.view.members_of(account, &entity.id).is_empty();
        match entity.kind() {
            EntityKind::Role => None,
            EntityKind::Group => has_members().then_some(DeleteConflict::Membership),
            EntityKind::User if !entity.groups.is_empty() => Some(DeleteConflict::Membership),
            EntityKind::User => {
                let keys = self.view.access_keys_of(account, &entity.name);
                (!keys.is_empty()).then_some(DeleteConflict::AccessKeys)
            }
        }
    }
}

fn check_trust_policy(text: &str) -> Result<(), IamError> {
    Policy::parse(text, DocumentKind::Trust)?;
    if quota_length(text) > MAX_TRUST_POLICY {
        return Err(IamError::LimitExceeded(format!(
            "Cannot exceed quota for ACLSizePerRole: {MAX_TRUST_POLICY}"
        )));
    }
    Ok(())
}

/// Returns the length that counts against quotas: white space is free.
pub(super) fn quota_length(document: &str) -> usize {
    document
        .chars()
        .filter(|character| !character.is_whitespace())
        .count()
}

fn check_max_session(seconds: u32) -> Result<(), IamError> {
    let constraint = match seconds {
        3_600..=43_200 => return Ok(()),
        0..3_600 => "Member must have value greater than or equal to 3600",
        _ => "Member must have value less than or equal to 43200",
    };
    Err(IamError::Validation(format!(
        "1 validation error detected: Value '{seconds}' at 'maxSessionDuration' failed to satisfy \
         constraint: {constraint}"
    )))
}
