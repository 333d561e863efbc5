//! What calls of Logs need.

use std::sync::Arc;

use firelight_control::logs::Logs;

use super::Permission;
use super::members::Members;
use crate::context::RequestContext;
use crate::error::ApiError;

/// The members that name what a call is about.
const ABOUT: &[&str] = &[
    "logGroupName",
    "logGroupIdentifier",
    "logGroupIdentifiers",
    "logStreamName",
    "resourceArn",
];

/// Returns what an operation of Logs needs: one permission for each group it names in any way. The policies of the
/// account's groups apply to all of them.
pub(crate) async fn logs_permissions(
    logs: &Logs,
    context: &RequestContext,
    operation: &str,
    body: &[u8],
) -> Result<Vec<Permission>, ApiError> {
    let about = Members::read(body, ABOUT);
    let single = ["logGroupName", "logGroupIdentifier", "resourceArn"];
    let single = single.iter().filter_map(|name| about.text(name));
    let mut groups: Vec<String> = single.map(str::to_owned).collect();
    groups.extend(about.texts("logGroupIdentifiers"));
    if groups.is_empty() {
        groups.push(String::new());
    }
    let stream = about.text("logStreamName").unwrap_or_default();
    let action = format!("logs:{operation}");
    let policy = logs.deciding_policy(&context.scope()).await?.map(Arc::new);
    let permission = |group: &String| {
        let resource = resource(context, group, stream);
        Permission::new(context, &*action, resource).of(context.account, policy.clone())
    };
    Ok(groups.iter().map(permission).collect())
}

fn resource(context: &RequestContext, group: &str, stream: &str) -> String {
    let RequestContext {
        account, region, ..
    } = context;
    let group = group
        .split_once(":log-group:")
        .map_or(group, |(_, name)| name);
    let group = group.strip_suffix(":*").unwrap_or(group);
    format!("arn:aws:logs:{region}:{account}:log-group:{group}:log-stream:{stream}")
}
