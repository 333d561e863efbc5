//! Event source mappings: create, get, update, delete, list.

use firelight_control::{CreateMapping, MappingDescription, MappingFilter, UpdateMapping};
use firelight_wire::{Reply, shapes};
use serde_json::{Map, Value, json};

use super::call::{Answer, Call};
use super::{paging, refusals};

pub(super) async fn create(call: &Call<'_>) -> Answer {
    let request: shapes::CreateEventSourceMappingRequest = call.parse()?;
    let creation = CreateMapping {
        scope: call.scope(),
        function: call.target(&request.function_name, None)?,
        event_source_arn: request.event_source_arn.clone(),
        enabled: request.enabled.unwrap_or(true),
        tags: request.tags.clone().unwrap_or_default(),
        settings: created_settings(request),
    };
    let created = call
        .lambda
        .control
        .create_mapping(&call.origin(), &creation)
        .await;
    Ok(reply(call, &created.map_err(refusals::mapping)?))
}

pub(super) async fn update(call: &Call<'_>) -> Answer {
    let request: shapes::UpdateEventSourceMappingRequest = call.parse()?;
    let function = request.function_name.as_deref();
    let update = UpdateMapping {
        scope: call.scope(),
        uuid: request.uuid.clone(),
        function: function.map(|name| call.target(name, None)).transpose()?,
        enabled: request.enabled,
        settings: updated_settings(request),
    };
    let updated = call
        .lambda
        .control
        .update_mapping(&call.origin(), &update)
        .await;
    Ok(reply(call, &updated.map_err(refusals::update_mapping)?))
}

pub(super) fn get(call: &Call<'_>) -> Answer {
    let request: shapes::GetEventSourceMappingRequest = call.parse()?;
    let found = call.lambda.control.mapping(&call.scope(), &request.uuid);
    Ok(reply(call, &found.map_err(refusals::mapping)?))
}

pub(super) async fn delete(call: &Call<'_>) -> Answer {
    let request: shapes::DeleteEventSourceMappingRequest = call.parse()?;
    let (control, scope) = (&call.lambda.control, call.scope());
    let deleted = control
        .delete_mapping(&call.origin(), &scope, &request.uuid)
        .await;
    Ok(reply(call, &deleted.map_err(refusals::delete_mapping)?))
}

pub(super) fn list(call: &Call<'_>) -> Answer {
    let request: shapes::ListEventSourceMappingsRequest = call.parse()?;
    let function = request.function_name.as_deref();
    let target = function.map(|name| call.target(name, None)).transpose()?;
    let filter = MappingFilter {
        event_source_arn: request.event_source_arn,
        function_arn: target.map(|target| target.arn.with(target.qualifier.as_ref())),
    };
    let limit = paging::limit(request.max_items, paging::OTHERS);
    let control = &call.lambda.control;
    let marker: Option<String> = paging::marker(call.operation(), request.marker.as_deref())?;
    let page = control.list_mappings(&call.scope(), &filter, marker.as_ref(), limit);
    let mut body = json!({"EventSourceMappings": page.items.iter().map(shown).collect::<Vec<_>>()});
    if let Some(next) = paging::next(call.operation(), page.next) {
        body["NextMarker"] = json!(next);
    }
    Ok(call.json_reply(&body))
}

/// The settings are kept in the API's own JSON, so an answer is that JSON with the rest beside it.
fn reply(call: &Call<'_>, mapping: &MappingDescription) -> Reply {
    call.json_reply(&shown(mapping))
}

fn shown(mapping: &MappingDescription) -> Value {
    let record = &mapping.record;
    let mut all = record.settings.clone();
    let mut set = |name: &str, value: Value| drop(all.insert(name.to_owned(), value));
    set("UUID", json!(mapping.uuid));
    set("EventSourceMappingArn", json!(mapping.arn));
    set("FunctionArn", json!(record.function_arn));
    set("LastModified", json!(record.last_modified.epoch_seconds()));
    set("State", json!(record.state.name()));
    set("StateTransitionReason", json!(mapping.transition_reason()));
    if let Some(arn) = &record.event_source_arn {
        set("EventSourceArn", json!(arn));
    }
    if let Some(result) = mapping.last_processing_result() {
        set("LastProcessingResult", json!(result));
    }
    Value::Object(all)
}

/// Takes the settings out of a creation or an update, which are types of their own with the same members.
macro_rules! settings_of {
    ($request:ident) => {
        shapes::EventSourceMappingConfiguration {
            batch_size: $request.batch_size,
            maximum_batching_window_in_seconds: $request.maximum_batching_window_in_seconds,
            parallelization_factor: $request.parallelization_factor,
            filter_criteria: $request.filter_criteria,
            kms_key_arn: $request.kms_key_arn,
            metrics_config: $request.metrics_config,
            logging_config: $request.logging_config,
            scaling_config: $request.scaling_config,
            destination_config: $request.destination_config,
            source_access_configurations: $request.source_access_configurations,
            maximum_record_age_in_seconds: $request.maximum_record_age_in_seconds,
            bisect_batch_on_function_error: $request.bisect_batch_on_function_error,
            maximum_retry_attempts: $request.maximum_retry_attempts,
            tumbling_window_in_seconds: $request.tumbling_window_in_seconds,
            function_response_types: $request.function_response_types,
            amazon_managed_kafka_event_source_config: $request
                .amazon_managed_kafka_event_source_config,
            self_managed_kafka_event_source_config: $request.self_managed_kafka_event_source_config,
            document_db_event_source_config: $request.document_db_event_source_config,
            provisioned_poller_config: $request.provisioned_poller_config,
            ..shapes::EventSourceMappingConfiguration::default()
        }
    };
}

/// Renders the settings of a creation under their names on the wire.
fn created_settings(request: shapes::CreateEventSourceMappingRequest) -> Map<String, Value> {
    object(&shapes::EventSourceMappingConfiguration {
        starting_position: request.starting_position,
        starting_position_timestamp: request.starting_position_timestamp,
        topics: request.topics,
        queues: request.queues,
        self_managed_event_source: request.self_managed_event_source,
        ..settings_of!(request)
    })
}

fn updated_settings(request: shapes::UpdateEventSourceMappingRequest) -> Map<String, Value> {
    object(&settings_of!(request))
}

fn object(shape: &shapes::EventSourceMappingConfiguration) -> Map<String, Value> {
    match serde_json::to_value(shape) {
        Ok(Value::Object(object)) => object,
        _ => Map::new(),
    }
}
