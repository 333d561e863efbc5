//! Writing and deleting parameters.

use firelight_control::ssm::{Overwrite, ParameterKind, PutParameter, Selector, SsmError, Tier};
use serde::{Deserialize, Serialize};

use super::error::{constraint, missing};
use super::shape::{Tag, tier_name};
use super::{Answer, Call};
use crate::error::ApiError;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    name: Option<String>,
    value: Option<String>,
    r#type: Option<String>,
    description: Option<String>,
    key_id: Option<String>,
    allowed_pattern: Option<String>,
    data_type: Option<String>,
    tier: Option<String>,
    overwrite: Option<bool>,
    tags: Option<Vec<Tag>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Written {
    version: u64,
    tier: &'static str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Names {
    names: Option<Vec<String>>,
}

#[derive(Serialize)]
struct Nothing {}

#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Deleted {
    deleted_parameters: Vec<String>,
    invalid_parameters: Vec<String>,
}

impl Call<'_> {
    pub(super) async fn put_parameter(&self) -> Answer {
        let input: Input = self.input()?;
        let tags = input.tags.unwrap_or_default();
        let put = PutParameter {
            name: Selector::parse(&input.name.ok_or_else(|| missing("name"))?).name,
            value: input.value.ok_or_else(|| missing("value"))?,
            kind: input.r#type.as_deref().map(kind).transpose()?,
            description: input.description,
            key_id: input.key_id,
            allowed_pattern: input.allowed_pattern.filter(|pattern| !pattern.is_empty()),
            data_type: input.data_type,
            tier: input
                .tier
                .as_deref()
                .and_then(|text| tier(text).transpose())
                .transpose()?,
            overwrite: match input.overwrite {
                Some(true) => Overwrite::Yes,
                _ => Overwrite::No,
            },
            tags: tags.into_iter().map(|tag| (tag.key, tag.value)).collect(),
            modified_by: self.context.caller.arn(),
        };
        let version = self.ssm.put(self.place(), &put).await?;
        self.answer(&Written {
            version: version.number,
            tier: tier_name(version.tier),
        })
    }

    pub(super) async fn delete_parameter(&self) -> Answer {
        let input: Named = self.input()?;
        let name = input.name.ok_or_else(|| missing("name"))?;
        self.ssm
            .delete(self.place(), &Selector::parse(&name).name)
            .await?;
        self.answer(&Nothing {})
    }

    pub(super) async fn delete_parameters(&self) -> Answer {
        let input: Names = self.input()?;
        let mut answer = Deleted::default();
        for name in input.names.ok_or_else(|| missing("names"))? {
            match self
                .ssm
                .delete(self.place(), &Selector::parse(&name).name)
                .await
            {
                Ok(()) => answer.deleted_parameters.push(name),
                Err(SsmError::NotFound) => answer.invalid_parameters.push(name),
                Err(error) => return Err(error.into()),
            }
        }
        self.answer(&answer)
    }
}

fn kind(name: &str) -> Result<ParameterKind, ApiError> {
    match name {
        "String" => Ok(ParameterKind::String),
        "StringList" => Ok(ParameterKind::StringList),
        "SecureString" => Ok(ParameterKind::SecureString),
        other => Err(constraint(
            other,
            "type",
            "Member must satisfy enum value set: [SecureString, StringList, String]",
        )),
    }
}

/// Intelligent tiering is left to us, and everything fits the standard tier until it does not.
fn tier(name: &str) -> Result<Option<Tier>, ApiError> {
    match name {
        "Standard" => Ok(Some(Tier::Standard)),
        "Advanced" => Ok(Some(Tier::Advanced)),
        "Intelligent-Tiering" => Ok(None),
        other => Err(constraint(
            other,
            "tier",
            "Member must satisfy enum value set: [Standard, Advanced, Intelligent-Tiering]",
        )),
    }
}
