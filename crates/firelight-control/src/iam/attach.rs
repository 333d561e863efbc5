//! Attaching managed policies to roles, users and groups.

use firelight_model::AccountId;

use super::Iam;
use super::error::IamError;
use super::managed;
use super::record::EntityKind;

const MAX_ATTACHED: usize = 10;

impl Iam {
    /// Attaches a policy; attaching it again changes nothing.
    pub async fn attach_policy(
        &self,
        account: AccountId,
        kind: EntityKind,
        name: &str,
        arn: &str,
    ) -> Result<(), IamError> {
        for _ in self.attempts() {
            let mut entity = self.read_entity(account, kind, name).await?;
            let attached = &mut entity.record.attached_policies;
            if !attached.iter().any(|present| present == arn) {
                attached.push(arn.to_owned());
            }
            if attached.len() > MAX_ATTACHED {
                let per = kind.capitalized();
                return Err(IamError::LimitExceeded(format!(
                    "Cannot exceed quota for PoliciesPer{per}: {MAX_ATTACHED}"
                )));
            }
            let mut txn = entity.into_txn();
            if managed::document(arn).is_none() {
                let policy = self.read_policy(account, arn).await?;
                let missing = || IamError::NotAttachable {
                    arn: arn.to_owned(),
                };
                // Written back as it is, so that a deletion that saw no attachment starts again.
                txn = policy.ok_or_else(missing)?.write(txn);
            }
            if self.try_commit(txn).await? {
                return Ok(());
            }
        }
        Err(IamError::ConcurrentModification)
    }

    pub async fn detach_policy(
        &self,
        account: AccountId,
        kind: EntityKind,
        name: &str,
        arn: &str,
    ) -> Result<(), IamError> {
        self.update_entity(account, kind, name, |entity| {
            let before = entity.attached_policies.len();
            entity.attached_policies.retain(|present| present != arn);
            if entity.attached_policies.len() == before {
                return Err(IamError::NoSuchPolicy {
                    arn: arn.to_owned(),
                });
            }
            Ok(())
        })
        .await
    }

    /// Checks that a managed policy exists.
    pub(super) async fn require_policy(
        &self,
        account: AccountId,
        arn: &str,
    ) -> Result<(), IamError> {
        if managed::document(arn).is_some() || self.read_policy(account, arn).await?.is_some() {
            return Ok(());
        }
        Err(IamError::NotAttachable {
            arn: arn.to_owned(),
        })
    }
}
