//! PutResourcePolicy, GetResourcePolicy, DeleteResourcePolicy: the whole document at once.

use firelight_model::FunctionTarget;
use serde_json::Value;

use super::function::{PolicyDescription, PolicyError, Protected, check_length};
use crate::control::{Control, Decision, Origin, StoreTrouble};
use crate::functions::is_current;
use crate::records::policy::{HeadRecord, PolicyRecord, StatementRecord};
use crate::view::Tables;

#[derive(Clone, Debug)]
pub struct PutResourcePolicy {
    pub target: FunctionTarget,
    pub document: String,
    pub expected_revision: Option<String>,
}

/// The policy was not replaced.
#[derive(Debug, thiserror::Error)]
pub enum ResourcePolicyError {
    #[error(transparent)]
    Policy(#[from] PolicyError),
    #[error("the document is no policy")]
    NotAPolicy,
    #[error("the policy would open the function to everybody")]
    Public,
    #[error("could not replace the policy")]
    Store(#[from] StoreTrouble),
}

impl Control {
    /// Replaces all statements, however they were added.
    pub async fn put_resource_policy(
        &self,
        origin: &Origin,
        request: PutResourcePolicy,
    ) -> Result<PolicyDescription, ResourcePolicyError> {
        let policy = read(&request.document).ok_or(ResourcePolicyError::NotAPolicy)?;
        check_length(&policy)?;
        if policy.parsed().is_some_and(|policy| policy.is_public()) {
            return Err(ResourcePolicyError::Public);
        }
        self.change(Some(origin), |tables| {
            let expected = request.expected_revision.as_deref();
            self.replace_policy(tables, &request.target, expected, policy.clone())
        })
        .await
    }

    pub async fn delete_resource_policy(
        &self,
        origin: &Origin,
        target: &FunctionTarget,
        expected_revision: Option<&str>,
    ) -> Result<(), ResourcePolicyError> {
        let deleted = self.change(Some(origin), |tables| {
            self.replace_policy(tables, target, expected_revision, PolicyRecord::default())
        });
        deleted.await.map(|_| ())
    }

    fn replace_policy(
        &self,
        tables: &Tables,
        target: &FunctionTarget,
        expected_revision: Option<&str>,
        policy: PolicyRecord,
    ) -> Result<Decision<PolicyDescription>, ResourcePolicyError> {
        let protected = Protected::of(target)?;
        let entry = tables.find(&target.arn).map_err(PolicyError::from)?;
        let (_, revision) = entry.policy(&protected)?;
        if !is_current(revision, expected_revision) {
            return Err(PolicyError::StaleRevision.into());
        }
        let revision = self.world().revision();
        let described = PolicyDescription {
            document: policy.document(),
            revision,
        };
        Ok(Decision::commit(
            entry.with_policy(&protected, policy, revision),
            described,
        ))
    }
}

/// Takes a document apart into statements, each kept as it was written.
fn read(document: &str) -> Option<PolicyRecord> {
    let document: Value = serde_json::from_str(document).ok()?;
    let text = |member: &str| document.get(member)?.as_str().map(str::to_owned);
    let head = HeadRecord {
        version: text("Version"),
        id: text("Id"),
    };
    let statements = match document.get("Statement")? {
        Value::Array(statements) => statements.clone(),
        one @ Value::Object(_) => vec![one.clone()],
        _ => return None,
    };
    let read = |statement: Value| {
        let is_whole = ["Effect", "Action", "Principal"].iter().all(|member| {
            statement.get(member).is_some() || statement.get(format!("Not{member}")).is_some()
        });
        let sid = statement
            .get("Sid")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        is_whole.then(|| StatementRecord {
            sid,
            json: statement.to_string(),
        })
    };
    let statements = statements
        .into_iter()
        .map(read)
        .collect::<Option<Vec<_>>>()?;
    let policy = PolicyRecord::whole(head, statements);
    // What decides later has to understand it.
    policy.parsed().is_some().then_some(policy)
}
