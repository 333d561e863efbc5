//! CreateFunction, GetFunction, GetFunctionConfiguration, ListFunctions, UpdateFunctionCode,
//! UpdateFunctionConfiguration, DeleteFunction.

use std::collections::BTreeMap;

use firelight_control::records::configuration::{ImageRecord, PackageRecord, ZipRecord};
use firelight_control::records::function::FunctionRecord;
use firelight_control::{
    CreateFunction, CreationAnnouncement, FunctionDescription, UpdateFunctionCode,
    UpdateFunctionConfiguration,
};
use firelight_model::{Architecture, FunctionArn, FunctionName, PackageType, Version};
use firelight_wire::{ErrorReply, shapes};

use super::call::{Answer, Call};
use super::configuration_shape::{full, listed};
use super::function_input::{GivenSettings, architecture, code, tenancy};
use super::{capacity_providers, code_location, paging, refusals};
use crate::authorization::list_tags_permission;
use crate::error::ApiError;

/// Takes the settings out of a creation or an update, which are types of their own with the same members.
macro_rules! settings_of {
    ($request:ident, role: $role:expr) => {
        GivenSettings {
            description: $request.description,
            role: $role,
            runtime: $request.runtime,
            handler: $request.handler,
            memory_size: $request.memory_size,
            timeout: $request.timeout,
            ephemeral_storage: $request.ephemeral_storage,
            environment: $request.environment,
            layers: $request.layers,
            logging_config: $request.logging_config,
            tracing_config: $request.tracing_config,
            snap_start: $request.snap_start,
            dead_letter_config: $request.dead_letter_config,
            kms_key_arn: $request.kms_key_arn,
            vpc_config: $request.vpc_config,
            file_system_configs: $request.file_system_configs,
            image_config: $request.image_config,
            durable_config: $request.durable_config,
            capacity_provider_config: $request.capacity_provider_config,
        }
    };
}

pub(super) async fn create(call: &Call<'_>) -> Answer {
    let request: shapes::CreateFunctionRequest = call.parse()?;
    let target = call.latest_of(&request.function_name)?;
    check_new(call, &request)?;
    let role = request
        .role
        .parse()
        .map_err(|_| refusals::bad_role(&request.role))?;
    let package_type = match request.package_type {
        Some(shapes::PackageType::Image) => PackageType::Image,
        Some(shapes::PackageType::Zip) | None => PackageType::Zip,
    };
    let settings = settings_of!(request, role: Some(request.role)).settings()?;
    let announced = CreationAnnouncement {
        arn: &target.arn,
        package_type,
        settings: &settings,
        code_signing_config: request.code_signing_config_arn.as_deref(),
    };
    let refused = |error| refusals::create_function(error, &call.context.caller);
    let control = &call.lambda.control;
    control.check_creation(&announced).map_err(refused)?;
    let creation = CreateFunction {
        code: code(call, request.code).await?,
        arn: target.arn,
        role,
        settings,
        package_type,
        architecture: architecture(request.architectures.as_deref())
            .unwrap_or(Architecture::DEFAULT),
        tenancy: tenancy(request.tenancy_config.as_ref()),
        tags: request.tags.unwrap_or_default(),
        code_signing_config: request.code_signing_config_arn,
        publish: request.publish.unwrap_or(false),
    };
    let created = control.create_function(&call.origin(), creation).await;
    Ok(call.operation().reply(&full(&created.map_err(refused)?)))
}

/// Refuses what would be accepted and then ignored.
fn check_new(call: &Call<'_>, request: &shapes::CreateFunctionRequest) -> Result<(), ErrorReply> {
    capacity_providers::check_known(call, request.capacity_provider_config.as_ref())?;
    check_offered("PublishTo", request.publish_to.is_some())?;
    check_offered("RuntimeConfig", request.runtime_config.is_some())?;
    check_offered("AcceleratorConfig", request.accelerator_config.is_some())?;
    check_copied(request.code.s3_object_storage_mode)
}

fn check_offered(what: &str, is_given: bool) -> Result<(), ErrorReply> {
    if is_given {
        Err(refusals::not_offered(what))
    } else {
        Ok(())
    }
}

/// A package is always copied out of its bucket.
fn check_copied(mode: Option<shapes::S3ObjectStorageMode>) -> Result<(), ErrorReply> {
    let by_reference = mode.is_some_and(|mode| mode.as_str() == "REFERENCE");
    check_offered("S3ObjectStorageMode REFERENCE", by_reference)
}

pub(super) fn get(call: &Call<'_>) -> Answer {
    let request: shapes::GetFunctionRequest = call.parse()?;
    let target = call.target(&request.function_name, request.qualifier.as_deref())?;
    let control = &call.lambda.control;
    let described = control.describe(&target).map_err(refusals::find)?;
    let function = control
        .function(&target.arn)
        .map_err(refusals::find)?
        .function
        .record
        .clone();
    let reserved = function
        .reserved_concurrency
        .and_then(|reserved| i32::try_from(reserved).ok());
    let tags = tags(call, &target.arn, &function);
    Ok(call.operation().reply(&shapes::GetFunctionResponse {
        configuration: Some(full(&described)),
        code: Some(location(call, &described)),
        tags_error: tags.as_ref().err().cloned(),
        tags: tags.ok().filter(|tags| !tags.is_empty()),
        concurrency: reserved.map(|reserved| shapes::Concurrency {
            reserved_concurrent_executions: Some(reserved),
        }),
    }))
}

/// Returns the tags, or why the caller may not see them.
fn tags(
    call: &Call<'_>,
    arn: &FunctionArn,
    function: &FunctionRecord,
) -> Result<BTreeMap<String, String>, shapes::TagsError> {
    let view = call.lambda.control.view();
    let needed = list_tags_permission(view, call.context, &arn.to_string());
    let refused = |error: ApiError| shapes::TagsError {
        error_code: error.code.into_owned(),
        message: error.message,
    };
    call.authorizer.check(&needed).map_err(refused)?;
    Ok(function.tags.clone())
}

fn location(call: &Call<'_>, described: &FunctionDescription) -> shapes::FunctionCodeLocation {
    match &described.configuration.package {
        PackageRecord::Zip(zip) => zip_location(call, zip),
        PackageRecord::Image(image) => image_location(image),
    }
}

fn zip_location(call: &Call<'_>, zip: &ZipRecord) -> shapes::FunctionCodeLocation {
    shapes::FunctionCodeLocation {
        repository_type: Some("S3".to_owned()),
        location: Some(code_location::url(call, zip.code.sha256)),
        source_kms_key_arn: zip.code.source_kms_key.clone(),
        ..shapes::FunctionCodeLocation::default()
    }
}

fn image_location(image: &ImageRecord) -> shapes::FunctionCodeLocation {
    let repository = image.uri.split(['@']).next().unwrap_or_default();
    let untagged = match repository.rsplit_once(':') {
        // A colon before the last slash belongs to a port.
        Some((name, tag)) if !tag.contains('/') => name,
        _ => repository,
    };
    shapes::FunctionCodeLocation {
        repository_type: Some("ECR".to_owned()),
        image_uri: Some(image.uri.clone()),
        resolved_image_uri: Some(format!("{untagged}@sha256:{}", image.sha256.to_hex())),
        ..shapes::FunctionCodeLocation::default()
    }
}

pub(super) fn get_configuration(call: &Call<'_>) -> Answer {
    let request: shapes::GetFunctionConfigurationRequest = call.parse()?;
    let target = call.target(&request.function_name, request.qualifier.as_deref())?;
    let described = call
        .lambda
        .control
        .describe(&target)
        .map_err(refusals::find)?;
    Ok(call.operation().reply(&full(&described)))
}

pub(super) fn list(call: &Call<'_>) -> Answer {
    let request: shapes::ListFunctionsRequest = call.parse()?;
    let limit = paging::limit(request.max_items, paging::FUNCTIONS);
    let marker = request.marker.as_deref();
    let (control, scope) = (&call.lambda.control, call.scope());
    let page = if request.function_version.is_some() {
        let after: Option<String> = paging::marker(call.operation(), marker)?;
        let after = after.map(|text| function_and_version(&text)).transpose()?;
        control.list_all_versions(&scope, after.as_ref(), limit)
    } else {
        let after = paging::marker(call.operation(), marker)?;
        control.list_functions(&scope, after.as_ref(), limit)
    };
    Ok(call.operation().reply(&shapes::ListFunctionsResponse {
        functions: Some(page.items.iter().map(listed).collect()),
        next_marker: paging::next(call.operation(), page.next),
    }))
}

fn function_and_version(key: &str) -> Result<(FunctionName, Version), ErrorReply> {
    let read = || {
        let (name, version) = key.split_once(':')?;
        Some((name.parse().ok()?, version.parse().ok()?))
    };
    read().ok_or_else(refusals::invalid_marker)
}

pub(super) async fn update_code(call: &Call<'_>) -> Answer {
    let request: shapes::UpdateFunctionCodeRequest = call.parse()?;
    let target = call.latest_of(&request.function_name)?;
    check_offered("PublishTo", request.publish_to.is_some())?;
    check_copied(request.s3_object_storage_mode)?;
    let refused = |error| refusals::update_function(error, &call.context.caller);
    let control = &call.lambda.control;
    // What stands against any update is told before the code is fetched.
    control
        .check_code_update(&target.arn, request.revision_id.as_deref())
        .map_err(refused)?;
    let given = shapes::FunctionCode {
        zip_file: request.zip_file,
        s3_bucket: request.s3_bucket,
        s3_key: request.s3_key,
        s3_object_version: request.s3_object_version,
        s3_object_storage_mode: request.s3_object_storage_mode,
        image_uri: request.image_uri,
        source_kms_key_arn: request.source_kms_key_arn,
    };
    let update = UpdateFunctionCode {
        arn: target.arn,
        code: code(call, given).await?,
        architecture: architecture(request.architectures.as_deref()),
        publish: request.publish.unwrap_or(false),
        dry_run: request.dry_run.unwrap_or(false),
        expected_revision: request.revision_id,
    };
    let updated = control.update_function_code(&call.origin(), update).await;
    Ok(call.operation().reply(&full(&updated.map_err(refused)?)))
}

pub(super) async fn update_configuration(call: &Call<'_>) -> Answer {
    let request: shapes::UpdateFunctionConfigurationRequest = call.parse()?;
    let target = call.latest_of(&request.function_name)?;
    check_offered("RuntimeConfig", request.runtime_config.is_some())?;
    check_offered("AcceleratorConfig", request.accelerator_config.is_some())?;
    let function = call.lambda.control.function(&target.arn);
    let function = function.map_err(refusals::find)?;
    if function
        .function
        .record
        .latest
        .configuration
        .capacity
        .is_some()
    {
        capacity_providers::check_known(call, request.capacity_provider_config.as_ref())?;
    }
    let given = settings_of!(request, role: request.role);
    let update = UpdateFunctionConfiguration {
        arn: target.arn,
        settings: given.settings()?,
        expected_revision: request.revision_id,
    };
    let updated = call
        .lambda
        .control
        .update_function_configuration(&call.origin(), update)
        .await;
    Ok(call.operation().reply(&full(
        &updated.map_err(|error| refusals::update_function(error, &call.context.caller))?,
    )))
}

pub(super) async fn delete(call: &Call<'_>) -> Answer {
    let request: shapes::DeleteFunctionRequest = call.parse()?;
    let target = call.target(&request.function_name, request.qualifier.as_deref())?;
    let deleted = call
        .lambda
        .control
        .delete_function(&call.origin(), target)
        .await;
    deleted.map_err(refusals::delete_function)?;
    Ok(call.operation().empty_reply())
}
