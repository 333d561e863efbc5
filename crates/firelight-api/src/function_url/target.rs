//! Where a function URL leads.

use std::sync::Arc;

use firelight_model::{AliasName, FunctionArn, InvokeMode, Qualifier, UrlAuthType};

use super::address::UrlId;
use super::cors::Cors;

/// A function URL as it is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlTarget {
    pub function: FunctionArn,
    /// `None` leads to `$LATEST`.
    pub alias: Option<AliasName>,
    pub auth_type: UrlAuthType,
    pub invoke_mode: InvokeMode,
    pub cors: Option<Cors>,
}

/// Finds the target of a URL, in memory.
pub type UrlTable = Arc<dyn Fn(&UrlId) -> Option<Arc<UrlTarget>> + Send + Sync>;

impl UrlTarget {
    pub(super) fn qualifier(&self) -> Option<Qualifier> {
        self.alias.clone().map(Qualifier::Alias)
    }
}
