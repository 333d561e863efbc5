//! The record of an account in a region.

use serde::{Deserialize, Serialize};

/// What all functions may run at once unless the record says otherwise.
const CONCURRENT_EXECUTIONS: u32 = 1_000;

/// Limits of an account. It is rewritten with every change of what functions set aside, so that no two changes pass
/// the same check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccountRecord {
    pub concurrent_executions: u32,
}

impl Default for AccountRecord {
    fn default() -> Self {
        Self {
            concurrent_executions: CONCURRENT_EXECUTIONS,
        }
    }
}
