//! Capacity providers: create, get, list, update, delete, and which function versions run on them.

use firelight_control::{CapacityProviderDescription, CreateCapacityProvider, FunctionDescription};
use firelight_wire::{ErrorReply, Reply, shapes};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::call::{Answer, Call};
use super::{paging, refusals};

pub(super) async fn create(call: &Call<'_>) -> Answer {
    let request: shapes::CreateCapacityProviderRequest = call.parse()?;
    let settings = [
        ("VpcConfig", json_of(&request.vpc_config)),
        ("PermissionsConfig", json_of(&request.permissions_config)),
        (
            "InstanceRequirements",
            json_of(&request.instance_requirements),
        ),
        (
            "CapacityProviderScalingConfig",
            json_of(&request.capacity_provider_scaling_config),
        ),
        ("KmsKeyArn", json_of(&request.kms_key_arn)),
        ("PropagateTags", json_of(&request.propagate_tags)),
        ("TelemetryConfig", json_of(&request.telemetry_config)),
    ];
    let creation = CreateCapacityProvider {
        scope: call.scope(),
        name: name(call, &request.capacity_provider_name)?,
        settings: given(settings),
        tags: request.tags.unwrap_or_default(),
    };
    let control = &call.lambda.control;
    let created = control
        .create_capacity_provider(&call.origin(), creation)
        .await;
    let created = created.map_err(refusals::capacity_provider)?;
    Ok(reply(call, &created, "Pending"))
}

pub(super) fn get(call: &Call<'_>) -> Answer {
    let request: shapes::GetCapacityProviderRequest = call.parse()?;
    let found = find(call, &request.capacity_provider_name)?;
    Ok(reply(call, &found, "Active"))
}

pub(super) async fn update(call: &Call<'_>) -> Answer {
    let request: shapes::UpdateCapacityProviderRequest = call.parse()?;
    let settings = given([
        (
            "CapacityProviderScalingConfig",
            json_of(&request.capacity_provider_scaling_config),
        ),
        ("PropagateTags", json_of(&request.propagate_tags)),
        ("TelemetryConfig", json_of(&request.telemetry_config)),
    ]);
    let (scope, name) = (call.scope(), name(call, &request.capacity_provider_name)?);
    let control = &call.lambda.control;
    let updated = control
        .update_capacity_provider(&call.origin(), &scope, &name, &settings)
        .await;
    let updated = updated.map_err(refusals::capacity_provider)?;
    Ok(reply(call, &updated, "Active"))
}

pub(super) async fn delete(call: &Call<'_>) -> Answer {
    let request: shapes::DeleteCapacityProviderRequest = call.parse()?;
    let (scope, name) = (call.scope(), name(call, &request.capacity_provider_name)?);
    let control = &call.lambda.control;
    let deleted = control
        .delete_capacity_provider(&call.origin(), &scope, &name)
        .await;
    let deleted = deleted.map_err(refusals::capacity_provider)?;
    Ok(reply(call, &deleted, "Deleting"))
}

pub(super) fn list(call: &Call<'_>) -> Answer {
    let request: shapes::ListCapacityProvidersRequest = call.parse()?;
    let after: Option<String> = paging::marker(call.operation(), request.marker.as_deref())?;
    let limit = paging::limit(request.max_items, paging::FUNCTIONS);
    let control = &call.lambda.control;
    let page = control.list_capacity_providers(&call.scope(), after.as_ref(), limit);
    // Every provider is active, so another state leaves none.
    let state = request.state.as_ref().map(|state| state.as_str());
    let wanted = state.is_none_or(|state| state == "Active");
    let items = page.items.iter().filter(|_| wanted);
    let shown: Vec<Value> = items.map(|provider| shown(provider, "Active")).collect();
    let mut body = json!({"CapacityProviders": shown});
    let next = paging::next(call.operation(), page.next);
    if let Some(next) = next.filter(|_| wanted) {
        body["NextMarker"] = json!(next);
    }
    Ok(call.json_reply(&body))
}

pub(super) fn list_function_versions(call: &Call<'_>) -> Answer {
    let request: shapes::ListFunctionVersionsByCapacityProviderRequest = call.parse()?;
    let found = find(call, &request.capacity_provider_name)?;
    let after: Option<String> = paging::marker(call.operation(), request.marker.as_deref())?;
    let limit = paging::limit(request.max_items, paging::FUNCTIONS);
    let control = &call.lambda.control;
    let page = control.list_versions_on_capacity_provider(
        &call.scope(),
        &found.arn,
        after.as_ref(),
        limit,
    );
    let answer = shapes::ListFunctionVersionsByCapacityProviderResponse {
        capacity_provider_arn: found.arn,
        function_versions: page.items.iter().filter_map(listed_version).collect(),
        next_marker: paging::next(call.operation(), page.next),
    };
    Ok(call.operation().reply(&answer))
}

fn listed_version(
    version: &FunctionDescription,
) -> Option<shapes::FunctionVersionsByCapacityProviderListItem> {
    Some(shapes::FunctionVersionsByCapacityProviderListItem {
        function_arn: version.arn_text(),
        state: shapes::State::from_wire(version.life_cycle.state.name())?,
    })
}

/// Finds a provider by its name or its ARN.
pub(super) fn find(call: &Call<'_>, text: &str) -> Result<CapacityProviderDescription, ErrorReply> {
    let name = name(call, text)?;
    let found = call.lambda.control.capacity_provider(&call.scope(), &name);
    found.map_err(refusals::capacity_provider)
}

/// Refuses a function on a provider that does not exist.
pub(super) fn check_known(
    call: &Call<'_>,
    config: Option<&shapes::CapacityProviderConfig>,
) -> Result<(), ErrorReply> {
    let instances = config.map(|config| &config.lambda_managed_instances_capacity_provider_config);
    let found = instances.map(|instances| find(call, &instances.capacity_provider_arn));
    found.transpose().map(drop)
}

/// Reads a provider as a name, or as an ARN of this scope.
fn name(call: &Call<'_>, text: &str) -> Result<String, ErrorReply> {
    let Some((prefix, name)) = text.split_once(":capacity-provider:") else {
        return Ok(text.to_owned());
    };
    let here = format!(":lambda:{}:{}", call.context.region, call.context.account);
    if prefix.ends_with(&here) {
        Ok(name.to_owned())
    } else {
        Err(refusals::unknown_capacity_provider(text))
    }
}

fn json_of(shape: &impl Serialize) -> Value {
    serde_json::to_value(shape).unwrap_or_default()
}

fn given<const N: usize>(settings: [(&str, Value); N]) -> Map<String, Value> {
    let given = settings.into_iter().filter(|(_, value)| !value.is_null());
    given
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn reply(call: &Call<'_>, provider: &CapacityProviderDescription, state: &str) -> Reply {
    call.json_reply(&json!({"CapacityProvider": shown(provider, state)}))
}

/// The settings are kept in the API's own JSON, so an answer is that JSON with the rest beside it.
fn shown(provider: &CapacityProviderDescription, state: &str) -> Value {
    let mut all = provider.record.settings.clone();
    let mut set = |name: &str, value: Value| drop(all.insert(name.to_owned(), value));
    set("CapacityProviderArn", json!(provider.arn));
    set("State", json!(state));
    set(
        "LastModified",
        json!(provider.record.last_modified.to_string()),
    );
    Value::Object(all)
}
