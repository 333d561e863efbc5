//! Log groups as the API shows them: the log store, their tags and policies, and searches with patterns.
//!
//! Deliberately absent: how lines come in. The data plane hands them to the log store itself.

mod forwarder;
mod metric_filters;
mod parcel;
mod pattern;
mod policies;
mod record;
mod search;
mod subscriptions;
mod tags;

use std::sync::Arc;

use firelight_store::{LogStore, Store};
use tokio::sync::watch;

pub use firelight_store::{
    ChangeLogsError, EventPage, EventPosition, EventQuery, GroupPage, GroupQuery, LogEvent,
    LogGroup, LogPlace, LogStream, NewLogEvent, ReadLogsError, Start, StreamCursor, StreamName,
    StreamOrder, StreamPage, StreamQuery, Streams,
};
pub use forwarder::{Forwarder, Recipient, TakeError};
pub use metric_filters::{MetricFilter, MetricFilterError, MetricFilters, MetricTransformation};
pub use parcel::{LogSource, control_message};
pub use pattern::{FilterPattern, InvalidPattern};
pub use policies::{LogPolicies, LogPolicy, LogPolicyError};
pub use record::LogRecordError;
pub use search::{Search, SearchPage};
pub use subscriptions::{PutSubscriptionError, SubscriptionFilter};
pub use tags::{LogTags, LogTagsError, check_tags};

use crate::erased::Records;
use crate::scope::Scope;

/// Returns the place of a scope in the log store.
fn place(scope: &Scope) -> LogPlace {
    LogPlace::new(scope.account, &scope.region)
}

/// The log groups of all accounts. Cheap to clone.
#[derive(Clone)]
pub struct Logs {
    store: LogStore,
    records: Arc<dyn Records>,
    /// Tells that subscriptions changed.
    subscribed: Arc<watch::Sender<()>>,
}

impl Logs {
    /// Opens the logs in `store`; their tags and policies are records.
    pub fn new(store: LogStore, records: impl Store) -> Self {
        Self {
            store,
            records: Arc::new(records),
            subscribed: Arc::default(),
        }
    }

    /// Returns the log store, which does whatever needs no tags and no patterns.
    pub fn store(&self) -> &LogStore {
        &self.store
    }

    /// Finds one group by its name.
    pub async fn group(
        &self,
        scope: &Scope,
        name: &str,
    ) -> Result<Option<LogGroup>, ReadLogsError> {
        let query = GroupQuery {
            prefix: name.to_owned(),
            limit: 1,
            ..GroupQuery::default()
        };
        let page = self.store.groups(&place(scope), &query).await?;
        Ok(page.groups.into_iter().find(|group| group.name == name))
    }

    /// Deletes a group with all that is in it, its filters, and its tags.
    pub async fn delete_group(&self, scope: &Scope, name: &str) -> Result<(), DeleteLogGroupError> {
        self.store.delete_group(&place(scope), name).await?;
        self.subscribed.send_replace(());
        self.remove_metric_filters(scope, name).await?;
        Ok(self.remove_tags(scope, name).await?)
    }
}

/// Why a group could not be deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteLogGroupError {
    #[error(transparent)]
    Group(#[from] ChangeLogsError),
    #[error(transparent)]
    Filters(#[from] LogRecordError),
    #[error(transparent)]
    Tags(#[from] LogTagsError),
}
