//! Labels of versions.

use serde::{Deserialize, Serialize};

use super::error::missing;
use super::{Answer, Call};
use crate::error::ApiError;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    name: Option<String>,
    parameter_version: Option<u64>,
    labels: Option<Vec<String>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Labelled {
    invalid_labels: Vec<String>,
    parameter_version: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Unlabelled {
    removed_labels: Vec<String>,
    invalid_labels: Vec<String>,
}

impl Input {
    fn name(&self) -> Result<&str, ApiError> {
        self.name.as_deref().ok_or_else(|| missing("name"))
    }

    fn labels(&self) -> Result<&[String], ApiError> {
        self.labels.as_deref().ok_or_else(|| missing("labels"))
    }
}

impl Call<'_> {
    pub(super) async fn label_parameter_version(&self) -> Answer {
        let input: Input = self.input()?;
        let (name, labels) = (input.name()?, input.labels()?);
        let version = input.parameter_version;
        let labelled = self.ssm.label(self.place(), name, version, labels).await?;
        self.answer(&Labelled {
            invalid_labels: labelled.invalid,
            parameter_version: labelled.version,
        })
    }

    pub(super) async fn unlabel_parameter_version(&self) -> Answer {
        let input: Input = self.input()?;
        let (name, labels) = (input.name()?, input.labels()?);
        let version = input.parameter_version;
        let version = version.ok_or_else(|| missing("parameterVersion"))?;
        let removed = self
            .ssm
            .unlabel(self.place(), name, version, labels)
            .await?;
        self.answer(&Unlabelled {
            removed_labels: removed.done,
            invalid_labels: removed.invalid,
        })
    }
}
