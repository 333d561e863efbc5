//! Metric filters: which events of a group would make which metrics. Kept and told back.
//!
//! Deliberately absent: metrics. There is no CloudWatch here that would take them.

use std::collections::BTreeMap;

use firelight_store::{Key, Kind, Prefix};
use serde::{Deserialize, Serialize};

use super::{LogRecordError, Logs};
use crate::records::key::in_scope;
use crate::scope::Scope;

const METRIC_FILTERS: Kind<'static> = Kind::new("log-metric-filters");
/// How many metric filters a group may have.
const MOST: usize = 100;
/// How many groups are read at once.
const BATCH: u32 = 200;

/// A metric filter as it was put.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricFilter {
    pub pattern: String,
    pub transformation: MetricTransformation,
    pub created_epoch_ms: u64,
}

/// What an event adds to a metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricTransformation {
    pub metric_name: String,
    pub metric_namespace: String,
    pub metric_value: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_value: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimensions: Option<BTreeMap<String, String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// The metric filters of a group by their names.
pub type MetricFilters = BTreeMap<String, MetricFilter>;

/// The metric filters stay as they are.
#[derive(Debug, thiserror::Error)]
pub enum MetricFilterError {
    #[error("the group has {MOST} metric filters already")]
    TooMany,
    #[error("the group has no such metric filter")]
    NoSuchFilter,
    #[error(transparent)]
    Record(#[from] LogRecordError),
}

impl Logs {
    /// Puts a filter in the place of the one of that name, whose age it keeps.
    pub async fn put_metric_filter(
        &self,
        scope: &Scope,
        group: &str,
        name: &str,
        filter: &MetricFilter,
    ) -> Result<(), MetricFilterError> {
        self.change_record(&key(scope, group), |filters: &mut MetricFilters| {
            let mut filter = filter.clone();
            if let Some(before) = filters.get(name) {
                filter.created_epoch_ms = before.created_epoch_ms;
            }
            filters.insert(name.to_owned(), filter);
            match filters.len() {
                0..=MOST => Ok(()),
                _ => Err(MetricFilterError::TooMany),
            }
        })
        .await
    }

    pub async fn delete_metric_filter(
        &self,
        scope: &Scope,
        group: &str,
        name: &str,
    ) -> Result<(), MetricFilterError> {
        self.change_record(&key(scope, group), |filters: &mut MetricFilters| {
            let removed = filters.remove(name).map(drop);
            removed.ok_or(MetricFilterError::NoSuchFilter)
        })
        .await
    }

    pub async fn metric_filters(
        &self,
        scope: &Scope,
        group: &str,
    ) -> Result<MetricFilters, LogRecordError> {
        Ok(self.read_record(&key(scope, group)).await?.1)
    }

    /// Lists the metric filters of all groups, by group and name.
    pub async fn all_metric_filters(
        &self,
        scope: &Scope,
    ) -> Result<Vec<(String, MetricFilters)>, LogRecordError> {
        let behind_region = format!("{}/", scope.region);
        let range = Prefix::ids(scope.account, METRIC_FILTERS, &behind_region);
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = self.records.list(&range, after.as_ref(), BATCH).await?;
            for record in page.records {
                let group = record.key.id()[behind_region.len()..].to_owned();
                found.push((group, serde_json::from_slice(&record.value.body)?));
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(found),
            }
        }
    }

    pub(super) async fn remove_metric_filters(
        &self,
        scope: &Scope,
        group: &str,
    ) -> Result<(), LogRecordError> {
        self.change_record(&key(scope, group), |filters: &mut MetricFilters| {
            filters.clear();
            Ok(())
        })
        .await
    }
}

fn key(scope: &Scope, group: &str) -> Key {
    in_scope(scope, METRIC_FILTERS, group)
}
