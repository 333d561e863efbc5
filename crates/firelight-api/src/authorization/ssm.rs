//! What calls of SSM need.

use serde::Deserialize;

use super::Permission;
use crate::context::RequestContext;

/// The members that name what a call is about.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct About {
    name: Option<String>,
    names: Vec<String>,
    path: Option<String>,
    resource_id: Option<String>,
}

/// Returns what an operation of SSM needs: one permission for each parameter it names.
pub(crate) fn ssm_permissions(
    context: &RequestContext,
    operation: &str,
    body: &[u8],
) -> Vec<Permission> {
    // A body that cannot be read is about nothing, and is refused by the operation itself.
    let about: About = serde_json::from_slice(body).unwrap_or_default();
    let mut names = about.names;
    names.extend(about.name.or(about.path).or(about.resource_id));
    let action = format!("ssm:{operation}");
    if names.is_empty() {
        return vec![Permission::new(context, action, "*")];
    }
    let permission = |name: &String| Permission::new(context, &*action, arn(context, name));
    names.iter().map(permission).collect()
}

fn arn(context: &RequestContext, name: &str) -> String {
    if name.starts_with("arn:") {
        return name.to_owned();
    }
    let RequestContext {
        account, region, ..
    } = context;
    let name = name.trim_matches('/');
    format!("arn:aws:ssm:{region}:{account}:parameter/{name}")
}
