//! A resource policy, as it stands in the record of the function, version, alias or layer version that it protects.

use std::sync::{Arc, OnceLock};

use firelight_iam::{DocumentKind, Policy};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The statements in the order in which they were added.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PolicyRecord {
    pub statements: Vec<StatementRecord>,
    /// `None` until a document came as a whole.
    #[serde(default)]
    head: Option<HeadRecord>,
    #[serde(skip)]
    parsed: ParsedOnce,
}

/// What stood before the statements of a document that came as a whole, and is shown there again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HeadRecord {
    #[serde(default)]
    pub version: Option<String>,
    #[serde(default)]
    pub id: Option<String>,
}

impl HeadRecord {
    /// What AWS writes before statements that were added one by one.
    fn of_single_statements() -> Self {
        Self {
            version: Some("2012-10-17".to_owned()),
            id: Some("default".to_owned()),
        }
    }

    fn json(&self) -> String {
        let members = [("Version", &self.version), ("Id", &self.id)];
        let given = members
            .iter()
            .filter_map(|(name, value)| Some((name, value.as_deref()?)));
        given
            .map(|(name, value)| format!("\"{name}\":{},", Value::from(value)))
            .collect()
    }
}

/// The policy as decisions need it, parsed when the first of them asks. A copy starts without it, because copies are
/// made to be changed.
#[derive(Debug, Default)]
struct ParsedOnce(OnceLock<Option<Arc<Policy>>>);

impl Clone for ParsedOnce {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for ParsedOnce {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

/// One statement, kept as the JSON text that callers get to see.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatementRecord {
    pub sid: String,
    pub json: String,
}

impl PolicyRecord {
    pub fn new(statements: Vec<StatementRecord>) -> Self {
        Self {
            statements,
            ..Self::default()
        }
    }

    /// Makes the policy of a document that came as a whole.
    pub fn whole(head: HeadRecord, statements: Vec<StatementRecord>) -> Self {
        Self {
            head: Some(head),
            ..Self::new(statements)
        }
    }

    /// Returns the policy for a decision; `None` if it says nothing.
    pub fn parsed(&self) -> Option<Arc<Policy>> {
        if self.is_empty() {
            return None;
        }
        let parse = || Policy::parse(&self.document(), DocumentKind::Resource).ok();
        self.parsed.0.get_or_init(|| parse().map(Arc::new)).clone()
    }

    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    pub fn has(&self, sid: &str) -> bool {
        self.statements.iter().any(|statement| statement.sid == sid)
    }

    /// Renders the whole policy document.
    pub fn document(&self) -> String {
        let statements: Vec<&str> = self.statements.iter().map(|s| s.json.as_str()).collect();
        let head = self.head.as_ref().map(HeadRecord::json);
        let head = head.unwrap_or_else(|| HeadRecord::of_single_statements().json());
        format!("{{{head}\"Statement\":[{}]}}", statements.join(","))
    }
}
