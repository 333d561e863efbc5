//! What calls of SSM need.

use super::Permission;
use super::members::Members;
use crate::context::RequestContext;

/// Returns what an operation of SSM needs: one permission for each parameter it names in any way.
pub(crate) fn ssm_permissions(
    context: &RequestContext,
    operation: &str,
    body: &[u8],
) -> Vec<Permission> {
    let about = Members::read(body, &["Name", "Names", "Path", "ResourceId"]);
    let mut names = about.texts("Names");
    let single = ["Name", "Path", "ResourceId"];
    names.extend(
        single
            .iter()
            .filter_map(|name| about.text(name))
            .map(str::to_owned),
    );
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
