//! `data/overrides.toml`: what is known of the real service that its model does not say.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

/// All overrides; the file explains each kind.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Overrides {
    pub(crate) status: Vec<Status>,
    #[serde(rename = "enum")]
    pub(crate) enums: Vec<EnumValues>,
    pub(crate) open: Vec<OfShape>,
    pub(crate) unchecked: Vec<Unchecked>,
    pub(crate) shown_as: Vec<ShownAs>,
    pub(crate) pattern_text: Vec<PatternText>,
    pub(crate) nullable_elements: Vec<OfShape>,
    pub(crate) matcher: Vec<Matcher>,
    pub(crate) error: Vec<Unmodelled>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Status {
    pub(crate) operation: String,
    pub(crate) status: u16,
}

#[derive(Debug, Deserialize)]
pub(crate) struct EnumValues {
    pub(crate) shape: String,
    #[serde(default)]
    pub(crate) values: Vec<String>,
    #[serde(default)]
    pub(crate) add: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct OfShape {
    pub(crate) shape: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Unchecked {
    /// `Structure.Member`.
    pub(crate) member: String,
    pub(crate) constraint: Constraint,
}

/// The constraints of a shape, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Constraint {
    Enum,
    Pattern,
    Min,
    Max,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ShownAs {
    /// `Structure.Member`.
    pub(crate) member: String,
    pub(crate) name: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct PatternText {
    pub(crate) shape: String,
    pub(crate) text: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Matcher {
    pub(crate) shape: String,
    pub(crate) matches: String,
    pub(crate) unless: Option<String>,
}

/// An exception that is not in the model.
#[derive(Debug, Deserialize)]
pub(crate) struct Unmodelled {
    pub(crate) name: String,
    pub(crate) status: u16,
    pub(crate) message_key: String,
    pub(crate) type_member: bool,
}

impl Overrides {
    /// Reads the overrides file.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("could not read {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("{} is not understood", path.display()))
    }
}
