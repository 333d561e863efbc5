//! The compact table of the Lambda API: what `import-model` writes and everything else reads.
//!
//! One line per operation and per shape, so that a new service model shows as a readable diff.
//! Facts about the real service that differ from its model stand beside it, in `overrides.toml`.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// All operations and shapes, each sorted by name.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Table {
    pub(crate) operations: Vec<Operation>,
    pub(crate) shapes: Vec<Shape>,
}

/// One operation with its HTTP binding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Operation {
    pub(crate) name: String,
    pub(crate) method: String,
    pub(crate) uri: String,
    pub(crate) status: u16,
    pub(crate) input: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) errors: Vec<String>,
}

/// One shape; which of the optional fields apply depends on its kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shape {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// HTTP status, for exceptions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<u16>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) members: Vec<Member>,
    /// The member that is the whole body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) payload: Option<String>,
    /// Shape of list elements or of map values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) of: Option<String>,
    /// Shape of map keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) min: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pattern: Option<String>,
    #[serde(rename = "enum", default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) values: Vec<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) sensitive: bool,
}

/// The kinds of shapes the Lambda model uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Structure,
    /// A structure of which one member travels at a time, as an event.
    EventStream,
    List,
    Map,
    String,
    Integer,
    Long,
    Double,
    Boolean,
    Timestamp,
    Blob,
}

/// One member of a structure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) shape: String,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) required: bool,
    #[serde(rename = "in", default, skip_serializing_if = "Option::is_none")]
    pub(crate) location: Option<Location>,
    /// Name on the wire, where it differs from the member's.
    #[serde(rename = "as", default, skip_serializing_if = "Option::is_none")]
    pub(crate) wire_name: Option<String>,
}

/// Where a member travels when it is not in the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Location {
    Uri,
    Query,
    Header,
    Status,
    /// The payload of a streamed event.
    Event,
}

impl Member {
    /// Returns the name that stands on the wire.
    pub(crate) fn on_the_wire(&self) -> &str {
        self.wire_name.as_deref().unwrap_or(&self.name)
    }
}

impl Table {
    /// Reads a table file.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("could not read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is no API table", path.display()))
    }

    /// Writes the table with one line per operation and per shape.
    pub(crate) fn to_text(&self) -> Result<String> {
        let mut text = String::from("{\n\"operations\": [\n");
        write_lines(&mut text, &self.operations)?;
        text.push_str("],\n\"shapes\": [\n");
        write_lines(&mut text, &self.shapes)?;
        text.push_str("]\n}\n");
        Ok(text)
    }
}

fn write_lines<T: Serialize>(text: &mut String, items: &[T]) -> Result<()> {
    for (index, item) in items.iter().enumerate() {
        let comma = if index + 1 < items.len() { "," } else { "" };
        writeln!(text, "{}{comma}", serde_json::to_string(item)?)?;
    }
    Ok(())
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_table_is_written_as_the_importer_writes_it() {
        let path = crate::files::data("lambda-api.json");

        let text = Table::load(&path).unwrap().to_text().unwrap();

        assert_eq!(text, std::fs::read_to_string(path).unwrap());
    }
}
