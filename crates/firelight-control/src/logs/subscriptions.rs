//! Subscription filters: which events of a group go to which function.
//!
//! Deliberately absent: carrying them there ([`Forwarder`](super::Forwarder)), and whether a function may be told
//! ([`Recipient`](super::Recipient)).

use firelight_store::{ChangeLogsError, NewSubscription, ReadLogsError, Subscription};
use serde::{Deserialize, Serialize};

use super::{Logs, place};
use crate::records::encode;
use crate::scope::Scope;

/// How many subscription filters a group may have.
const MOST: u32 = 2;

/// A subscription filter as it was put.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionFilter {
    pub pattern: String,
    pub destination_arn: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    pub distribution: String,
    pub created_epoch_ms: u64,
}

impl SubscriptionFilter {
    /// Reads a stored one; `None` if it is damaged.
    pub(super) fn of(stored: &Subscription) -> Option<Self> {
        let read = serde_json::from_slice(&stored.body);
        read.inspect_err(|error| {
            tracing::error!(%error, group = stored.group, name = stored.name, "a subscription filter is damaged");
        })
        .ok()
    }
}

impl Logs {
    /// Puts a filter in the place of the one of that name, whose age it keeps.
    pub async fn put_subscription_filter(
        &self,
        scope: &Scope,
        group: &str,
        name: &str,
        mut filter: SubscriptionFilter,
    ) -> Result<(), PutSubscriptionError> {
        let before = self.subscription_filters(scope, group).await?;
        if let Some((_, before)) = before.into_iter().find(|(known, _)| known == name) {
            filter.created_epoch_ms = before.created_epoch_ms;
        }
        let new = NewSubscription {
            place: place(scope),
            group: group.to_owned(),
            name: name.to_owned(),
            body: encode(&filter),
            most: MOST,
        };
        self.store.put_subscription(new).await?;
        self.subscribed.send_replace(());
        Ok(())
    }

    pub async fn delete_subscription_filter(
        &self,
        scope: &Scope,
        group: &str,
        name: &str,
    ) -> Result<(), ChangeLogsError> {
        let place = place(scope);
        self.store.delete_subscription(&place, group, name).await?;
        self.subscribed.send_replace(());
        Ok(())
    }

    /// Lists the filters of a group with their names, in the order of those.
    pub async fn subscription_filters(
        &self,
        scope: &Scope,
        group: &str,
    ) -> Result<Vec<(String, SubscriptionFilter)>, ReadLogsError> {
        let stored = self.store.subscriptions(&place(scope), group).await?;
        let filters = stored.into_iter().filter_map(|stored| {
            let filter = SubscriptionFilter::of(&stored)?;
            Some((stored.name, filter))
        });
        Ok(filters.collect())
    }
}

/// Why a subscription filter could not be put.
#[derive(Debug, thiserror::Error)]
pub enum PutSubscriptionError {
    #[error(transparent)]
    Read(#[from] ReadLogsError),
    #[error(transparent)]
    Change(#[from] ChangeLogsError),
}
