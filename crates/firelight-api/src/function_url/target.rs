//! Where a function URL leads.

use firelight_control::{UrlDescription, View};
use firelight_model::{FunctionArn, InvokeMode, Qualifier, UrlAuthType};

use super::address::UrlId;
use super::cors::Cors;

/// A function URL as it is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UrlTarget {
    pub(super) function: FunctionArn,
    /// An alias; `None` leads to `$LATEST`.
    pub(super) alias: Option<Qualifier>,
    pub(super) auth_type: UrlAuthType,
    pub(super) invoke_mode: InvokeMode,
    pub(super) cors: Option<Cors>,
}

impl UrlTarget {
    /// Finds the target of a URL.
    pub(super) fn find(view: &View, id: &UrlId) -> Option<Self> {
        view.url(id.as_str()).map(Self::from)
    }
}

impl From<UrlDescription> for UrlTarget {
    fn from(url: UrlDescription) -> Self {
        Self {
            function: url.arn,
            alias: Some(url.qualifier).filter(|qualifier| *qualifier != Qualifier::Latest),
            auth_type: url.record.auth_type,
            invoke_mode: url.record.invoke_mode.unwrap_or(InvokeMode::Buffered),
            cors: url.record.cors.map(Cors::from),
        }
    }
}
