//! Code signing configs: create, get, update, delete, list, and who uses one.

use firelight_control::{CodeSigningDescription, CodeSigningSettings};
use firelight_wire::shapes;

use super::call::{Answer, Call};
use super::{paging, refusals};

pub(super) async fn create(call: &Call<'_>) -> Answer {
    let request: shapes::CreateCodeSigningConfigRequest = call.parse()?;
    let settings = CodeSigningSettings {
        description: request.description,
        signing_profile_version_arns: Some(request.allowed_publishers.signing_profile_version_arns),
        untrusted_artifact_on_deployment: policy(request.code_signing_policies),
    };
    let tags = request.tags.unwrap_or_default();
    let (control, scope) = (&call.lambda.control, call.scope());
    let created = control
        .create_code_signing_config(&call.origin(), &scope, &settings, &tags)
        .await;
    let created = created.map_err(refusals::code_signing)?;
    Ok(call
        .operation()
        .reply(&shapes::CreateCodeSigningConfigResponse {
            code_signing_config: shown(&created),
        }))
}

pub(super) async fn update(call: &Call<'_>) -> Answer {
    let request: shapes::UpdateCodeSigningConfigRequest = call.parse()?;
    let settings = CodeSigningSettings {
        description: request.description,
        signing_profile_version_arns: request
            .allowed_publishers
            .map(|publishers| publishers.signing_profile_version_arns),
        untrusted_artifact_on_deployment: policy(request.code_signing_policies),
    };
    let (control, scope, arn) = (
        &call.lambda.control,
        call.scope(),
        request.code_signing_config_arn,
    );
    let updated = control
        .update_code_signing_config(&call.origin(), &scope, &arn, &settings)
        .await;
    let updated = updated.map_err(refusals::code_signing)?;
    Ok(call
        .operation()
        .reply(&shapes::UpdateCodeSigningConfigResponse {
            code_signing_config: shown(&updated),
        }))
}

fn policy(given: Option<shapes::CodeSigningPolicies>) -> Option<String> {
    Some(given?.untrusted_artifact_on_deployment?.as_str().to_owned())
}

pub(super) fn get(call: &Call<'_>) -> Answer {
    let request: shapes::GetCodeSigningConfigRequest = call.parse()?;
    let (control, arn) = (&call.lambda.control, request.code_signing_config_arn);
    let found = control
        .code_signing_config(&call.scope(), &arn)
        .map_err(refusals::code_signing)?;
    Ok(call
        .operation()
        .reply(&shapes::GetCodeSigningConfigResponse {
            code_signing_config: shown(&found),
        }))
}

pub(super) async fn delete(call: &Call<'_>) -> Answer {
    let request: shapes::DeleteCodeSigningConfigRequest = call.parse()?;
    let (control, scope, arn) = (
        &call.lambda.control,
        call.scope(),
        request.code_signing_config_arn,
    );
    let deleted = control
        .delete_code_signing_config(&call.origin(), &scope, &arn)
        .await;
    deleted.map_err(refusals::code_signing)?;
    Ok(call.operation().empty_reply())
}

pub(super) fn list(call: &Call<'_>) -> Answer {
    let request: shapes::ListCodeSigningConfigsRequest = call.parse()?;
    let limit = paging::limit(request.max_items, paging::FUNCTIONS);
    let control = &call.lambda.control;
    let marker: Option<String> = paging::marker(call.operation(), request.marker.as_deref())?;
    let page = control.list_code_signing_configs(&call.scope(), marker.as_ref(), limit);
    Ok(call
        .operation()
        .reply(&shapes::ListCodeSigningConfigsResponse {
            code_signing_configs: Some(page.items.iter().map(shown).collect()),
            next_marker: paging::next(call.operation(), page.next),
        }))
}

pub(super) fn list_functions(call: &Call<'_>) -> Answer {
    let request: shapes::ListFunctionsByCodeSigningConfigRequest = call.parse()?;
    let (control, arn) = (&call.lambda.control, request.code_signing_config_arn);
    let limit = paging::limit(request.max_items, paging::FUNCTIONS);
    let all = control.functions_by_code_signing(&call.scope(), &arn);
    let all = all.map_err(refusals::code_signing)?;
    let marker: Option<String> = paging::marker(call.operation(), request.marker.as_deref())?;
    let marker = marker.unwrap_or_default();
    let mut rest: Vec<String> = all.into_iter().filter(|arn| *arn > marker).collect();
    let more = rest.len() > limit;
    rest.truncate(limit);
    Ok(call
        .operation()
        .reply(&shapes::ListFunctionsByCodeSigningConfigResponse {
            next_marker: paging::next(call.operation(), rest.last().filter(|_| more).cloned()),
            function_arns: Some(rest),
        }))
}

fn shown(config: &CodeSigningDescription) -> shapes::CodeSigningConfig {
    let record = &config.record;
    let policy = record.untrusted_artifact_on_deployment.as_str();
    shapes::CodeSigningConfig {
        code_signing_config_id: config.id.clone(),
        code_signing_config_arn: config.arn.clone(),
        description: Some(record.description.clone()),
        allowed_publishers: shapes::AllowedPublishers {
            signing_profile_version_arns: record.signing_profile_version_arns.clone(),
        },
        code_signing_policies: shapes::CodeSigningPolicies {
            untrusted_artifact_on_deployment: shapes::CodeSigningPolicy::from_wire(policy),
        },
        last_modified: record.last_modified.to_string(),
    }
}
