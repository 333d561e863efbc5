//! Tags of log groups, by ARN and by name.

use firelight_control::logs::LogTags;
use serde::{Deserialize, Serialize};

use super::error::{missing, no_group};
use super::names::{group_name, name_in};
use super::{Answer, Call};
use crate::error::ApiError;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    resource_arn: Option<String>,
    log_group_name: Option<String>,
    tags: Option<serde_json::Value>,
    tag_keys: Option<Vec<String>>,
}

#[derive(Serialize)]
struct Tags {
    tags: LogTags,
}

impl Input {
    fn group_by_arn(&self) -> Result<String, ApiError> {
        let arn = self
            .resource_arn
            .as_deref()
            .ok_or_else(|| missing("resourceArn"))?;
        group_name(Some(name_in(arn).to_owned()))
    }

    fn group_by_name(&self) -> Result<String, ApiError> {
        group_name(self.log_group_name.clone())
    }

    /// TagLogGroup and TagResource send a map.
    fn new_tags(&self) -> Result<LogTags, ApiError> {
        let tags = self.tags.clone().ok_or_else(|| missing("tags"))?;
        serde_json::from_value(tags).map_err(|_| crate::protocol::serialization_error())
    }

    /// UntagResource sends `tagKeys`, UntagLogGroup sends `tags` as a list.
    fn keys(&self) -> Result<Vec<String>, ApiError> {
        if let Some(keys) = &self.tag_keys {
            return Ok(keys.clone());
        }
        let keys = self.tags.clone().ok_or_else(|| missing("tagKeys"))?;
        serde_json::from_value(keys).map_err(|_| crate::protocol::serialization_error())
    }
}

impl Call<'_> {
    pub(super) async fn tag_resource(&self) -> Answer {
        let input: Input = self.input()?;
        self.tag(input.group_by_arn()?, input.new_tags()?).await
    }

    pub(super) async fn tag_log_group(&self) -> Answer {
        let input: Input = self.input()?;
        self.tag(input.group_by_name()?, input.new_tags()?).await
    }

    pub(super) async fn untag_resource(&self) -> Answer {
        let input: Input = self.input()?;
        self.untag(input.group_by_arn()?, input.keys()?).await
    }

    pub(super) async fn untag_log_group(&self) -> Answer {
        let input: Input = self.input()?;
        self.untag(input.group_by_name()?, input.keys()?).await
    }

    pub(super) async fn list_tags_for_resource(&self) -> Answer {
        let input: Input = self.input()?;
        self.list_tags(input.group_by_arn()?).await
    }

    pub(super) async fn list_tags_log_group(&self) -> Answer {
        let input: Input = self.input()?;
        self.list_tags(input.group_by_name()?).await
    }

    async fn tag(&self, group: String, tags: LogTags) -> Answer {
        self.require_group(&group).await?;
        self.logs.tag(&self.scope(), &group, &tags).await?;
        self.done()
    }

    async fn untag(&self, group: String, keys: Vec<String>) -> Answer {
        self.require_group(&group).await?;
        self.logs.untag(&self.scope(), &group, &keys).await?;
        self.done()
    }

    async fn list_tags(&self, group: String) -> Answer {
        self.require_group(&group).await?;
        self.answer(&Tags {
            tags: self.logs.tags(&self.scope(), &group).await?,
        })
    }

    pub(super) async fn require_group(&self, group: &str) -> Result<(), ApiError> {
        self.logs
            .group(&self.scope(), group)
            .await?
            .map(drop)
            .ok_or_else(no_group)
    }
}
