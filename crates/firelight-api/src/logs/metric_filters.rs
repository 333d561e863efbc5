//! Operations on metric filters.

use std::collections::BTreeMap;

use firelight_control::logs::{
    FilterPattern, MetricFilter, MetricFilterError, MetricFilters, MetricTransformation,
};
use serde::{Deserialize, Serialize};

use super::error::{constraint, invalid, missing};
use super::names::{filter_name, filter_pattern, group_name, limit};
use super::paging::page_behind;
use super::{Answer, Call};
use crate::error::ApiError;

const MOST_AT_ONCE: u32 = 50;
const MOST_DIMENSIONS: usize = 3;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Put {
    log_group_name: Option<String>,
    filter_name: Option<String>,
    filter_pattern: Option<String>,
    metric_transformations: Option<Vec<Transformation>>,
}

/// A transformation whose members may be missing.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Transformation {
    metric_name: Option<String>,
    metric_namespace: Option<String>,
    metric_value: Option<String>,
    default_value: Option<f64>,
    dimensions: Option<BTreeMap<String, String>>,
    unit: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Describe {
    log_group_name: Option<String>,
    filter_name_prefix: Option<String>,
    metric_name: Option<String>,
    metric_namespace: Option<String>,
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
    metric_filters: Vec<Filter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    filter_name: String,
    filter_pattern: String,
    metric_transformations: [MetricTransformation; 1],
    creation_time: u64,
    log_group_name: String,
    apply_on_transformed_logs: bool,
}

impl Call<'_> {
    pub(super) async fn put_metric_filter(&self) -> Answer {
        let input: Put = self.input()?;
        let group = group_name(input.log_group_name)?;
        let name = filter_name(input.filter_name)?;
        let filter = MetricFilter {
            pattern: filter_pattern(input.filter_pattern)?,
            transformation: transformation(input.metric_transformations)?,
            created_epoch_ms: self.now_ms(),
        };
        self.require_group(&group).await?;
        FilterPattern::parse(&filter.pattern)?;
        self.logs
            .put_metric_filter(&self.scope(), &group, &name, &filter)
            .await?;
        self.done()
    }

    pub(super) async fn delete_metric_filter(&self) -> Answer {
        let input: Delete = self.input()?;
        let group = group_name(input.log_group_name)?;
        let name = filter_name(input.filter_name)?;
        self.require_group(&group).await?;
        self.logs
            .delete_metric_filter(&self.scope(), &group, &name)
            .await?;
        self.done()
    }

    pub(super) async fn describe_metric_filters(&self) -> Answer {
        let input: Describe = self.input()?;
        let limit = limit(input.limit, MOST_AT_ONCE, MOST_AT_ONCE)?;
        if input.metric_name.is_some() != input.metric_namespace.is_some() {
            return Err(invalid(
                "metricName and metricNamespace must be specified together.",
            ));
        }
        let groups = self.groups_with_filters(input.log_group_name).await?;
        let prefix = input.filter_name_prefix.unwrap_or_default();
        let about = |filter: &MetricFilter| {
            let MetricTransformation {
                metric_name,
                metric_namespace,
                ..
            } = &filter.transformation;
            let is = |wanted: &Option<String>, value| wanted.as_ref().is_none_or(|it| it == value);
            is(&input.metric_name, metric_name) && is(&input.metric_namespace, metric_namespace)
        };
        let all = groups.into_iter().flat_map(|(group, filters)| {
            filters
                .into_iter()
                .map(move |(name, filter)| (group.clone(), name, filter))
        });
        let wanted = all.filter(|(_, name, filter)| name.starts_with(&prefix) && about(filter));
        // In the order of the list: a blank comes before all that names of groups may have.
        let token = |(group, name, _): &(String, String, MetricFilter)| format!("{group} {name}");
        let (page, next_token) = page_behind(wanted, input.next_token, limit, token);
        self.answer(&Filters {
            metric_filters: page.into_iter().map(shown).collect(),
            next_token,
        })
    }

    async fn groups_with_filters(
        &self,
        group: Option<String>,
    ) -> Result<Vec<(String, MetricFilters)>, ApiError> {
        let scope = self.scope();
        let Some(group) = group else {
            return Ok(self.logs.all_metric_filters(&scope).await?);
        };
        let group = group_name(Some(group))?;
        self.require_group(&group).await?;
        let filters = self.logs.metric_filters(&scope, &group).await?;
        Ok(vec![(group, filters)])
    }
}

fn shown((group, name, filter): (String, String, MetricFilter)) -> Filter {
    Filter {
        filter_name: name,
        filter_pattern: filter.pattern,
        metric_transformations: [filter.transformation],
        creation_time: filter.created_epoch_ms,
        log_group_name: group,
        apply_on_transformed_logs: false,
    }
}

/// Checks the transformations, of which there is exactly one.
fn transformation(given: Option<Vec<Transformation>>) -> Result<MetricTransformation, ApiError> {
    let given = given.ok_or_else(|| missing("metricTransformations"))?;
    let length = given.len();
    let Ok([given]) = <[Transformation; 1]>::try_from(given) else {
        let bound = if length == 0 { "greater" } else { "less" };
        let text = format!("Member must have length {bound} than or equal to 1");
        return Err(constraint("[]", "metricTransformations", &text));
    };
    let transformation = MetricTransformation {
        metric_name: metric_text(given.metric_name, "metricName", 255)?,
        metric_namespace: metric_text(given.metric_namespace, "metricNamespace", 255)?,
        metric_value: metric_text(given.metric_value, "metricValue", 100)?,
        default_value: given.default_value,
        dimensions: given.dimensions,
        unit: given.unit,
    };
    check_dimensions(&transformation)?;
    Ok(transformation)
}

fn check_dimensions(transformation: &MetricTransformation) -> Result<(), ApiError> {
    let Some(dimensions) = &transformation.dimensions else {
        return Ok(());
    };
    if dimensions.len() > MOST_DIMENSIONS {
        return Err(invalid(format!(
            "Invalid metric transformation: a maximum of {MOST_DIMENSIONS} dimensions is allowed."
        )));
    }
    if transformation.default_value.is_some() {
        return Err(invalid(
            "Invalid metric transformation: dimensions and default value are mutually exclusive properties.",
        ));
    }
    Ok(())
}

fn metric_text(text: Option<String>, member: &str, most: usize) -> Result<String, ApiError> {
    let path = format!("metricTransformations.1.member.{member}");
    let text = text.ok_or_else(|| missing(&path))?;
    // Values name members of events by `$.name`, names do not.
    if member != "metricValue" && text.contains([':', '*', '$']) {
        let broken = "Member must satisfy regular expression pattern: [^:*$]*";
        return Err(constraint(&text, &path, broken));
    }
    if text.chars().count() > most {
        let broken = format!("Member must have length less than or equal to {most}");
        return Err(constraint(&text, &path, &broken));
    }
    Ok(text)
}

impl From<MetricFilterError> for ApiError {
    fn from(error: MetricFilterError) -> Self {
        match error {
            MetricFilterError::TooMany => {
                Self::bad_request("LimitExceededException", "Resource limit exceeded.")
            }
            MetricFilterError::NoSuchFilter => Self::bad_request(
                "ResourceNotFoundException",
                "The specified metric filter does not exist.",
            ),
            MetricFilterError::Record(error) => error.into(),
        }
    }
}
