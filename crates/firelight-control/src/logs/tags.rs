//! Tags of log groups, kept as records beside them.

use std::collections::BTreeMap;

use firelight_model::{ReservedTagKey, check_tag_keys};
use firelight_store::{CommitError, Expect, Key, Kind, ReadError, Txn};

use super::Logs;
use crate::records::encode;
use crate::scope::Scope;

const LOG_GROUP_TAGS: Kind<'static> = Kind::new("log-group-tags");
const MAX_TAGS: usize = 50;
const ATTEMPTS: u32 = 20;

#[derive(Debug, thiserror::Error)]
pub enum LogTagsError {
    #[error("The maximum number of tags is {MAX_TAGS}.")]
    TooMany,
    #[error(transparent)]
    Reserved(#[from] ReservedTagKey),
    #[error("too many changes of the tags at once")]
    Concurrent,
    #[error("could not read the tags")]
    Read(#[from] ReadError),
    #[error("could not store the tags")]
    Commit(#[source] CommitError),
    #[error("the stored tags are damaged")]
    Damaged(#[from] serde_json::Error),
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
        Ok(self.read_tags(&key(scope, group)).await?.1)
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
        let key = key(scope, group);
        for _ in 0..ATTEMPTS {
            let (expect, mut tags) = self.read_tags(&key).await?;
            let before = tags.clone();
            change(&mut tags);
            if tags == before {
                return Ok(());
            }
            if tags.len() > MAX_TAGS {
                return Err(LogTagsError::TooMany);
            }
            let txn = if tags.is_empty() {
                Txn::new().delete(key.clone(), expect)
            } else {
                Txn::new().put(key.clone(), expect, encode(&tags))
            };
            match self.records.commit(txn).await {
                Ok(_) => return Ok(()),
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(LogTagsError::Commit(error)),
            }
        }
        Err(LogTagsError::Concurrent)
    }

    async fn read_tags(&self, key: &Key) -> Result<(Expect, LogTags), LogTagsError> {
        let found = self
            .records
            .read_many(std::slice::from_ref(key))
            .await?
            .pop()
            .flatten();
        match found {
            None => Ok((Expect::Absent, LogTags::new())),
            Some(found) => Ok((Expect::Rev(found.rev), serde_json::from_slice(&found.body)?)),
        }
    }
}

fn key(scope: &Scope, group: &str) -> Key {
    let Scope { account, region } = scope;
    Key::new(account, LOG_GROUP_TAGS, format_args!("{region}/{group}"))
}
