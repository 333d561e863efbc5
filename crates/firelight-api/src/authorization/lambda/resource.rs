//! What a call of Lambda is about: whose it is, and the policy that protects it.

use std::sync::Arc;

use firelight_control::records::policy::PolicyRecord;
use firelight_control::{FunctionEntry, View};
use firelight_iam::Policy;
use firelight_model::{AccountId, FunctionReference, FunctionTarget, LayerVersionArn, Qualifier};
use firelight_wire::Routed;

use crate::authorization::Permission;
use crate::context::RequestContext;

pub(super) fn on_function(
    view: &View,
    context: &RequestContext,
    action: String,
    name: &str,
    qualifier: Option<&str>,
) -> Permission {
    let Some(target) = target(context, name, qualifier) else {
        // Names that are none are refused by the operation; nobody is allowed anything on them.
        return Permission::new(context, action, "*");
    };
    let entry = view.function(&target.arn);
    let policy = entry.and_then(|entry| policy(&entry, target.qualifier.as_ref()));
    let resource = target.arn.with(target.qualifier.as_ref());
    Permission::new(context, action, resource).of(target.arn.account, policy)
}

fn target(context: &RequestContext, name: &str, qualifier: Option<&str>) -> Option<FunctionTarget> {
    let reference: FunctionReference = name.parse().ok()?;
    let qualifier: Option<Qualifier> = match qualifier {
        Some(text) => Some(text.parse().ok()?),
        None => None,
    };
    let reference = reference.with_qualifier(qualifier).ok()?;
    reference.locate(context.account, &context.region).ok()
}

/// Returns the policy that protects what a qualifier names, if it says anything.
fn policy(entry: &FunctionEntry, qualifier: Option<&Qualifier>) -> Option<Arc<Policy>> {
    let record: &PolicyRecord = match qualifier {
        None | Some(Qualifier::Latest | Qualifier::LatestPublished) => {
            &entry.function.record.policy
        }
        Some(Qualifier::Version(number)) => &entry.versions.get(number)?.stored.record.policy,
        Some(Qualifier::Alias(name)) => &entry.aliases.get(name)?.record.policy,
    };
    record.parsed()
}

/// Returns the permission on a layer version.
pub(super) fn on_layer(
    view: &View,
    context: &RequestContext,
    action: String,
    arn: &str,
) -> Permission {
    let permission = Permission::new(context, action, arn);
    match arn.parse::<LayerVersionArn>() {
        Ok(arn) => permission.of(arn.layer.account, view.layer_policy(&arn)),
        Err(_) => permission,
    }
}

/// Returns the permission on what is neither a function nor a layer that is named by its ARN.
pub(super) fn on_other(
    view: &View,
    context: &RequestContext,
    action: String,
    routed: &Routed<'_>,
) -> Permission {
    let RequestContext {
        account, region, ..
    } = context;
    let of = |kind: &str, name: &str| format!("arn:aws:lambda:{region}:{account}:{kind}:{name}");
    let label = |name| routed.labels.get(name);
    if let Some(layer) = label("LayerName") {
        let layer = match layer.starts_with("arn:") {
            true => layer.to_owned(),
            false => of("layer", layer),
        };
        return match label("VersionNumber") {
            Some(number) => on_layer(view, context, action, &format!("{layer}:{number}")),
            None => owned(context, action, layer),
        };
    }
    if let Some(id) = label("UUID") {
        return Permission::new(context, action, of("event-source-mapping", id));
    }
    if let Some(name) = label("CapacityProviderName") {
        let arn = match name.starts_with("arn:") {
            true => name.to_owned(),
            false => of("capacity-provider", name),
        };
        return owned(context, action, arn);
    }
    match label("ResourceArn") {
        Some(arn) => on_function(view, context, action, arn, None),
        None => {
            let arn = label("CodeSigningConfigArn").or_else(|| label("Resource"));
            owned(context, action, arn.unwrap_or("*").to_owned())
        }
    }
}

/// Returns the permission on what has no policy of its own: what another account has stays closed.
fn owned(context: &RequestContext, action: String, arn: String) -> Permission {
    let account: Option<AccountId> = arn.split(':').nth(4).and_then(|text| text.parse().ok());
    let account = account.unwrap_or(context.account);
    Permission::new(context, action, arn).of(account, None)
}
