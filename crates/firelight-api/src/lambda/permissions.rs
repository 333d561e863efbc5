//! AddPermission, RemovePermission, GetPolicy, and the calls for the whole resource policy.

use firelight_control::{AddPermission, Conditions, PutResourcePolicy, RemovePermission};
use firelight_model::{FunctionTarget, UrlAuthType};
use firelight_wire::{ErrorReply, shapes};

use super::call::{Answer, Call};
use super::refusals;

pub(super) async fn add(call: &Call<'_>) -> Answer {
    let request: shapes::AddPermissionRequest = call.parse()?;
    let is_for_url = request.action == "lambda:InvokeFunctionUrl";
    if request.function_url_auth_type.is_some() && !is_for_url {
        return Err(refusals::url_auth_type_elsewhere());
    }
    let addition = AddPermission {
        target: call.target(&request.function_name, request.qualifier.as_deref())?,
        sid: request.statement_id,
        principal: request
            .principal
            .parse()
            .map_err(|_| refusals::bad_principal())?,
        action: request.action,
        conditions: Conditions {
            source_arn: request.source_arn,
            source_account: request.source_account,
            event_source_token: request.event_source_token,
            principal_org_id: request.principal_org_id,
            url_auth_type: request
                .function_url_auth_type
                .and_then(|word| UrlAuthType::from_name(word.as_str())),
            invoked_via_url: request.invoked_via_function_url,
        },
        expected_revision: request.revision_id,
    };
    let added = call
        .lambda
        .control
        .add_permission(&call.origin(), addition)
        .await;
    let statement = added.map_err(refusals::policy)?;
    Ok(call.operation().reply(&shapes::AddPermissionResponse {
        statement: Some(statement),
    }))
}

pub(super) async fn remove(call: &Call<'_>) -> Answer {
    let request: shapes::RemovePermissionRequest = call.parse()?;
    let removal = RemovePermission {
        target: call.target(&request.function_name, request.qualifier.as_deref())?,
        sid: request.statement_id,
        expected_revision: request.revision_id,
    };
    let removed = call
        .lambda
        .control
        .remove_permission(&call.origin(), removal)
        .await;
    removed.map_err(refusals::remove_permission)?;
    Ok(call.operation().empty_reply())
}

pub(super) fn get(call: &Call<'_>) -> Answer {
    let request: shapes::GetPolicyRequest = call.parse()?;
    let target = call.target(&request.function_name, request.qualifier.as_deref())?;
    let found = call
        .lambda
        .control
        .policy(&target)
        .map_err(refusals::get_policy)?;
    Ok(call.operation().reply(&shapes::GetPolicyResponse {
        policy: Some(found.document),
        revision_id: Some(found.revision.to_string()),
    }))
}

pub(super) async fn put_whole(call: &Call<'_>) -> Answer {
    let request: shapes::PutResourcePolicyRequest = call.parse()?;
    let replacement = PutResourcePolicy {
        target: resource(call, &request.resource_arn)?,
        document: request.policy,
        expected_revision: request.revision_id,
    };
    let put = call
        .lambda
        .control
        .put_resource_policy(&call.origin(), replacement)
        .await;
    let put = put.map_err(refusals::resource_policy)?;
    Ok(call.operation().reply(&shapes::PutResourcePolicyResponse {
        policy: Some(put.document),
        revision_id: Some(put.revision.to_string()),
    }))
}

pub(super) fn get_whole(call: &Call<'_>) -> Answer {
    let request: shapes::GetResourcePolicyRequest = call.parse()?;
    let target = resource(call, &request.resource_arn)?;
    let found = call
        .lambda
        .control
        .policy(&target)
        .map_err(refusals::get_policy)?;
    Ok(call.operation().reply(&shapes::GetResourcePolicyResponse {
        policy: Some(found.document),
        revision_id: Some(found.revision.to_string()),
    }))
}

pub(super) async fn delete_whole(call: &Call<'_>) -> Answer {
    let request: shapes::DeleteResourcePolicyRequest = call.parse()?;
    let target = resource(call, &request.resource_arn)?;
    let (control, expected) = (&call.lambda.control, request.revision_id.as_deref());
    let deleted = control
        .delete_resource_policy(&call.origin(), &target, expected)
        .await;
    deleted.map_err(refusals::resource_policy)?;
    Ok(call.operation().empty_reply())
}

/// Reads the ARN of a function, a version or an alias.
fn resource(call: &Call<'_>, arn: &str) -> Result<FunctionTarget, ErrorReply> {
    if arn.contains(":function:") {
        call.target(arn, None)
    } else {
        Err(refusals::unknown_resource())
    }
}
