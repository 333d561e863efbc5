//! What calls of IAM and STS need.

use firelight_control::iam::{EntityKind, Iam};

use super::Permission;
use crate::context::RequestContext;
use crate::protocol::query::Form;

/// Returns what an action of IAM needs.
pub(crate) fn iam_permission(iam: &Iam, context: &RequestContext, form: &Form) -> Permission {
    let action = form.get("Action").unwrap_or_default();
    let permission = Permission::new(
        context,
        format!("iam:{action}"),
        resource(iam, context, form),
    );
    match form.get("PolicyArn") {
        Some(arn) => permission.with_key("iam:PolicyARN", arn),
        None => permission,
    }
}

/// Returns the ARN of what an action of IAM is about; a thing to be made lies under its path.
fn resource(iam: &Iam, context: &RequestContext, form: &Form) -> String {
    let path = form.get("Path").unwrap_or("/");
    let account = context.account;
    let entity = |kind: EntityKind, name: &str| match iam.view().entity(account, kind, name) {
        Some(entity) => entity.arn(account),
        None => format!("arn:aws:iam::{account}:{}{path}{name}", kind.as_str()),
    };
    // The name that the action heeds counts; another one beside it must not speak for it.
    let action = form.get("Action").unwrap_or_default();
    let is_of_user = action.contains("User") || action.contains("AccessKey");
    let role = form.get("RoleName").filter(|_| action.contains("Role"));
    let user = form.get("UserName").filter(|_| is_of_user);
    let group = form.get("GroupName").filter(|_| is_of_group(action));
    if let Some(name) = group {
        entity(EntityKind::Group, name)
    } else if let Some(name) = role {
        entity(EntityKind::Role, name)
    } else if let Some(name) = user {
        entity(EntityKind::User, name)
    } else if is_about_oneself(form) {
        context.caller.arn()
    } else if let Some(arn) = form.get("PolicyArn") {
        arn.to_owned()
    } else if let Some(name) = form.get("PolicyName") {
        format!("arn:aws:iam::{account}:policy{path}{name}")
    } else {
        "*".to_owned()
    }
}

/// Tells whether an action heeds the name of a group: who joins or leaves one does not count.
fn is_of_group(action: &str) -> bool {
    action.ends_with("Group") || action.contains("GroupPolic")
}

/// Without a name, these are about whoever asks.
fn is_about_oneself(form: &Form) -> bool {
    let actions = [
        "GetUser",
        "CreateAccessKey",
        "DeleteAccessKey",
        "ListAccessKeys",
        "UpdateAccessKey",
    ];
    form.get("Action")
        .is_some_and(|action| actions.contains(&action))
}

/// Returns what an action of STS needs. Whom one may become is decided by the role itself.
pub(crate) fn sts_permission(context: &RequestContext, form: &Form) -> Option<Permission> {
    match form.get("Action") {
        Some("GetAccessKeyInfo") => Some(Permission::new(context, "sts:GetAccessKeyInfo", "*")),
        _ => None,
    }
}
