//! Operations on subscription filters.
//!
//! A function that is to be told of the group it writes to is refused, as on AWS. What AWS does not see is not seen here
//! either: two functions that are told of each other's groups keep each other busy.

use firelight_control::logs::{
    FilterPattern, LogSource, PutSubscriptionError, Recipient, SubscriptionFilter, control_message,
};
use serde::{Deserialize, Serialize};

use super::error::{constraint, invalid, missing};
use super::names::{filter_name, filter_pattern, group_name, limit};
use super::paging::page_behind;
use super::recipient::Functions;
use super::{Answer, Call};
use crate::error::ApiError;

const MOST_AT_ONCE: u32 = 50;
const DISTRIBUTIONS: [&str; 2] = ["Random", "ByLogStream"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Put {
    log_group_name: Option<String>,
    filter_name: Option<String>,
    filter_pattern: Option<String>,
    destination_arn: Option<String>,
    role_arn: Option<String>,
    distribution: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Describe {
    log_group_name: Option<String>,
    filter_name_prefix: Option<String>,
    next_token: Option<String>,
    limit: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delete {
    log_group_name: Option<String>,
    filter_name: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Filters {
    subscription_filters: Vec<Filter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    filter_name: String,
    log_group_name: String,
    filter_pattern: String,
    destination_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    role_arn: Option<String>,
    distribution: String,
    apply_on_transformed_logs: bool,
    creation_time: u64,
}

impl Call<'_> {
    pub(super) async fn put_subscription_filter(&self) -> Answer {
        let input: Put = self.input()?;
        let group = group_name(input.log_group_name)?;
        let name = filter_name(input.filter_name)?;
        let pattern = filter_pattern(input.filter_pattern)?;
        let filter = SubscriptionFilter {
            pattern,
            destination_arn: destination(input.destination_arn)?,
            role_arn: input.role_arn,
            distribution: distribution(input.distribution)?,
            created_epoch_ms: self.now_ms(),
        };
        self.require_group(&group).await?;
        FilterPattern::parse(&filter.pattern)?;
        let source = self.source(&group, &name);
        self.test_destination(&source, &filter)?;
        let function = filter.destination_arn.clone();
        let scope = self.scope();
        self.logs
            .put_subscription_filter(&scope, &group, &name, filter)
            .await?;
        if vendor(&function) == "lambda" {
            self.send_test(&source, &function).await;
        }
        self.done()
    }

    /// Refuses a destination that could not be reached now.
    fn test_destination(
        &self,
        source: &LogSource,
        filter: &SubscriptionFilter,
    ) -> Result<(), ApiError> {
        let arn = &filter.destination_arn;
        match (vendor(arn), &filter.role_arn) {
            ("lambda", Some(_)) => Err(invalid(
                "destinationArn for vendor lambda cannot be used with roleArn",
            )),
            ("lambda", None) => self.test_function(source, arn),
            (vendor @ ("kinesis" | "firehose"), None) => Err(invalid(format!(
                "destinationArn for vendor {vendor} cannot be used without roleArn"
            ))),
            (vendor @ ("kinesis" | "firehose"), Some(_)) => {
                let group = &source.group;
                tracing::warn!(
                    group,
                    arn,
                    "the subscription filter is kept, but Firelight has no {vendor}: nothing is sent there"
                );
                Ok(())
            }
            _ => Err(invalid(
                "Could not deliver test message to specified destination. Check if the destination is valid.",
            )),
        }
    }

    fn test_function(&self, source: &LogSource, function: &str) -> Result<(), ApiError> {
        let functions = Functions::of(self.lambda);
        functions.admits(source, function).map_err(|_| {
            invalid(
                "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to \
                 execute your function.",
            )
        })?;
        if functions.group_of(function).as_ref() == Some(&source.group) {
            return Err(invalid(
                "The log group provided is reserved for the function logs of the destination function.",
            ));
        }
        Ok(())
    }

    /// The filter is kept by now: a test that is not taken changes nothing about it.
    async fn send_test(&self, source: &LogSource, function: &str) {
        let functions = Functions::of(self.lambda);
        let sent = functions.take(source, function, control_message(self.now_ms()));
        if let Err(error) = sent.await {
            tracing::warn!(%error, function, "could not send the test of a subscription filter");
        }
    }

    fn source(&self, group: &str, filter: &str) -> LogSource {
        LogSource {
            account: self.context.account.to_string(),
            region: self.context.region.to_string(),
            group: group.to_owned(),
            filter: filter.to_owned(),
        }
    }

    pub(super) async fn describe_subscription_filters(&self) -> Answer {
        let input: Describe = self.input()?;
        let group = group_name(input.log_group_name)?;
        let limit = limit(input.limit, MOST_AT_ONCE, MOST_AT_ONCE)?;
        let prefix = input.filter_name_prefix.unwrap_or_default();
        let found = self
            .logs
            .subscription_filters(&self.scope(), &group)
            .await?;
        let wanted = found
            .into_iter()
            .filter(|(name, _)| name.starts_with(&prefix));
        let (page, next_token) =
            page_behind(wanted, input.next_token, limit, |(name, _)| name.clone());
        self.answer(&Filters {
            subscription_filters: page
                .into_iter()
                .map(|(name, filter)| shown(&group, name, filter))
                .collect(),
            next_token,
        })
    }

    pub(super) async fn delete_subscription_filter(&self) -> Answer {
        let input: Delete = self.input()?;
        let group = group_name(input.log_group_name)?;
        let name = filter_name(input.filter_name)?;
        self.logs
            .delete_subscription_filter(&self.scope(), &group, &name)
            .await?;
        self.done()
    }
}

fn shown(group: &str, name: String, filter: SubscriptionFilter) -> Filter {
    Filter {
        filter_name: name,
        log_group_name: group.to_owned(),
        filter_pattern: filter.pattern,
        destination_arn: filter.destination_arn,
        role_arn: filter.role_arn,
        distribution: filter.distribution,
        apply_on_transformed_logs: false,
        creation_time: filter.created_epoch_ms,
    }
}

fn destination(arn: Option<String>) -> Result<String, ApiError> {
    let arn = arn.ok_or_else(|| missing("destinationArn"))?;
    if arn.is_empty() {
        let text = "Member must have length greater than or equal to 1";
        return Err(constraint(&arn, "destinationArn", text));
    }
    Ok(arn)
}

fn distribution(given: Option<String>) -> Result<String, ApiError> {
    let given = given.unwrap_or_else(|| "ByLogStream".to_owned());
    if DISTRIBUTIONS.contains(&&*given) {
        return Ok(given);
    }
    let text = "Member must satisfy enum value set: [Random, ByLogStream]";
    Err(constraint(&given, "distribution", text))
}

/// Returns the service that an ARN belongs to.
fn vendor(arn: &str) -> &str {
    arn.split(':').nth(2).unwrap_or_default()
}

impl From<PutSubscriptionError> for ApiError {
    fn from(error: PutSubscriptionError) -> Self {
        match error {
            PutSubscriptionError::Read(error) => error.into(),
            PutSubscriptionError::Change(error) => error.into(),
        }
    }
}
