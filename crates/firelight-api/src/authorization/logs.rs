//! What calls of Logs need.

use serde::Deserialize;

use super::Permission;
use crate::context::RequestContext;

/// The members that name what a call is about.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct About {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name: Option<String>,
    resource_arn: Option<String>,
}

/// Returns what an operation of Logs needs.
pub(crate) fn logs_permission(
    context: &RequestContext,
    operation: &str,
    body: &[u8],
) -> Permission {
    // A body that cannot be read is about nothing, and is refused by the operation itself.
    let about: About = serde_json::from_slice(body).unwrap_or_default();
    let RequestContext {
        account, region, ..
    } = context;
    let prefix = format!("arn:aws:logs:{region}:{account}:log-group:");
    let group = about
        .log_group_name
        .or(about.log_group_identifier)
        .or(about.resource_arn);
    let group = group.unwrap_or_default();
    let group = group
        .split_once(":log-group:")
        .map_or(&*group, |(_, name)| name);
    let group = group.strip_suffix(":*").unwrap_or(group);
    let stream = about.log_stream_name.unwrap_or_default();
    let resource = format!("{prefix}{group}:log-stream:{stream}");
    Permission::new(context, format!("logs:{operation}"), resource)
}
