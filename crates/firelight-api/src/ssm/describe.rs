//! Listing parameters without their values.

use firelight_control::ssm::{ParameterFilter, PathQuery};
use serde::{Deserialize, Serialize};

use super::get::limit;
use super::shape::Metadata;
use super::{Answer, Call};

const MAX_RESULTS: u32 = 50;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    #[serde(default)]
    parameter_filters: Vec<Filter>,
    /// The older form.
    #[serde(default)]
    filters: Vec<Filter>,
    max_results: Option<u32>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Filter {
    key: String,
    option: Option<String>,
    #[serde(default)]
    values: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    parameters: Vec<Metadata>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

impl Call<'_> {
    pub(super) async fn describe_parameters(&self) -> Answer {
        let input: Input = self.input()?;
        let mut query = PathQuery {
            path: String::new(),
            recursive: true,
            filter: ParameterFilter::default(),
            after: input.next_token,
            limit: limit(input.max_results, MAX_RESULTS)?,
        };
        for filter in input.parameter_filters.into_iter().chain(input.filters) {
            apply(&mut query, filter);
        }
        let page = self.ssm.list(self.place(), &query).await?;
        let shown = page
            .parameters
            .iter()
            .filter_map(|record| Some(self.metadata(record, record.newest()?)));
        self.answer(&Page {
            parameters: shown.collect(),
            next_token: page.next,
        })
    }
}

fn apply(query: &mut PathQuery, filter: Filter) {
    let wanted = &mut query.filter;
    match (filter.key.as_str(), filter.option.as_deref()) {
        ("Name", Some("BeginsWith")) => wanted.name_begins_with = filter.values,
        ("Name", Some("Contains")) => wanted.name_contains = filter.values,
        ("Name", _) => wanted.names = filter.values,
        ("Type", _) => wanted.kinds = filter.values,
        ("Path", option) => {
            query.recursive = option == Some("Recursive");
            query.path = filter.values.into_iter().next().unwrap_or_default();
        }
        _ => {}
    }
}
