//! AddLayerVersionPermission, RemoveLayerVersionPermission, GetLayerVersionPolicy.

use firelight_control::{AddLayerPermission, RemoveLayerPermission};
use firelight_wire::shapes;

use super::call::{Answer, Call};
use super::layers::{check_own, version};
use super::refusals;

pub(super) async fn add(call: &Call<'_>) -> Answer {
    let request: shapes::AddLayerVersionPermissionRequest = call.parse()?;
    let arn = version(call, &request.layer_name, request.version_number)?;
    check_own(call, &arn.layer)?;
    let addition = AddLayerPermission {
        arn,
        sid: request.statement_id,
        principal: request
            .principal
            .parse()
            .map_err(|_| refusals::bad_principal())?,
        action: request.action,
        organization_id: request.organization_id,
        expected_revision: request.revision_id,
    };
    let added = call
        .lambda
        .control
        .add_layer_permission(&call.origin(), addition)
        .await;
    let (statement, revision) = added.map_err(refusals::layer_policy)?;
    Ok(call
        .operation()
        .reply(&shapes::AddLayerVersionPermissionResponse {
            statement: Some(statement),
            revision_id: Some(revision.to_string()),
        }))
}

pub(super) async fn remove(call: &Call<'_>) -> Answer {
    let request: shapes::RemoveLayerVersionPermissionRequest = call.parse()?;
    let arn = version(call, &request.layer_name, request.version_number)?;
    check_own(call, &arn.layer)?;
    let removal = RemoveLayerPermission {
        arn,
        sid: request.statement_id,
        expected_revision: request.revision_id,
    };
    let removed = call
        .lambda
        .control
        .remove_layer_permission(&call.origin(), removal)
        .await;
    removed.map_err(refusals::layer_policy)?;
    Ok(call.operation().empty_reply())
}

pub(super) fn get(call: &Call<'_>) -> Answer {
    let request: shapes::GetLayerVersionPolicyRequest = call.parse()?;
    let arn = version(call, &request.layer_name, request.version_number)?;
    let found = call
        .lambda
        .control
        .layer_policy(&arn)
        .map_err(refusals::layer_policy)?;
    Ok(call
        .operation()
        .reply(&shapes::GetLayerVersionPolicyResponse {
            policy: Some(found.document),
            revision_id: Some(found.revision.to_string()),
        }))
}
