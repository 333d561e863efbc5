//! The CloudWatch Logs API: groups, streams, events and searches.

mod error;
mod events;
mod groups;
mod metric_filters;
mod names;
mod paging;
mod policies;
mod recipient;
mod search;
mod streams;
mod subscriptions;
mod tags;

use firelight_control::Scope;
use firelight_control::logs::LogPlace;
use firelight_control::logs::Logs;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::body::Response;
use crate::context::RequestContext;
use crate::error::ApiError;
use crate::front_door::Services;
use crate::lambda::Lambda;
use crate::protocol::{JsonVersion, json_answer, json_empty, json_input, unknown_operation};

const VERSION: JsonVersion = JsonVersion::V1_1;

type Answer = Result<Response, ApiError>;

/// One call of the Logs API.
pub(crate) struct Call<'a> {
    logs: &'a Logs,
    lambda: &'a Lambda,
    context: &'a RequestContext,
    body: &'a [u8],
}

/// Answers an operation of the Logs API.
pub(crate) async fn handle(
    services: &Services,
    context: &RequestContext,
    operation: &str,
    body: &[u8],
) -> Answer {
    let call = Call {
        logs: &services.logs,
        lambda: &services.lambda,
        context,
        body,
    };
    match operation {
        "CreateLogGroup" => call.create_log_group().await,
        "DeleteLogGroup" => call.delete_log_group().await,
        "DescribeLogGroups" => call.describe_log_groups().await,
        "PutRetentionPolicy" => call.put_retention_policy().await,
        "DeleteRetentionPolicy" => call.delete_retention_policy().await,
        "CreateLogStream" => call.create_log_stream().await,
        "DeleteLogStream" => call.delete_log_stream().await,
        "DescribeLogStreams" => call.describe_log_streams().await,
        "PutLogEvents" => call.put_log_events().await,
        "GetLogEvents" => call.get_log_events().await,
        "FilterLogEvents" => call.filter_log_events().await,
        "PutResourcePolicy" => call.put_resource_policy().await,
        "DescribeResourcePolicies" => call.describe_resource_policies().await,
        "DeleteResourcePolicy" => call.delete_resource_policy().await,
        "PutSubscriptionFilter" => call.put_subscription_filter().await,
        "DeleteSubscriptionFilter" => call.delete_subscription_filter().await,
        "DescribeSubscriptionFilters" => call.describe_subscription_filters().await,
        "PutMetricFilter" => call.put_metric_filter().await,
        "DeleteMetricFilter" => call.delete_metric_filter().await,
        "DescribeMetricFilters" => call.describe_metric_filters().await,
        "TestMetricFilter" => call.test_metric_filter(),
        "TagResource" => call.tag_resource().await,
        "UntagResource" => call.untag_resource().await,
        "ListTagsForResource" => call.list_tags_for_resource().await,
        "TagLogGroup" => call.tag_log_group().await,
        "UntagLogGroup" => call.untag_log_group().await,
        "ListTagsLogGroup" => call.list_tags_log_group().await,
        operation => Err(unknown_operation(operation)),
    }
}

impl Call<'_> {
    fn scope(&self) -> Scope {
        self.context.scope()
    }

    fn place(&self) -> LogPlace {
        LogPlace::new(self.context.account, &self.context.region)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.context.received_at.as_millisecond()).unwrap_or_default()
    }

    fn input<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        json_input(self.body)
    }

    fn answer(&self, output: &impl Serialize) -> Answer {
        json_answer(VERSION, output)
    }

    fn done(&self) -> Answer {
        Ok(json_empty(VERSION))
    }

    /// Returns the ARN of a group, without the `:*` that stands for its streams.
    fn group_arn(&self, group: &str) -> String {
        let (region, account) = (&self.context.region, self.context.account);
        format!("arn:aws:logs:{region}:{account}:log-group:{group}")
    }
}
