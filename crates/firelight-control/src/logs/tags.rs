//! Tags of log groups, kept as records beside them.

use std::collections::BTreeMap;

use firelight_model::{ReservedTagKey, check_tag_keys};
use firelight_store::{Key, Kind};

use super::{LogRecordError, Logs};
use crate::scope::Scope;

const LOG_GROUP_TAGS: Kind<'static> = Kind::new("log-group-tags");
const MAX_TAGS: usize = 50;

#[derive(Debug, thiserror::Error)]
pub enum LogTagsError {
    #[error("The maximum number of tags is {MAX_TAGS}.")]
    TooMany,
    #[error(transparent)]
    Reserved(#[from] ReservedTagKey),
    #[error(transparent)]
    Record(#[from] LogRecordError),
}

/// Tag keys and values.
pub type LogTags = BTreeMap<String, String>;

/// Checks tags that somebody puts on a log group.
pub fn check_tags(new: &LogTags) -> Result<(), LogTagsError> {
    check_tag_keys(new.keys())?;
    if new.len() > MAX_TAGS {
        return Err(LogTagsError::TooMany);
    }
    Ok(())
}

impl Logs {
    pub async fn tags(&self, scope: &Scope, group: &str) -> Result<LogTags, LogTagsError> {
        Ok(self.read_record(&key(scope, group)).await?.1)
    }

    /// Adds tags; a key that is there gets the new value.
    pub async fn tag(&self, scope: &Scope, group: &str, new: &LogTags) -> Result<(), LogTagsError> {
        check_tags(new)?;
        let add = |tags: &mut LogTags| tags.extend(new.clone());
        self.change_tags(scope, group, add).await
    }

    pub async fn untag(
        &self,
        scope: &Scope,
        group: &str,
        keys: &[String],
    ) -> Result<(), LogTagsError> {
        check_tag_keys(keys)?;
        let remove = |tags: &mut LogTags| tags.retain(|key, _| !keys.contains(key));
        self.change_tags(scope, group, remove).await
    }

    pub(super) async fn remove_tags(&self, scope: &Scope, group: &str) -> Result<(), LogTagsError> {
        self.change_tags(scope, group, LogTags::clear).await
    }

    async fn change_tags(
        &self,
        scope: &Scope,
        group: &str,
        change: impl Fn(&mut LogTags),
    ) -> Result<(), LogTagsError> {
        self.change_record(&key(scope, group), |tags: &mut LogTags| {
            change(tags);
            match tags.len() {
                0..=MAX_TAGS => Ok(()),
                _ => Err(LogTagsError::TooMany),
            }
        })
        .await
    }
}

fn key(scope: &Scope, group: &str) -> Key {
    let Scope { account, region } = scope;
    Key::new(account, LOG_GROUP_TAGS, format_args!("{region}/{group}"))
}
