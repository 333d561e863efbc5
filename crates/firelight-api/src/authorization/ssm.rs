//! What calls of SSM need.

use firelight_control::ssm::Selector;

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

/// Which version is meant makes no difference: a permission is one on the parameter.
fn arn(context: &RequestContext, name: &str) -> String {
    let RequestContext {
        account, region, ..
    } = context;
    let named = Selector::parse(name).name;
    let name = named.trim_matches('/');
    format!("arn:aws:ssm:{region}:{account}:parameter/{name}")
}
