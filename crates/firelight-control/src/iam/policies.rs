//! Managed policies and their versions.

use std::sync::Arc;

use firelight_iam::{DocumentKind, Policy};
use firelight_model::AccountId;
use firelight_store::Txn;

use super::Iam;
use super::entities::quota_length;
use super::error::{DeleteConflict, IamError};
use super::managed::{self, AwsManaged};
use super::names::{check_length, check_name, check_path, merge_tags};
use super::record::{PolicyRecord, PolicyVersionRecord, Tag, policy_key};
use crate::records::encode;

const MAX_DOCUMENT: usize = 6_144;
const MAX_VERSIONS: usize = 5;

/// What a policy is created from.
#[derive(Clone, Debug)]
pub struct CreatePolicy {
    pub name: String,
    pub path: String,
    pub document: String,
    pub description: Option<String>,
    pub tags: Vec<Tag>,
}

/// A policy that can be attached: the account's own, or AWS's.
#[derive(Clone, Debug)]
pub enum ManagedPolicy {
    Own(Arc<PolicyRecord>),
    Aws(&'static AwsManaged),
}

impl Iam {
    pub async fn create_policy(
        &self,
        account: AccountId,
        input: CreatePolicy,
    ) -> Result<PolicyRecord, IamError> {
        check_name("policyName", &input.name, 128)?;
        check_path(&input.path)?;
        check_length(
            "description",
            input.description.as_deref().unwrap_or_default(),
            0,
            1000,
        )?;
        check_document(&input.document)?;
        let mut tags = Vec::new();
        merge_tags(&mut tags, input.tags)?;
        let now = self.now_ms();
        let first = PolicyVersionRecord {
            number: 1,
            document: input.document,
            created_epoch_ms: now,
        };
        let record = PolicyRecord {
            id: self.entity_id("ANPA"),
            name: input.name,
            path: input.path,
            created_epoch_ms: now,
            updated_epoch_ms: now,
            description: input.description,
            tags,
            versions: vec![first],
            default_version: 1,
            last_version: 1,
        };
        let key = policy_key(account, &record.name);
        if self
            .try_commit(Txn::new().create(key, encode(&record)))
            .await?
        {
            Ok(record)
        } else {
            Err(IamError::PolicyExists { name: record.name })
        }
    }

    pub async fn delete_policy(&self, account: AccountId, arn: &str) -> Result<(), IamError> {
        for _ in self.attempts() {
            let found = self.read_policy(account, arn).await?;
            let found = found.ok_or_else(|| IamError::NoSuchPolicy {
                arn: arn.to_owned(),
            })?;
            // Whoever attached it before this read is in the view: attaching waits for that.
            self.view.reach(found.rev).await?;
            if !self.view.entities_with_policy(account, arn).is_empty() {
                return Err(IamError::DeleteConflict(DeleteConflict::PolicyInUse));
            }
            if found.record.versions.len() > 1 {
                return Err(IamError::DeleteConflict(DeleteConflict::PolicyVersions));
            }
            if self.try_commit(found.into_deletion()).await? {
                return Ok(());
            }
        }
        Err(IamError::ConcurrentModification)
    }

    /// Adds a version and returns it.
    pub async fn create_policy_version(
        &self,
        account: AccountId,
        arn: &str,
        document: &str,
        set_as_default: SetAsDefault,
    ) -> Result<PolicyVersionRecord, IamError> {
        check_document(document)?;
        let now = self.now_ms();
        self.update_policy(account, arn, |policy| {
            if policy.versions.len() >= MAX_VERSIONS {
                return Err(IamError::LimitExceeded(
                    "A managed policy can have up to 5 versions. Before you create a new version, \
                     you must delete an existing version."
                        .to_owned(),
                ));
            }
            policy.last_version += 1;
            let number = policy.last_version;
            let document = document.to_owned();
            let version = PolicyVersionRecord {
                number,
                document,
                created_epoch_ms: now,
            };
            policy.versions.push(version.clone());
            if set_as_default == SetAsDefault::Yes {
                policy.default_version = number;
                policy.updated_epoch_ms = now;
            }
            Ok(version)
        })
        .await
    }

    pub async fn delete_policy_version(
        &self,
        account: AccountId,
        arn: &str,
        version: &str,
    ) -> Result<(), IamError> {
        self.update_policy(account, arn, |policy| {
            let number = existing_version(policy, arn, version)?;
            if number == policy.default_version {
                return Err(IamError::DeleteConflict(DeleteConflict::DefaultVersion));
            }
            policy.versions.retain(|version| version.number != number);
            Ok(())
        })
        .await
    }

    pub async fn set_default_policy_version(
        &self,
        account: AccountId,
        arn: &str,
        version: &str,
    ) -> Result<(), IamError> {
        let now = self.now_ms();
        self.update_policy(account, arn, |policy| {
            policy.default_version = existing_version(policy, arn, version)?;
            policy.updated_epoch_ms = now;
            Ok(())
        })
        .await
    }

    /// Finds a managed policy by its ARN.
    pub fn policy(&self, account: AccountId, arn: &str) -> Result<ManagedPolicy, IamError> {
        if let Some(aws) = managed::find(arn) {
            return Ok(ManagedPolicy::Aws(aws));
        }
        let own = self.view.policy(account, arn);
        own.map(ManagedPolicy::Own)
            .ok_or_else(|| IamError::NoSuchPolicy {
                arn: arn.to_owned(),
            })
    }
}

/// Whether a new version takes effect at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetAsDefault {
    Yes,
    No,
}

/// Reads `v3`.
pub fn version_number(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.parse().ok()
}

fn existing_version(policy: &PolicyRecord, arn: &str, version: &str) -> Result<u32, IamError> {
    let number = version_number(version).filter(|number| policy.version(*number).is_some());
    number.ok_or_else(|| IamError::NoSuchVersion {
        arn: arn.to_owned(),
        version: version.to_owned(),
    })
}

fn check_document(document: &str) -> Result<(), IamError> {
    Policy::parse(document, DocumentKind::Identity)?;
    if quota_length(document) > MAX_DOCUMENT {
        return Err(IamError::LimitExceeded(format!(
            "Cannot exceed quota for PolicySize: {MAX_DOCUMENT}"
        )));
    }
    Ok(())
}
