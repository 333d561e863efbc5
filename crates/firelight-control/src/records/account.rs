//! The record of an account in a region.

use serde::{Deserialize, Serialize};

/// Limits of an account. It is rewritten with every change of what functions set aside, and with every new event source
/// mapping, so that no two changes pass the same check. The limit itself is configured and only noted here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccountRecord {
    pub concurrent_executions: u32,
}
