//! What calls of Lambda need.

use firelight_control::records::policy::PolicyRecord;
use firelight_control::{FunctionEntry, View};
use firelight_iam::{DocumentKind, Policy};
use firelight_model::{FunctionReference, FunctionTarget, Qualifier};
use firelight_wire::{Operation, Routed, query_value, route};
use http::request::Parts;
use serde::Deserialize;

use super::Permission;
use crate::body::RequestBody;
use crate::context::RequestContext;

/// The members of a body that matter here.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Named {
    function_name: Option<String>,
    role: Option<String>,
}

/// Returns what a request needs. A path that leads nowhere needs nothing and gets nothing.
pub(crate) fn lambda_permissions(
    view: &View,
    context: &RequestContext,
    request: &Parts,
    body: &RequestBody,
) -> Vec<Permission> {
    let (method, path) = (request.method.as_str(), request.uri.path());
    let Ok(routed) = route(method, path, request.uri.query()) else {
        return Vec::new();
    };
    let named = named(routed.operation, body);
    let mut permissions = vec![on_target(view, context, request, &routed, &named)];
    // A role is handed on only by who may hand it on.
    if let Some(role) = named.role {
        permissions.push(
            Permission::new(context, "iam:PassRole", role)
                .with_key("iam:PassedToService", "lambda.amazonaws.com"),
        );
    }
    permissions
}

/// Reads the body of the few operations whose body names what they are about.
fn named(operation: Operation, body: &RequestBody) -> Named {
    let speaks = matches!(
        operation,
        Operation::CreateFunction
            | Operation::UpdateFunctionConfiguration
            | Operation::CreateEventSourceMapping
            | Operation::UpdateEventSourceMapping
    );
    match body {
        RequestBody::Read(bytes) if speaks => serde_json::from_slice(bytes).unwrap_or_default(),
        _ => Named::default(),
    }
}

fn on_target(
    view: &View,
    context: &RequestContext,
    request: &Parts,
    routed: &Routed<'_>,
    named: &Named,
) -> Permission {
    let action = action(routed.operation);
    if let Some(name) = routed.labels.get("FunctionName") {
        let qualifier = query_value(request.uri.query(), "Qualifier");
        return on_function(view, context, action, name, qualifier.as_deref());
    }
    match (routed.operation, &named.function_name) {
        (Operation::CreateFunction, Some(name)) => on_function(view, context, action, name, None),
        (_, Some(name)) => {
            let function = on_function(view, context, String::new(), name, None).resource;
            let resource = resource(context, routed);
            Permission::new(context, action, resource).with_key("lambda:FunctionArn", function)
        }
        _ => Permission::new(context, action, resource(context, routed)),
    }
}

/// Operations are permissions, but for the ways to invoke, which are one, and a few others.
fn action(operation: Operation) -> String {
    let name = match operation {
        Operation::Invoke | Operation::InvokeAsync | Operation::InvokeWithResponseStream => {
            "InvokeFunction"
        }
        Operation::GetLayerVersionByArn => "GetLayerVersion",
        operation => operation.name(),
    };
    format!("lambda:{name}")
}

fn on_function(
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
    let mut permission =
        Permission::new(context, action, target.arn.with(target.qualifier.as_ref()));
    permission.account = target.arn.account;
    permission.policy = policy;
    permission
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
fn policy(entry: &FunctionEntry, qualifier: Option<&Qualifier>) -> Option<Policy> {
    let record: &PolicyRecord = match qualifier {
        None | Some(Qualifier::Latest | Qualifier::LatestPublished) => {
            &entry.function.record.policy
        }
        Some(Qualifier::Version(number)) => &entry.versions.get(number)?.stored.record.policy,
        Some(Qualifier::Alias(name)) => &entry.aliases.get(name)?.record.policy,
    };
    if record.is_empty() {
        return None;
    }
    Policy::parse(&record.document(), DocumentKind::Resource).ok()
}

/// Returns the ARN of what is no function.
fn resource(context: &RequestContext, routed: &Routed<'_>) -> String {
    let RequestContext {
        account, region, ..
    } = context;
    let of = |kind: &str, name: &str| format!("arn:aws:lambda:{region}:{account}:{kind}:{name}");
    let label = |name| routed.labels.get(name);
    if let Some(layer) = label("LayerName") {
        let layer = layer.rsplit(":layer:").next().unwrap_or(layer);
        return match label("VersionNumber") {
            Some(number) => of("layer", &format!("{layer}:{number}")),
            None => of("layer", layer),
        };
    }
    if let Some(id) = label("UUID") {
        return of("event-source-mapping", id);
    }
    if let Some(name) = label("CapacityProviderName") {
        return of("capacity-provider", name);
    }
    let arn = label("CodeSigningConfigArn").or_else(|| label("Resource"));
    arn.or_else(|| label("ResourceArn"))
        .map_or_else(|| "*".to_owned(), str::to_owned)
}
