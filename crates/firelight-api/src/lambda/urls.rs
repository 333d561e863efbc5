//! Function URL configs: create, get, update, delete, list.

use firelight_control::records::qualified::CorsRecord;
use firelight_control::{UrlDescription, UrlSettings};
use firelight_model::{InvokeMode, Qualifier, UrlAuthType};
use firelight_wire::{ErrorReply, shapes};

use super::call::{Answer, Call};
use super::{paging, refusals};

pub(super) async fn create(call: &Call<'_>) -> Answer {
    let request: shapes::CreateFunctionUrlConfigRequest = call.parse()?;
    let target = call.target(&request.function_name, request.qualifier.as_deref())?;
    check_cors(request.cors.as_ref())?;
    let settings = UrlSettings {
        auth_type: UrlAuthType::from_name(request.auth_type.as_str()),
        cors: request.cors.map(cors_record),
        invoke_mode: request.invoke_mode.and_then(invoke_mode),
    };
    let created = call
        .lambda
        .control
        .create_url(&call.origin(), &target, settings)
        .await;
    let created = created.map_err(refusals::change_url)?;
    let shown = shown(call, &created);
    Ok(call
        .operation()
        .reply(&shapes::CreateFunctionUrlConfigResponse {
            function_url: shown.function_url,
            function_arn: shown.function_arn,
            auth_type: shown.auth_type,
            cors: shown.cors,
            creation_time: shown.creation_time,
            invoke_mode: created.record.invoke_mode.and_then(shown_mode),
        }))
}

pub(super) async fn update(call: &Call<'_>) -> Answer {
    let request: shapes::UpdateFunctionUrlConfigRequest = call.parse()?;
    let target = call.target(&request.function_name, request.qualifier.as_deref())?;
    check_cors(request.cors.as_ref())?;
    let settings = UrlSettings {
        auth_type: request
            .auth_type
            .and_then(|word| UrlAuthType::from_name(word.as_str())),
        cors: request.cors.map(cors_record),
        invoke_mode: request.invoke_mode.and_then(invoke_mode),
    };
    let updated = call
        .lambda
        .control
        .update_url(&call.origin(), &target, settings)
        .await;
    let updated = updated.map_err(refusals::change_url)?;
    let shown = shown(call, &updated);
    Ok(call
        .operation()
        .reply(&shapes::UpdateFunctionUrlConfigResponse {
            function_url: shown.function_url,
            function_arn: shown.function_arn,
            auth_type: shown.auth_type,
            cors: shown.cors,
            creation_time: shown.creation_time,
            last_modified_time: shown.last_modified_time,
            invoke_mode: updated.record.invoke_mode.and_then(shown_mode),
        }))
}

pub(super) fn get(call: &Call<'_>) -> Answer {
    let request: shapes::GetFunctionUrlConfigRequest = call.parse()?;
    let target = call.target(&request.function_name, request.qualifier.as_deref())?;
    let found = call
        .lambda
        .control
        .url(&target)
        .map_err(refusals::look_for_url)?;
    let shown = shown(call, &found);
    Ok(call
        .operation()
        .reply(&shapes::GetFunctionUrlConfigResponse {
            function_url: shown.function_url,
            function_arn: shown.function_arn,
            auth_type: shown.auth_type,
            cors: shown.cors,
            creation_time: shown.creation_time,
            last_modified_time: shown.last_modified_time,
            invoke_mode: shown.invoke_mode,
        }))
}

pub(super) async fn delete(call: &Call<'_>) -> Answer {
    let request: shapes::DeleteFunctionUrlConfigRequest = call.parse()?;
    let target = call.target(&request.function_name, request.qualifier.as_deref())?;
    let deleted = call
        .lambda
        .control
        .delete_url(&call.origin(), &target)
        .await;
    deleted.map_err(refusals::look_for_url)?;
    Ok(call.operation().empty_reply())
}

pub(super) fn list(call: &Call<'_>) -> Answer {
    let request: shapes::ListFunctionUrlConfigsRequest = call.parse()?;
    let target = call.target(&request.function_name, None)?;
    let after: Option<Qualifier> = paging::marker(call.operation(), request.marker.as_deref())?;
    let limit = paging::limit(request.max_items, paging::FUNCTIONS);
    let page = call
        .lambda
        .control
        .list_urls(&target.arn, after.as_ref(), limit);
    let page = page.map_err(|_| refusals::function_does_not_exist())?;
    Ok(call
        .operation()
        .reply(&shapes::ListFunctionUrlConfigsResponse {
            function_url_configs: page.items.iter().map(|url| shown(call, url)).collect(),
            next_marker: paging::next(call.operation(), page.next),
        }))
}

/// Browsers take no credentials to just any origin, so nobody can configure it.
fn check_cors(cors: Option<&shapes::Cors>) -> Result<(), ErrorReply> {
    let Some(cors) = cors else { return Ok(()) };
    let origins = cors.allow_origins.iter().flatten();
    let to_anybody = origins.into_iter().any(|origin| origin == "*");
    if to_anybody && cors.allow_credentials == Some(true) {
        return Err(refusals::credentials_to_anybody());
    }
    Ok(())
}

fn invoke_mode(word: shapes::InvokeMode) -> Option<InvokeMode> {
    InvokeMode::from_name(word.as_str())
}

fn shown_mode(mode: InvokeMode) -> Option<shapes::InvokeMode> {
    shapes::InvokeMode::from_wire(mode.as_str())
}

fn cors_record(given: shapes::Cors) -> CorsRecord {
    CorsRecord {
        allow_credentials: given.allow_credentials,
        allow_headers: given.allow_headers,
        allow_methods: given.allow_methods,
        allow_origins: given.allow_origins,
        expose_headers: given.expose_headers,
        max_age_seconds: given
            .max_age
            .and_then(|seconds| u32::try_from(seconds).ok()),
    }
}

fn cors(record: &CorsRecord) -> shapes::Cors {
    let record = record.clone();
    shapes::Cors {
        allow_credentials: record.allow_credentials,
        allow_headers: record.allow_headers,
        allow_methods: record.allow_methods,
        allow_origins: record.allow_origins,
        expose_headers: record.expose_headers,
        max_age: record
            .max_age_seconds
            .and_then(|seconds| i32::try_from(seconds).ok()),
    }
}

/// Renders a config as Get and List do; changes show the invoke mode only if it was ever given.
fn shown(call: &Call<'_>, url: &UrlDescription) -> shapes::FunctionUrlConfig {
    let UrlDescription {
        arn,
        qualifier,
        record,
    } = url;
    let alias = Some(qualifier).filter(|qualifier| **qualifier != Qualifier::Latest);
    let auth_type = match record.auth_type {
        UrlAuthType::None => shapes::FunctionUrlAuthType::None,
        UrlAuthType::AwsIam => shapes::FunctionUrlAuthType::AwsIam,
    };
    shapes::FunctionUrlConfig {
        function_url: call.function_url(&record.id),
        function_arn: arn.with(alias),
        creation_time: record.created.to_iso(),
        last_modified_time: record.last_modified.to_iso(),
        cors: record.cors.as_ref().map(cors),
        auth_type,
        invoke_mode: shown_mode(record.invoke_mode.unwrap_or(InvokeMode::Buffered)),
    }
}
