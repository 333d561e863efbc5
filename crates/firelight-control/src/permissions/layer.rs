//! AddLayerVersionPermission, RemoveLayerVersionPermission and GetLayerVersionPolicy.

use firelight_model::{AccountId, LayerVersionArn, RevisionId};
use firelight_store::Txn;
use serde_json::Value;

use super::LIMIT_BYTES;
use super::function::PolicyDescription;
use super::statement::{Conditions, Principal, Statement};
use crate::control::{Control, Decision, Origin, StoreTrouble};
use crate::functions::is_current;
use crate::records::layer::LayerVersionRecord;
use crate::records::policy::{PolicyRecord, StatementRecord};
use crate::records::{Stored, encode, key};
use crate::view::Tables;

#[derive(Clone, Debug)]
pub struct AddLayerPermission {
    pub arn: LayerVersionArn,
    pub sid: String,
    pub principal: Principal,
    pub action: String,
    pub organization_id: Option<String>,
    pub expected_revision: Option<String>,
}

#[derive(Clone, Debug)]
pub struct RemoveLayerPermission {
    pub arn: LayerVersionArn,
    pub sid: String,
    pub expected_revision: Option<String>,
}

/// The policy is not there, or could not become what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum LayerPolicyError {
    #[error("layer version {arn} does not exist")]
    NoSuchVersion { arn: LayerVersionArn },
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

impl Control {
    /// Appends a statement; returns it with the new revision.
    pub async fn add_layer_permission(
        &self,
        origin: &Origin,
        request: AddLayerPermission,
    ) -> Result<(String, RevisionId), LayerPolicyError> {
        self.change(Some(origin), |tables| {
            self.decide_add_to_layer(tables, &request)
        })
        .await
    }

    fn decide_add_to_layer(
        &self,
        tables: &Tables,
        request: &AddLayerPermission,
    ) -> Result<Decision<(String, RevisionId)>, LayerPolicyError> {
        let version = current(tables, &request.arn, request.expected_revision.as_deref())?;
        if version.record.policy.has(&request.sid) {
            return Err(LayerPolicyError::SidExists {
                sid: request.sid.clone(),
            });
        }
        let conditions = Conditions {
            principal_org_id: request.organization_id.clone(),
            ..Conditions::default()
        };
        let statement = Statement {
            sid: &request.sid,
            principal: &request.principal,
            action: &request.action,
            resource: &request.arn.to_string(),
            conditions: &conditions,
        };
        let json = statement.json();
        let mut policy = version.record.policy.clone();
        policy.statements.push(StatementRecord {
            sid: request.sid.clone(),
            json: json.clone(),
        });
        let size_bytes = policy.document().len();
        if size_bytes > LIMIT_BYTES {
            return Err(LayerPolicyError::TooLong {
                size_bytes,
                limit_bytes: LIMIT_BYTES,
            });
        }
        let revision = self.world().revision();
        let txn = with_policy(&request.arn, version, policy, revision);
        Ok(Decision::commit(txn, (json, revision)))
    }

    pub async fn remove_layer_permission(
        &self,
        origin: &Origin,
        request: RemoveLayerPermission,
    ) -> Result<(), LayerPolicyError> {
        let decide = |tables: &Tables| {
            let version = current(tables, &request.arn, request.expected_revision.as_deref())?;
            let mut policy = version.record.policy.clone();
            if policy.is_empty() {
                return Err(LayerPolicyError::NoPolicy);
            }
            if !policy.has(&request.sid) {
                return Err(LayerPolicyError::NoSuchSid {
                    sid: request.sid.clone(),
                });
            }
            policy
                .statements
                .retain(|statement| statement.sid != request.sid);
            let revision = self.world().revision();
            Ok(Decision::commit(
                with_policy(&request.arn, version, policy, revision),
                (),
            ))
        };
        self.change(Some(origin), decide).await
    }

    pub fn layer_policy(
        &self,
        arn: &LayerVersionArn,
    ) -> Result<PolicyDescription, LayerPolicyError> {
        let tables = self.view().read();
        let record = &existing(&tables, arn)?.record;
        if record.policy.is_empty() {
            return Err(LayerPolicyError::NoPolicy);
        }
        Ok(PolicyDescription {
            document: record.policy.document(),
            revision: record.revision,
        })
    }
}

fn existing<'a>(
    tables: &'a Tables,
    arn: &LayerVersionArn,
) -> Result<&'a Stored<LayerVersionRecord>, LayerPolicyError> {
    let missing = || LayerPolicyError::NoSuchVersion { arn: arn.clone() };
    tables.layer_version(arn).ok_or_else(missing)
}

fn current<'a>(
    tables: &'a Tables,
    arn: &LayerVersionArn,
    expected_revision: Option<&str>,
) -> Result<&'a Stored<LayerVersionRecord>, LayerPolicyError> {
    let version = existing(tables, arn)?;
    if is_current(version.record.revision, expected_revision) {
        Ok(version)
    } else {
        Err(LayerPolicyError::StaleRevision)
    }
}

fn with_policy(
    arn: &LayerVersionArn,
    version: &Stored<LayerVersionRecord>,
    policy: PolicyRecord,
    revision: RevisionId,
) -> Txn {
    let record = LayerVersionRecord::clone(&version.record);
    let record = LayerVersionRecord {
        policy,
        revision,
        ..record
    };
    Txn::new().replace(key::layer_version(arn), version.rev, encode(&record))
}

impl Control {
    /// Tells whether an account may use a layer version: its owner may, and whoever the policy lets.
    pub fn may_use_layer(&self, account: AccountId, arn: &LayerVersionArn) -> bool {
        self.view().read().may_use_layer(account, arn)
    }
}

impl Tables {
    pub(crate) fn may_use_layer(&self, account: AccountId, arn: &LayerVersionArn) -> bool {
        let is_owner = account == arn.layer.account;
        let shared = self
            .layer_version(arn)
            .map(|version| &version.record.policy.statements);
        is_owner
            || shared
                .into_iter()
                .flatten()
                .any(|statement| lets(&statement.json, account))
    }
}

/// Tells whether a statement lets a whole account in. One with a condition asks for an organization, and there are
/// none here.
fn lets(statement: &str, account: AccountId) -> bool {
    let Ok(statement) = serde_json::from_str::<Value>(statement) else {
        return false;
    };
    let principal = &statement["Principal"];
    let root = format!("arn:aws:iam::{account}:root");
    let is_named = *principal == "*" || principal["AWS"] == root.as_str();
    is_named && statement.get("Condition").is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_lets_in_everybody_or_the_account_it_names() {
        let account: AccountId = "123456789012".parse().unwrap();
        for (statement, expected) in [
            (r#"{"Principal":"*"}"#, true),
            (
                r#"{"Principal":{"AWS":"arn:aws:iam::123456789012:root"}}"#,
                true,
            ),
            (
                r#"{"Principal":{"AWS":"arn:aws:iam::000000000000:root"}}"#,
                false,
            ),
            (
                r#"{"Principal":"*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}}"#,
                false,
            ),
            ("", false),
        ] {
            assert_eq!(lets(statement, account), expected, "{statement}");
        }
    }
}
