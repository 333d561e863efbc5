//! AddPermission, RemovePermission and GetPolicy.

use firelight_model::{
    AliasName, FunctionArn, FunctionTarget, Qualifier, RevisionId, VersionNumber,
};
use firelight_store::Txn;

use super::LIMIT_BYTES;
use super::statement::{Conditions, Principal, Statement};
use crate::control::{Control, Decision, Origin, StoreTrouble};
use crate::functions::{FindError, is_current};
use crate::records::alias::AliasRecord;
use crate::records::function::FunctionRecord;
use crate::records::policy::{PolicyRecord, StatementRecord};
use crate::records::version::VersionRecord;
use crate::records::{encode, key};
use crate::view::{FunctionEntry, Tables};

#[derive(Clone, Debug)]
pub struct AddPermission {
    pub target: FunctionTarget,
    pub sid: String,
    pub principal: Principal,
    pub action: String,
    pub conditions: Conditions,
    pub expected_revision: Option<String>,
}

#[derive(Clone, Debug)]
pub struct RemovePermission {
    pub target: FunctionTarget,
    pub sid: String,
    pub expected_revision: Option<String>,
}

/// A policy as it is described to a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyDescription {
    pub document: String,
    pub revision: RevisionId,
}

/// The policy is not there, or could not become what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    #[error(transparent)]
    Find(#[from] FindError),
    #[error("alias {name} of {arn} does not exist")]
    NoSuchAlias { arn: FunctionArn, name: AliasName },
    #[error("$LATEST has no policy of its own")]
    Latest,
    #[error("there is a statement {sid} already")]
    SidExists { sid: String },
    #[error("there is no statement {sid}")]
    NoSuchSid { sid: String },
    #[error("there is no policy")]
    NoPolicy,
    #[error("the policy would have {size_bytes} bytes")]
    TooLong {
        size_bytes: usize,
        limit_bytes: usize,
    },
    #[error("the revision id is out of date")]
    StaleRevision,
    #[error("could not change the policy")]
    Store(#[from] StoreTrouble),
}

/// What of a function a policy protects.
#[derive(Clone, Debug)]
pub(super) enum Protected {
    Function,
    Version(VersionNumber),
    Alias(AliasName),
}

impl Control {
    /// Appends a statement and returns it.
    pub async fn add_permission(
        &self,
        origin: &Origin,
        request: AddPermission,
    ) -> Result<String, PolicyError> {
        self.change(Some(origin), |tables| self.decide_add(tables, &request))
            .await
    }

    fn decide_add(
        &self,
        tables: &Tables,
        request: &AddPermission,
    ) -> Result<Decision<String>, PolicyError> {
        let protected = Protected::of(&request.target)?;
        let entry = tables.find(&request.target.arn)?;
        let (old, revision) = entry.policy(&protected)?;
        if !is_current(revision, request.expected_revision.as_deref()) {
            return Err(PolicyError::StaleRevision);
        }
        if old.has(&request.sid) {
            return Err(PolicyError::SidExists {
                sid: request.sid.clone(),
            });
        }
        let resource = request.target.arn.with(request.target.qualifier.as_ref());
        let statement = Statement {
            sid: &request.sid,
            principal: &request.principal,
            action: &request.action,
            resource: &resource,
            conditions: &request.conditions,
        };
        let json = statement.json();
        let mut policy = old.clone();
        policy.statements.push(StatementRecord {
            sid: request.sid.clone(),
            json: json.clone(),
        });
        check_length(&policy)?;
        let txn = entry.with_policy(&protected, policy, self.world().revision());
        Ok(Decision::commit(txn, json))
    }

    /// Removes a statement; with the last one the policy is gone.
    pub async fn remove_permission(
        &self,
        origin: &Origin,
        request: RemovePermission,
    ) -> Result<(), PolicyError> {
        self.change(Some(origin), |tables| self.decide_remove(tables, &request))
            .await
    }

    fn decide_remove(
        &self,
        tables: &Tables,
        request: &RemovePermission,
    ) -> Result<Decision<()>, PolicyError> {
        let protected = Protected::of(&request.target)?;
        let entry = tables.find(&request.target.arn)?;
        let (old, revision) = entry.policy(&protected)?;
        if old.is_empty() {
            return Err(PolicyError::NoPolicy);
        }
        if !old.has(&request.sid) {
            return Err(PolicyError::NoSuchSid {
                sid: request.sid.clone(),
            });
        }
        if !is_current(revision, request.expected_revision.as_deref()) {
            return Err(PolicyError::StaleRevision);
        }
        let mut policy = old.clone();
        policy
            .statements
            .retain(|statement| statement.sid != request.sid);
        let txn = entry.with_policy(&protected, policy, self.world().revision());
        Ok(Decision::commit(txn, ()))
    }

    /// Returns the policy of a function, a version or an alias.
    pub fn policy(&self, target: &FunctionTarget) -> Result<PolicyDescription, PolicyError> {
        let protected = Protected::of(target)?;
        let entry = self.function(&target.arn)?;
        let (policy, revision) = entry.policy(&protected)?;
        if policy.is_empty() {
            return Err(PolicyError::NoPolicy);
        }
        Ok(PolicyDescription {
            document: policy.document(),
            revision,
        })
    }
}

pub(super) fn check_length(policy: &PolicyRecord) -> Result<(), PolicyError> {
    let size_bytes = policy.document().len();
    if size_bytes > LIMIT_BYTES {
        return Err(PolicyError::TooLong {
            size_bytes,
            limit_bytes: LIMIT_BYTES,
        });
    }
    Ok(())
}

impl Protected {
    pub(super) fn of(target: &FunctionTarget) -> Result<Self, PolicyError> {
        match &target.qualifier {
            None => Ok(Self::Function),
            Some(Qualifier::Version(number)) => Ok(Self::Version(*number)),
            Some(Qualifier::Alias(name)) => Ok(Self::Alias(name.clone())),
            Some(Qualifier::Latest | Qualifier::LatestPublished) => Err(PolicyError::Latest),
        }
    }
}

impl FunctionEntry {
    /// Returns a policy with the revision of what it protects.
    pub(super) fn policy(
        &self,
        protected: &Protected,
    ) -> Result<(&PolicyRecord, RevisionId), PolicyError> {
        match protected {
            Protected::Function => {
                let record = &self.function.record;
                Ok((&record.policy, record.revision))
            }
            Protected::Version(number) => {
                let version = self
                    .versions
                    .get(number)
                    .ok_or_else(|| self.no_version(*number))?;
                let record = &version.stored.record;
                Ok((&record.policy, record.revision))
            }
            Protected::Alias(name) => {
                let missing = || PolicyError::NoSuchAlias {
                    arn: self.arn.clone(),
                    name: name.clone(),
                };
                let alias = self.alias(name).ok_or_else(missing)?;
                Ok((&alias.record.policy, alias.record.revision))
            }
        }
    }

    fn no_version(&self, number: VersionNumber) -> FindError {
        FindError::NoSuchQualifier {
            arn: self.arn.clone(),
            qualifier: Qualifier::Version(number),
        }
    }

    /// Writes a policy into what it protects, which gets a new revision.
    pub(super) fn with_policy(
        &self,
        protected: &Protected,
        policy: PolicyRecord,
        revision: RevisionId,
    ) -> Txn {
        let arn = &self.arn;
        match protected {
            Protected::Function => {
                let record = FunctionRecord::clone(&self.function.record);
                let record = FunctionRecord {
                    policy,
                    revision,
                    ..record
                };
                Txn::new().replace(key::function(arn), self.function.rev, encode(&record))
            }
            Protected::Version(number) => {
                self.versions.get(number).map_or_else(Txn::new, |version| {
                    let record = VersionRecord::clone(&version.stored.record);
                    let record = VersionRecord {
                        policy,
                        revision,
                        ..record
                    };
                    let key = key::version(arn, *number);
                    self.guarded()
                        .replace(key, version.stored.rev, encode(&record))
                })
            }
            Protected::Alias(name) => self.alias(name).map_or_else(Txn::new, |alias| {
                let record = AliasRecord::clone(&alias.record);
                let record = AliasRecord {
                    policy,
                    revision,
                    ..record
                };
                self.guarded()
                    .replace(key::alias(arn, name), alias.rev, encode(&record))
            }),
        }
    }
}
