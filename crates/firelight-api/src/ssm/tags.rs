//! Tags of parameters.

use firelight_control::ssm::Selector;
use serde::{Deserialize, Serialize};

use super::error::missing;
use super::shape::Tag;
use super::{Answer, Call};
use crate::error::ApiError;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    resource_type: Option<String>,
    resource_id: Option<String>,
    tags: Option<Vec<Tag>>,
    tag_keys: Option<Vec<String>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct TagList {
    tag_list: Vec<Tag>,
}

#[derive(Serialize)]
struct Nothing {}

impl Input {
    /// Returns the parameter that is tagged; nothing else can be.
    fn name(&self) -> Result<String, ApiError> {
        if self.resource_type.as_deref() != Some("Parameter") {
            return Err(ApiError::bad_request("InvalidResourceType", ""));
        }
        let id = self
            .resource_id
            .as_deref()
            .ok_or_else(|| missing("resourceId"))?;
        Ok(Selector::parse(id).name)
    }
}

impl Call<'_> {
    pub(super) async fn add_tags_to_resource(&self) -> Answer {
        let input: Input = self.input()?;
        let name = input.name()?;
        let tags = input.tags.ok_or_else(|| missing("tags"))?;
        let tags = tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
        self.ssm
            .tag(self.place(), &name, &tags)
            .await
            .map_err(no_resource)?;
        self.answer(&Nothing {})
    }

    pub(super) async fn remove_tags_from_resource(&self) -> Answer {
        let input: Input = self.input()?;
        let name = input.name()?;
        let keys = input.tag_keys.ok_or_else(|| missing("tagKeys"))?;
        self.ssm
            .untag(self.place(), &name, &keys)
            .await
            .map_err(no_resource)?;
        self.answer(&Nothing {})
    }

    pub(super) async fn list_tags_for_resource(&self) -> Answer {
        let input: Input = self.input()?;
        let selector = Selector::parse(&input.name()?);
        let (record, _) = self
            .ssm
            .get(self.place(), selector)
            .await
            .map_err(no_resource)?;
        let tags = record
            .tags
            .into_iter()
            .map(|(key, value)| Tag { key, value });
        self.answer(&TagList {
            tag_list: tags.collect(),
        })
    }
}

fn no_resource(error: firelight_control::ssm::SsmError) -> ApiError {
    match error {
        firelight_control::ssm::SsmError::NotFound => {
            ApiError::bad_request("InvalidResourceId", "")
        }
        error => error.into(),
    }
}
