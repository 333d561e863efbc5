//! What calls of Lambda need, on what, and under which keys of conditions.

mod keys;
mod resource;

use firelight_control::View;
use firelight_wire::{Operation, Routed, query_value, route};
use http::request::Parts;

use self::resource::{on_function, on_layer, on_other};
use super::Permission;
use super::members::Members;
use crate::body::RequestBody;
use crate::context::RequestContext;

/// The members of a body that matter here.
const MEMBERS: &[&str] = &[
    "AuthType",
    "CodeSigningConfigArn",
    "FunctionName",
    "FunctionUrlAuthType",
    "Layers",
    "Principal",
    "Role",
    "Tags",
    "VpcConfig",
];

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
    let call = Call {
        view,
        context,
        request,
        members: members(routed.operation, body),
        routed,
    };
    let mut permissions = vec![call.with_keys(call.on_target())];
    // A role is handed on only by who may hand it on.
    if let Some(role) = call.members.text("Role") {
        permissions.push(
            Permission::new(context, "iam:PassRole", role)
                .with_key("iam:PassedToService", "lambda.amazonaws.com"),
        );
    }
    permissions.extend(call.on_foreign_layers());
    permissions
}

/// Returns what it takes to see the tags of a function.
pub(crate) fn list_tags_permission(
    view: &View,
    context: &RequestContext,
    function: &str,
) -> Permission {
    on_function(view, context, "lambda:ListTags".to_owned(), function, None)
}

/// A call as far as permissions go.
struct Call<'a> {
    view: &'a View,
    context: &'a RequestContext,
    request: &'a Parts,
    routed: Routed<'a>,
    members: Members,
}

/// Reads the body of the operations whose body says what they are about. An event is never looked at.
fn members(operation: Operation, body: &RequestBody) -> Members {
    let is_event = matches!(
        operation,
        Operation::Invoke | Operation::InvokeAsync | Operation::InvokeWithResponseStream
    );
    match body {
        RequestBody::Read(bytes) if !is_event && !bytes.is_empty() => Members::read(bytes, MEMBERS),
        _ => Members::default(),
    }
}

impl Call<'_> {
    fn on_target(&self) -> Permission {
        let Self { view, context, .. } = self;
        let action = action(self.routed.operation);
        if let Some(name) = self.routed.labels.get("FunctionName") {
            let qualifier = query_value(self.request.uri.query(), "Qualifier");
            return on_function(view, context, action, name, qualifier.as_deref());
        }
        if self.routed.operation == Operation::CreateFunction
            && let Some(name) = self.members.text("FunctionName")
        {
            return on_function(view, context, action, name, None);
        }
        match self.routed.operation {
            Operation::GetLayerVersionByArn => {
                let arn = query_value(self.request.uri.query(), "Arn");
                on_layer(view, context, action, arn.as_deref().unwrap_or_default())
            }
            _ => on_other(view, context, action, &self.routed),
        }
    }

    /// A layer version of another account is attached only by who may read it.
    fn on_foreign_layers(&self) -> Vec<Permission> {
        let own = self.context.account.to_string();
        let layers = self.members.texts("Layers");
        let foreign = layers
            .iter()
            .filter(|arn| arn.split(':').nth(4).is_some_and(|account| account != own));
        let action = || "lambda:GetLayerVersion".to_owned();
        foreign
            .map(|arn| on_layer(self.view, self.context, action(), arn))
            .collect()
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
