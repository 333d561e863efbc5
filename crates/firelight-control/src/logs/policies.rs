//! Resource policies of Logs: named documents that say, for all log groups of an account in a region, who may do what.

use std::collections::BTreeMap;

use firelight_iam::{DocumentKind, Policy};
use firelight_store::{Key, Kind};
use serde::{Deserialize, Serialize};

use super::{LogRecordError, Logs};
use crate::records::key::in_scope;
use crate::scope::Scope;

const POLICIES: Kind<'static> = Kind::new("log-resource-policies");
const MAX_POLICIES: usize = 10;
const MAX_CHARS: usize = 5_120;

/// A policy as it was put.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPolicy {
    pub document: String,
    pub modified_epoch_ms: u64,
}

/// Policies by their names.
pub type LogPolicies = BTreeMap<String, LogPolicy>;

/// The policies stay as they are.
#[derive(Debug, thiserror::Error)]
pub enum LogPolicyError {
    #[error("there are {MAX_POLICIES} resource policies already")]
    TooMany,
    #[error("the document has more than {MAX_CHARS} characters")]
    TooLong,
    #[error("the document is no resource policy")]
    Malformed,
    #[error("there is no resource policy {name}")]
    NoSuchPolicy { name: String },
    #[error(transparent)]
    Record(#[from] LogRecordError),
}

impl Logs {
    /// Puts a policy in the place of the one of that name, if there is one.
    pub async fn put_policy(
        &self,
        scope: &Scope,
        name: &str,
        policy: &LogPolicy,
    ) -> Result<(), LogPolicyError> {
        if policy.document.chars().count() > MAX_CHARS {
            return Err(LogPolicyError::TooLong);
        }
        if parse(policy).is_none() {
            return Err(LogPolicyError::Malformed);
        }
        self.change_record(&key(scope), |policies: &mut LogPolicies| {
            policies.insert(name.to_owned(), policy.clone());
            match policies.len() {
                0..=MAX_POLICIES => Ok(()),
                _ => Err(LogPolicyError::TooMany),
            }
        })
        .await
    }

    pub async fn delete_policy(&self, scope: &Scope, name: &str) -> Result<(), LogPolicyError> {
        self.change_record(&key(scope), |policies: &mut LogPolicies| {
            let missing = || LogPolicyError::NoSuchPolicy {
                name: name.to_owned(),
            };
            policies.remove(name).map(drop).ok_or_else(missing)
        })
        .await
    }

    pub async fn policies(&self, scope: &Scope) -> Result<LogPolicies, LogRecordError> {
        Ok(self.read_record(&key(scope)).await?.1)
    }

    /// Returns all policies as the one that decides, if there are any.
    pub async fn deciding_policy(&self, scope: &Scope) -> Result<Option<Policy>, LogRecordError> {
        let policies = self.policies(scope).await?;
        let parsed = policies.values().filter_map(parse);
        Ok(parsed.reduce(Policy::and))
    }
}

fn parse(policy: &LogPolicy) -> Option<Policy> {
    Policy::parse(&policy.document, DocumentKind::Resource).ok()
}

fn key(scope: &Scope) -> Key {
    in_scope(scope, POLICIES, "all")
}
