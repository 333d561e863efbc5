//! Operations on log groups.

use firelight_control::logs::{GroupQuery, LogGroup, LogTags, check_tags};
use serde::{Deserialize, Serialize};

use super::error::{constraint, invalid, missing};
use super::names::{group_name, limit, name_in};
use super::{Answer, Call};
use crate::error::ApiError;

const RETENTION_DAYS: [u32; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateLogGroup {
    log_group_name: Option<String>,
    tags: Option<LogTags>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NamedGroup {
    log_group_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DescribeLogGroups {
    log_group_name_prefix: Option<String>,
    log_group_name_pattern: Option<String>,
    log_group_identifiers: Option<Vec<String>>,
    next_token: Option<String>,
    limit: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PutRetentionPolicy {
    log_group_name: Option<String>,
    retention_in_days: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Groups {
    log_groups: Vec<Group>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    log_group_name: String,
    creation_time: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    retention_in_days: Option<u32>,
    metric_filter_count: usize,
    arn: String,
    stored_bytes: u64,
    log_group_class: &'static str,
    log_group_arn: String,
}

impl Call<'_> {
    pub(super) async fn create_log_group(&self) -> Answer {
        let input: CreateLogGroup = self.input()?;
        let group = group_name(input.log_group_name)?;
        let tags = input.tags.unwrap_or_default();
        check_tags(&tags)?;
        self.logs
            .store()
            .create_group(&self.place(), &group)
            .await?;
        if !tags.is_empty() {
            self.logs.tag(&self.scope(), &group, &tags).await?;
        }
        self.done()
    }

    pub(super) async fn delete_log_group(&self) -> Answer {
        let input: NamedGroup = self.input()?;
        let group = group_name(input.log_group_name)?;
        self.logs.delete_group(&self.scope(), &group).await?;
        self.done()
    }

    pub(super) async fn describe_log_groups(&self) -> Answer {
        let input: DescribeLogGroups = self.input()?;
        if input.log_group_name_prefix.is_some() && input.log_group_name_pattern.is_some() {
            return Err(invalid(
                "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
            ));
        }
        if let Some(identifiers) = input.log_group_identifiers {
            return self.describe_named_groups(&identifiers).await;
        }
        let query = GroupQuery {
            prefix: input.log_group_name_prefix.unwrap_or_default(),
            containing: input.log_group_name_pattern.unwrap_or_default(),
            after: input.next_token,
            limit: limit(input.limit, 50, 50)?,
        };
        let page = self.logs.store().groups(&self.place(), &query).await?;
        let mut log_groups = Vec::new();
        for group in page.groups {
            log_groups.push(self.group(group).await?);
        }
        self.answer(&Groups {
            log_groups,
            next_token: page.next,
        })
    }

    async fn describe_named_groups(&self, identifiers: &[String]) -> Answer {
        let mut log_groups = Vec::new();
        for identifier in identifiers {
            let found = self.logs.group(&self.scope(), name_in(identifier)).await?;
            if let Some(group) = found {
                log_groups.push(self.group(group).await?);
            }
        }
        self.answer(&Groups {
            log_groups,
            next_token: None,
        })
    }

    async fn group(&self, group: LogGroup) -> Result<Group, ApiError> {
        let arn = self.group_arn(&group.name);
        let filters = self.logs.metric_filters(&self.scope(), &group.name).await?;
        Ok(Group {
            creation_time: group.created.epoch_ms(),
            retention_in_days: group.retention_days,
            metric_filter_count: filters.len(),
            arn: format!("{arn}:*"),
            stored_bytes: group.stored_bytes,
            log_group_class: "STANDARD",
            log_group_arn: arn,
            log_group_name: group.name,
        })
    }

    pub(super) async fn put_retention_policy(&self) -> Answer {
        let input: PutRetentionPolicy = self.input()?;
        let group = group_name(input.log_group_name)?;
        let days = input
            .retention_in_days
            .ok_or_else(|| missing("retentionInDays"))?;
        if !RETENTION_DAYS.contains(&days) {
            let text = format!("Member must satisfy enum value set: {RETENTION_DAYS:?}");
            return Err(constraint(&days.to_string(), "retentionInDays", &text));
        }
        self.logs
            .store()
            .put_retention(&self.place(), &group, Some(days))
            .await?;
        self.done()
    }

    pub(super) async fn delete_retention_policy(&self) -> Answer {
        let input: NamedGroup = self.input()?;
        let group = group_name(input.log_group_name)?;
        self.logs
            .store()
            .put_retention(&self.place(), &group, None)
            .await?;
        self.done()
    }
}
