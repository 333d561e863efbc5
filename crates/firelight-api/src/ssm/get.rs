//! Reading values: by name, by path, and their history.

use firelight_control::ssm::{ParameterFilter, PathQuery, Selector, SsmError};
use serde::{Deserialize, Serialize};

use super::error::{constraint, missing};
use super::shape::{Decryption, Metadata, Parameter};
use super::{Answer, Call};
use crate::error::ApiError;

const MAX_NAMES: usize = 10;
const MAX_BY_PATH: u32 = 10;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    name: Option<String>,
    names: Option<Vec<String>>,
    path: Option<String>,
    recursive: Option<bool>,
    with_decryption: Option<bool>,
    max_results: Option<u32>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct One {
    parameter: Parameter,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Several {
    parameters: Vec<Parameter>,
    invalid_parameters: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    parameters: Vec<Parameter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct History {
    parameters: Vec<Metadata>,
}

impl Call<'_> {
    pub(super) async fn get_parameter(&self) -> Answer {
        let input: Input = self.input()?;
        let selector = Selector::parse(&input.name.ok_or_else(|| missing("name"))?);
        let parameter = self
            .select(selector, Decryption::asked(input.with_decryption))
            .await?;
        self.answer(&One { parameter })
    }

    pub(super) async fn get_parameters(&self) -> Answer {
        let input: Input = self.input()?;
        let names = input.names.ok_or_else(|| missing("names"))?;
        if names.len() > MAX_NAMES {
            let value = format!("[{}]", names.join(", "));
            let text = "Member must have length less than or equal to 10";
            return Err(constraint(&value, "names", text));
        }
        let decryption = Decryption::asked(input.with_decryption);
        let (mut parameters, mut invalid_parameters) = (Vec::new(), Vec::new());
        for name in names {
            match self.select(Selector::parse(&name), decryption).await {
                Ok(parameter) => parameters.push(parameter),
                Err(SsmError::NotFound | SsmError::VersionNotFound { .. }) => {
                    invalid_parameters.push(name);
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.answer(&Several {
            parameters,
            invalid_parameters,
        })
    }

    async fn select(
        &self,
        selector: Selector,
        decryption: Decryption,
    ) -> Result<Parameter, SsmError> {
        let chosen = selector.choice.text();
        let (record, version) = self.ssm.get(self.place(), selector).await?;
        Ok(self.parameter(&record, &version, decryption, chosen))
    }

    pub(super) async fn get_parameters_by_path(&self) -> Answer {
        let input: Input = self.input()?;
        let path = input.path.ok_or_else(|| missing("path"))?;
        if !path.starts_with('/') {
            return Err(ApiError::bad_request(
                "ValidationException",
                "The parameter doesn't meet the parameter name requirements. The parameter name \
                 must begin with a forward slash \"/\".",
            ));
        }
        let query = PathQuery {
            path,
            recursive: input.recursive.unwrap_or(false),
            filter: ParameterFilter::default(),
            after: input.next_token,
            limit: limit(input.max_results, MAX_BY_PATH)?,
        };
        let decryption = Decryption::asked(input.with_decryption);
        let page = self.ssm.list(self.place(), &query).await?;
        let shown = page
            .parameters
            .iter()
            .filter_map(|record| Some(self.parameter(record, record.newest()?, decryption, None)));
        self.answer(&Page {
            parameters: shown.collect(),
            next_token: page.next,
        })
    }

    pub(super) async fn get_parameter_history(&self) -> Answer {
        let input: Input = self.input()?;
        let selector = Selector::parse(&input.name.ok_or_else(|| missing("name"))?);
        let (record, _) = self.ssm.get(self.place(), selector).await?;
        let decryption = Decryption::asked(input.with_decryption);
        let versions = record.versions.iter();
        let shown = versions.map(|version| self.history(&record, version, decryption));
        self.answer(&History {
            parameters: shown.collect(),
        })
    }
}

/// Checks a page size.
pub(super) fn limit(limit: Option<u32>, max: u32) -> Result<usize, ApiError> {
    match limit {
        None => Ok(max as usize),
        Some(limit) if (1..=max).contains(&limit) => Ok(limit as usize),
        Some(limit) => {
            let text = match limit {
                0 => "Member must have value greater than or equal to 1".to_owned(),
                _ => format!("Member must have value less than or equal to {max}"),
            };
            Err(constraint(&limit.to_string(), "maxResults", &text))
        }
    }
}
