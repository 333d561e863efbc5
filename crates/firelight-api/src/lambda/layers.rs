//! PublishLayerVersion, GetLayerVersion(ByArn), DeleteLayerVersion, ListLayers, ListLayerVersions.

use firelight_control::{LayerFilter, LayerVersionDescription, PublishLayerVersion};
use firelight_model::{LayerArn, LayerName, LayerVersionArn};
use firelight_wire::{ErrorReply, shapes};

use super::call::{Answer, Call};
use super::function_input::{ObjectName, fetch, zip};
use super::{code_location, paging, refusals};

pub(super) async fn publish(call: &Call<'_>) -> Answer {
    let request: shapes::PublishLayerVersionRequest = call.parse()?;
    let arn = layer(call, &request.layer_name)?;
    check_own(call, &arn)?;
    let publication = PublishLayerVersion {
        arn,
        zip: content(call, request.content).await?,
        description: request.description.unwrap_or_default(),
        license: request.license_info,
        compatible_runtimes: request.compatible_runtimes,
        compatible_architectures: request.compatible_architectures.map(|architectures| {
            architectures
                .iter()
                .map(|architecture| architecture.as_str().to_owned())
                .collect()
        }),
    };
    let published = call
        .lambda
        .control
        .publish_layer_version(&call.origin(), publication)
        .await;
    let published = published.map_err(refusals::publish_layer)?;
    Ok(call.operation().reply(&whole(call, &published)))
}

async fn content(
    call: &Call<'_>,
    given: shapes::LayerVersionContentInput,
) -> Result<bytes::Bytes, ErrorReply> {
    if let Some(blob) = given.zip_file {
        return zip(blob);
    }
    let (Some(bucket), Some(key)) = (given.s3_bucket, given.s3_key) else {
        return Err(refusals::no_code());
    };
    let object = ObjectName {
        bucket,
        key,
        version: given.s3_object_version,
    };
    fetch(call, &object).await.map_err(refusals::object)
}

pub(super) fn get(call: &Call<'_>) -> Answer {
    let request: shapes::GetLayerVersionRequest = call.parse()?;
    let arn = version(call, &request.layer_name, request.version_number)?;
    described(call, &arn)
}

pub(super) fn get_by_arn(call: &Call<'_>) -> Answer {
    let request: shapes::GetLayerVersionByArnRequest = call.parse()?;
    let arn = request
        .arn
        .parse()
        .map_err(|_| refusals::unknown_resource())?;
    described(call, &arn)
}

fn described(call: &Call<'_>, arn: &LayerVersionArn) -> Answer {
    check_readable(call, arn)?;
    let found = call
        .lambda
        .control
        .layer_version(arn)
        .ok_or_else(refusals::unknown_resource)?;
    Ok(call.operation().reply(&whole(call, &found)))
}

/// A layer of another account is readable if its policy says so.
fn check_readable(call: &Call<'_>, arn: &LayerVersionArn) -> Result<(), ErrorReply> {
    if call.lambda.control.may_use_layer(call.context.account, arn) {
        return Ok(());
    }
    Err(refusals::not_shared(
        &call.context.caller.arn(),
        &arn.to_string(),
    ))
}

/// Only the owner changes a layer.
pub(super) fn check_own(call: &Call<'_>, layer: &LayerArn) -> Result<(), ErrorReply> {
    if layer.account == call.context.account {
        return Ok(());
    }
    let (caller, operation) = (&call.context.caller, call.operation());
    Err(refusals::foreign_account(
        caller,
        operation,
        &layer.to_string(),
    ))
}

pub(super) async fn delete(call: &Call<'_>) -> Answer {
    let request: shapes::DeleteLayerVersionRequest = call.parse()?;
    let arn = version(call, &request.layer_name, request.version_number)?;
    check_own(call, &arn.layer)?;
    let deleted = call
        .lambda
        .control
        .delete_layer_version(&call.origin(), &arn)
        .await;
    deleted.map_err(|error| refusals::store(&error))?;
    Ok(call.operation().empty_reply())
}

pub(super) fn list(call: &Call<'_>) -> Answer {
    let request: shapes::ListLayersRequest = call.parse()?;
    let filter = LayerFilter {
        runtime: request.compatible_runtime,
        architecture: request
            .compatible_architecture
            .map(|word| word.as_str().to_owned()),
    };
    let after: Option<LayerName> = paging::marker(call.operation(), request.marker.as_deref())?;
    let limit = paging::limit(request.max_items, paging::FUNCTIONS);
    let page = call
        .lambda
        .control
        .list_layers(&call.scope(), &filter, after.as_ref(), limit);
    let item = |found: &LayerVersionDescription| shapes::LayersListItem {
        layer_name: Some(found.arn.layer.name.to_string()),
        layer_arn: Some(found.arn.layer.to_string()),
        latest_matching_version: Some(listed(found)),
    };
    Ok(call.operation().reply(&shapes::ListLayersResponse {
        layers: Some(page.items.iter().map(item).collect()),
        next_marker: paging::next(call.operation(), page.next),
    }))
}

pub(super) fn list_versions(call: &Call<'_>) -> Answer {
    let request: shapes::ListLayerVersionsRequest = call.parse()?;
    let arn = layer(call, &request.layer_name)?;
    let filter = LayerFilter {
        runtime: request.compatible_runtime,
        architecture: request
            .compatible_architecture
            .map(|word| word.as_str().to_owned()),
    };
    let before = paging::marker(call.operation(), request.marker.as_deref())?;
    let limit = paging::limit(request.max_items, paging::FUNCTIONS);
    let page = call
        .lambda
        .control
        .list_layer_versions(&arn, &filter, before, limit);
    Ok(call.operation().reply(&shapes::ListLayerVersionsResponse {
        layer_versions: Some(page.items.iter().map(listed).collect()),
        next_marker: paging::next(call.operation(), page.next),
    }))
}

/// Reads a layer as a name of this scope or as an ARN.
pub(super) fn layer(call: &Call<'_>, name: &str) -> Result<LayerArn, ErrorReply> {
    if name.starts_with("arn:") {
        return name.parse().map_err(|_| refusals::unknown_resource());
    }
    let name = name.parse().map_err(|_| refusals::bad_layer_name(name))?;
    let scope = call.scope();
    Ok(LayerArn {
        region: scope.region,
        account: scope.account,
        name,
    })
}

pub(super) fn version(
    call: &Call<'_>,
    name: &str,
    number: i64,
) -> Result<LayerVersionArn, ErrorReply> {
    let number = u64::try_from(number).ok().filter(|number| *number > 0);
    let number = number.ok_or_else(refusals::layer_version_below_one)?;
    Ok(layer(call, name)?.version(number))
}

fn whole(call: &Call<'_>, found: &LayerVersionDescription) -> shapes::GetLayerVersionResponse {
    let item = listed(found);
    let code = &found.record.code;
    shapes::GetLayerVersionResponse {
        content: Some(shapes::LayerVersionContentOutput {
            location: Some(code_location::url(call, code.sha256)),
            code_sha256: Some(code.sha256.to_base64()),
            code_size: i64::try_from(code.size_bytes).ok(),
            ..shapes::LayerVersionContentOutput::default()
        }),
        layer_arn: Some(found.arn.layer.to_string()),
        layer_version_arn: item.layer_version_arn,
        description: item.description,
        created_date: item.created_date,
        version: item.version,
        compatible_architectures: item.compatible_architectures,
        compatible_runtimes: item.compatible_runtimes,
        license_info: item.license_info,
    }
}

fn listed(found: &LayerVersionDescription) -> shapes::LayerVersionsListItem {
    let record = &found.record;
    shapes::LayerVersionsListItem {
        layer_version_arn: Some(found.arn.to_string()),
        version: i64::try_from(found.arn.number).ok(),
        description: Some(record.description.clone()),
        created_date: Some(record.created.to_string()),
        compatible_architectures: record.compatible_architectures.as_ref().map(|words| {
            words
                .iter()
                .filter_map(|word| shapes::Architecture::from_wire(word))
                .collect()
        }),
        compatible_runtimes: record.compatible_runtimes.clone(),
        license_info: record.license.clone(),
    }
}
