//! Resource policies of the whole account.

use firelight_control::logs::{LogPolicy, LogPolicyError};
use serde::{Deserialize, Serialize};

use super::error::{invalid, missing};
use super::names::limit;
use super::{Answer, Call};
use crate::error::ApiError;

const MOST_AT_ONCE: u32 = 50;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    policy_name: Option<String>,
    policy_document: Option<String>,
    resource_arn: Option<String>,
    limit: Option<u32>,
}

impl Input {
    /// Reads the name of a policy for the whole account, which are the only ones there are.
    fn name(&self) -> Result<&str, ApiError> {
        if self.resource_arn.is_some() {
            return Err(invalid(
                "Firelight does not support resource policies of single log groups.",
            ));
        }
        self.policy_name
            .as_deref()
            .ok_or_else(|| missing("policyName"))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Policy {
    policy_name: String,
    policy_document: String,
    last_updated_time: u64,
    policy_scope: &'static str,
}

impl Policy {
    fn of(name: &str, policy: LogPolicy) -> Self {
        Self {
            policy_name: name.to_owned(),
            policy_document: policy.document,
            last_updated_time: policy.modified_epoch_ms,
            policy_scope: "ACCOUNT",
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct One {
    resource_policy: Policy,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct All {
    resource_policies: Vec<Policy>,
}

impl Call<'_> {
    pub(super) async fn put_resource_policy(&self) -> Answer {
        let input: Input = self.input()?;
        let name = input.name()?;
        let document = input.policy_document.as_deref();
        let policy = LogPolicy {
            document: document
                .ok_or_else(|| missing("policyDocument"))?
                .to_owned(),
            modified_epoch_ms: self.now_ms(),
        };
        self.logs.put_policy(&self.scope(), name, &policy).await?;
        self.answer(&One {
            resource_policy: Policy::of(name, policy),
        })
    }

    pub(super) async fn delete_resource_policy(&self) -> Answer {
        let input: Input = self.input()?;
        self.logs
            .delete_policy(&self.scope(), input.name()?)
            .await?;
        self.done()
    }

    /// There are so few that one answer has them all.
    pub(super) async fn describe_resource_policies(&self) -> Answer {
        let input: Input = self.input()?;
        limit(input.limit, MOST_AT_ONCE, MOST_AT_ONCE)?;
        let policies = self.logs.policies(&self.scope()).await?;
        let policies = policies.into_iter();
        let resource_policies = policies.map(|(name, policy)| Policy::of(&name, policy));
        self.answer(&All {
            resource_policies: resource_policies.collect(),
        })
    }
}

impl From<LogPolicyError> for ApiError {
    fn from(error: LogPolicyError) -> Self {
        match error {
            LogPolicyError::TooMany => {
                Self::bad_request("LimitExceededException", "Resource limit exceeded.")
            }
            LogPolicyError::TooLong | LogPolicyError::Malformed => {
                invalid("Invalid resource policy document.")
            }
            LogPolicyError::NoSuchPolicy { name } => {
                let text = format!("Policy with name [{name}] does not exist");
                Self::bad_request("ResourceNotFoundException", text)
            }
            LogPolicyError::Record(error) => error.into(),
        }
    }
}
