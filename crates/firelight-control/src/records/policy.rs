//! A resource policy, as it stands in the record of the function, version, alias or layer version that it protects.

use serde::{Deserialize, Serialize};

/// The statements in the order in which they were added.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PolicyRecord {
    pub statements: Vec<StatementRecord>,
}

/// One statement, kept as the JSON text that callers get to see.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatementRecord {
    pub sid: String,
    pub json: String,
}

impl PolicyRecord {
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
