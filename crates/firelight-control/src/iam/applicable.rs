//! Which policies apply to a caller.

use std::sync::Arc;

use firelight_iam::{DocumentKind, Policy, Principal};
use firelight_model::AccountId;

use super::managed;
use super::record::{EntityKind, EntityRecord};
use super::view::IamView;
use crate::sts::{Caller, Identity};

/// The policies of a caller, parsed. They are gathered once and kept until anything of IAM changes.
#[derive(Clone, Debug, Default)]
pub struct CallerPolicies {
    pub identity: Vec<Policy>,
    pub boundary: Option<Policy>,
    /// `None` if the session was made without any.
    pub session: Option<Vec<Policy>>,
}

impl CallerPolicies {
    /// Tells whether a decision by them can depend on condition keys.
    pub fn heed_keys(&self) -> bool {
        let session = self.session.iter().flatten();
        let mut all = self.identity.iter().chain(&self.boundary).chain(session);
        all.any(Policy::heeds_keys)
    }
}

impl IamView {
    /// Returns what limits a caller. Whoever is gone has no policies left.
    pub fn policies_of(&self, caller: &Caller) -> Arc<CallerPolicies> {
        let own = match &caller.identity {
            Identity::User { id, .. } | Identity::AssumedRole { role_id: id, .. } => {
                self.gathered(id, || self.gather(caller))
            }
            Identity::Anonymous | Identity::Root => Arc::default(),
        };
        if caller.session_policies.is_empty() {
            return own;
        }
        let given = caller.session_policies.iter();
        Arc::new(CallerPolicies {
            session: Some(given.filter_map(|text| identity(text)).collect()),
            ..CallerPolicies::clone(&own)
        })
    }

    fn gather(&self, caller: &Caller) -> CallerPolicies {
        let Some(entity) = self.entity_of(caller) else {
            return CallerPolicies::default();
        };
        let account = caller.account;
        let groups = self.groups_of(account, &entity);
        let holders = std::iter::once(&entity).chain(&groups);
        let boundary = entity.boundary.as_ref().map(|arn| {
            let document = self.policy_document(account, arn);
            document
                .and_then(|text| identity(&text))
                .unwrap_or_else(Policy::nothing)
        });
        CallerPolicies {
            identity: holders
                .flat_map(|holder| self.held(account, holder))
                .collect(),
            boundary,
            session: None,
        }
    }

    /// Returns the policies that a role, user or group holds itself.
    fn held(&self, account: AccountId, holder: &EntityRecord) -> Vec<Policy> {
        let attached = holder.attached_policies.iter();
        let attached = attached
            .filter_map(|arn| self.policy_document(account, arn))
            .filter_map(|text| identity(&text));
        let inline = holder.inline_policies.values();
        let inline = inline.filter_map(|text| identity(text));
        inline.chain(attached).collect()
    }

    /// Returns the document in force of a managed policy.
    pub fn policy_document(&self, account: AccountId, arn: &str) -> Option<String> {
        managed::document(arn).or_else(|| {
            let policy = self.policy(account, arn)?;
            Some(policy.version(policy.default_version)?.document.clone())
        })
    }

    /// Returns the tags of the user or role behind a caller.
    pub fn tags_of(&self, caller: &Caller) -> Vec<(String, String)> {
        let entity = self.entity_of(caller);
        let tags = entity.iter().flat_map(|entity| &entity.tags);
        tags.map(|tag| (tag.key.clone(), tag.value.clone()))
            .collect()
    }

    /// Finds the user or role behind a caller; one that was made anew under the name is another.
    fn entity_of(&self, caller: &Caller) -> Option<std::sync::Arc<EntityRecord>> {
        let (kind, name, id) = match &caller.identity {
            Identity::User { name, id, .. } => (EntityKind::User, name, id),
            Identity::AssumedRole {
                role_name, role_id, ..
            } => (EntityKind::Role, role_name, role_id),
            Identity::Anonymous | Identity::Root => return None,
        };
        let entity = self.entity(caller.account, kind, name)?;
        (entity.id == *id).then_some(entity)
    }

    /// Returns the caller as policies know it.
    pub fn principal_of(&self, caller: &Caller) -> Principal {
        let mut principal = caller.principal();
        if let Principal::RoleSession { role_arn, .. } = &mut principal
            && let Some(role) = self.entity_of(caller)
        {
            // The name alone does not tell the path, which is part of the ARN.
            *role_arn = role.arn(caller.account);
        }
        principal
    }
}

fn identity(text: &str) -> Option<Policy> {
    Policy::parse(text, DocumentKind::Identity).ok()
}
