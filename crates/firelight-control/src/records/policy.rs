//! A resource policy, as it stands in the record of the function, version, alias or layer version that it protects.

use std::sync::{Arc, OnceLock};

use firelight_iam::{DocumentKind, Policy};
use serde::{Deserialize, Serialize};

/// The statements in the order in which they were added.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PolicyRecord {
    pub statements: Vec<StatementRecord>,
    #[serde(skip)]
    parsed: ParsedOnce,
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
            parsed: ParsedOnce::default(),
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
        format!(
            r#"{{"Version":"2012-10-17","Id":"default","Statement":[{}]}}"#,
            statements.join(",")
        )
    }
}
