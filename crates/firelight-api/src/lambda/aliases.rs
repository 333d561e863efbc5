//! CreateAlias, GetAlias, UpdateAlias, DeleteAlias, ListAliases.

use std::collections::BTreeMap;

use firelight_control::{AliasDescription, CreateAlias, Routing, UpdateAlias};
use firelight_model::{AliasName, FunctionTarget, Version, VersionNumber, Weight};
use firelight_wire::{ErrorReply, shapes};

use super::call::{Answer, Call};
use super::{paging, refusals};

pub(super) async fn create(call: &Call<'_>) -> Answer {
    let request: shapes::CreateAliasRequest = call.parse()?;
    let target = call.target(&request.function_name, None)?;
    let creation = CreateAlias {
        name: name(&request.name)?,
        version: version(&target, &request.function_version)?,
        description: request.description.unwrap_or_default(),
        routing: request
            .routing_config
            .map(|config| routing(&target, config))
            .transpose()?,
        arn: target.arn,
    };
    let created = call
        .lambda
        .control
        .create_alias(&call.origin(), creation)
        .await;
    Ok(call
        .operation()
        .reply(&shape(&created.map_err(refusals::alias)?)))
}

pub(super) fn get(call: &Call<'_>) -> Answer {
    let request: shapes::GetAliasRequest = call.parse()?;
    let target = call.target(&request.function_name, None)?;
    let found = call
        .lambda
        .control
        .alias(&target.arn, &name(&request.name)?);
    Ok(call
        .operation()
        .reply(&shape(&found.map_err(refusals::get_alias)?)))
}

pub(super) async fn update(call: &Call<'_>) -> Answer {
    let request: shapes::UpdateAliasRequest = call.parse()?;
    let target = call.target(&request.function_name, None)?;
    let new_version = request.function_version.as_deref();
    let update = UpdateAlias {
        name: name(&request.name)?,
        version: new_version.map(|text| version(&target, text)).transpose()?,
        description: request.description,
        routing: request
            .routing_config
            .map(|config| routing(&target, config))
            .transpose()?,
        expected_revision: request.revision_id,
        arn: target.arn,
    };
    let updated = call
        .lambda
        .control
        .update_alias(&call.origin(), update)
        .await;
    Ok(call
        .operation()
        .reply(&shape(&updated.map_err(refusals::alias)?)))
}

pub(super) async fn delete(call: &Call<'_>) -> Answer {
    let request: shapes::DeleteAliasRequest = call.parse()?;
    let target = call.target(&request.function_name, None)?;
    let name = name(&request.name)?;
    let deleted = call
        .lambda
        .control
        .delete_alias(&call.origin(), &target.arn, &name)
        .await;
    deleted.map_err(refusals::alias)?;
    Ok(call.operation().empty_reply())
}

pub(super) fn list(call: &Call<'_>) -> Answer {
    let request: shapes::ListAliasesRequest = call.parse()?;
    let target = call.target(&request.function_name, None)?;
    let filter = request.function_version.as_deref();
    let filter = filter.map(|text| version(&target, text)).transpose()?;
    let after: Option<AliasName> = paging::marker(call.operation(), request.marker.as_deref())?;
    let limit = paging::limit(request.max_items, paging::FUNCTIONS);
    let page = call
        .lambda
        .control
        .list_aliases(&target.arn, filter, after.as_ref(), limit)
        .map_err(refusals::find)?;
    Ok(call.operation().reply(&shapes::ListAliasesResponse {
        aliases: Some(page.items.iter().map(shape).collect()),
        next_marker: paging::next(call.operation(), page.next),
    }))
}

fn name(text: &str) -> Result<AliasName, ErrorReply> {
    text.parse().map_err(refusals::alias_name)
}

/// Reads a version; one that no version can have is unknown like one that no version has.
fn version(target: &FunctionTarget, text: &str) -> Result<Version, ErrorReply> {
    text.parse()
        .map_err(|_| refusals::unknown_qualifier(&target.arn, text))
}

fn routing(
    target: &FunctionTarget,
    config: shapes::AliasRoutingConfiguration,
) -> Result<Routing, ErrorReply> {
    let weights = config.additional_version_weights.unwrap_or_default();
    let pair = |(number, weight): (String, f64)| {
        let unknown = || refusals::unknown_qualifier(&target.arn, &number);
        let number = number
            .parse()
            .ok()
            .and_then(VersionNumber::new)
            .ok_or_else(unknown)?;
        Ok((number, Weight::new(weight).ok_or_else(unknown)?))
    };
    Ok(Routing {
        weights: weights
            .into_iter()
            .map(pair)
            .collect::<Result<_, ErrorReply>>()?,
    })
}

fn shape(alias: &AliasDescription) -> shapes::AliasConfiguration {
    let AliasDescription { arn, name, record } = alias;
    let weights = record
        .route
        .additional()
        .map(|(number, weight)| BTreeMap::from([(number.to_string(), weight.get())]));
    shapes::AliasConfiguration {
        alias_arn: Some(format!("{arn}:{name}")),
        name: Some(name.to_string()),
        function_version: Some(record.route.main().to_string()),
        description: Some(record.description.clone()),
        routing_config: weights.map(|weights| shapes::AliasRoutingConfiguration {
            additional_version_weights: Some(weights),
        }),
        revision_id: Some(record.revision.to_string()),
    }
}
