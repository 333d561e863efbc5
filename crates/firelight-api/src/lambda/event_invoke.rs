//! Event invoke configs: put, update, get, delete, list.

use firelight_control::{EventInvokeChange, EventInvokeDescription, EventInvokeSettings};
use firelight_model::{FunctionTarget, Qualifier};
use firelight_wire::{Timestamp, shapes};

use super::call::{Answer, Call};
use super::{paging, refusals};

pub(super) async fn put(call: &Call<'_>) -> Answer {
    let request: shapes::PutFunctionEventInvokeConfigRequest = call.parse()?;
    let target = call.target(&request.function_name, request.qualifier.as_deref())?;
    let settings = settings(
        request.maximum_retry_attempts,
        request.maximum_event_age_in_seconds,
        request.destination_config,
    );
    change(call, &target, EventInvokeChange::Replace, &settings).await
}

pub(super) async fn update(call: &Call<'_>) -> Answer {
    let request: shapes::UpdateFunctionEventInvokeConfigRequest = call.parse()?;
    let target = call.target(&request.function_name, request.qualifier.as_deref())?;
    let settings = settings(
        request.maximum_retry_attempts,
        request.maximum_event_age_in_seconds,
        request.destination_config,
    );
    change(call, &target, EventInvokeChange::Merge, &settings).await
}

async fn change(
    call: &Call<'_>,
    target: &FunctionTarget,
    change: EventInvokeChange,
    settings: &EventInvokeSettings,
) -> Answer {
    let control = &call.lambda.control;
    let changed = control
        .change_event_invoke_config(&call.origin(), target, change, settings)
        .await;
    Ok(call
        .operation()
        .reply(&shown(&changed.map_err(refusals::event_invoke)?)))
}

fn settings(
    retries: Option<i32>,
    age: Option<i32>,
    destinations: Option<shapes::DestinationConfig>,
) -> EventInvokeSettings {
    let number = |given: Option<i32>| given.and_then(|number| u32::try_from(number).ok());
    let destinations = destinations.unwrap_or_default();
    EventInvokeSettings {
        maximum_retry_attempts: number(retries),
        maximum_event_age_seconds: number(age),
        on_success: destinations
            .on_success
            .map(|to| to.destination.unwrap_or_default()),
        on_failure: destinations
            .on_failure
            .map(|to| to.destination.unwrap_or_default()),
    }
}

pub(super) fn get(call: &Call<'_>) -> Answer {
    let request: shapes::GetFunctionEventInvokeConfigRequest = call.parse()?;
    let target = call.target(&request.function_name, request.qualifier.as_deref())?;
    let found = call.lambda.control.event_invoke_config(&target);
    Ok(call
        .operation()
        .reply(&shown(&found.map_err(refusals::event_invoke)?)))
}

pub(super) async fn delete(call: &Call<'_>) -> Answer {
    let request: shapes::DeleteFunctionEventInvokeConfigRequest = call.parse()?;
    let target = call.target(&request.function_name, request.qualifier.as_deref())?;
    let control = &call.lambda.control;
    let deleted = control
        .delete_event_invoke_config(&call.origin(), &target)
        .await;
    deleted.map_err(refusals::event_invoke)?;
    Ok(call.operation().empty_reply())
}

pub(super) fn list(call: &Call<'_>) -> Answer {
    let request: shapes::ListFunctionEventInvokeConfigsRequest = call.parse()?;
    let target = call.target(&request.function_name, None)?;
    let after: Option<Qualifier> = paging::marker(call.operation(), request.marker.as_deref())?;
    let limit = paging::limit(request.max_items, paging::FUNCTIONS);
    let control = &call.lambda.control;
    let page = control.list_event_invoke_configs(&target.arn, after.as_ref(), limit);
    let page = page.map_err(|_| refusals::the_function_does_not_exist())?;
    Ok(call
        .operation()
        .reply(&shapes::ListFunctionEventInvokeConfigsResponse {
            function_event_invoke_configs: Some(page.items.iter().map(shown).collect()),
            next_marker: paging::next(call.operation(), page.next),
        }))
}

fn shown(config: &EventInvokeDescription) -> shapes::FunctionEventInvokeConfig {
    let EventInvokeDescription {
        arn,
        qualifier,
        record,
    } = config;
    let number = |number: Option<u32>| number.and_then(|number| i32::try_from(number).ok());
    shapes::FunctionEventInvokeConfig {
        last_modified: timestamp(record.last_modified),
        function_arn: Some(arn.qualified(qualifier)),
        maximum_retry_attempts: number(record.maximum_retry_attempts),
        maximum_event_age_in_seconds: number(record.maximum_event_age_seconds),
        destination_config: Some(shapes::DestinationConfig {
            on_success: Some(shapes::OnSuccess {
                destination: record.on_success.clone(),
            }),
            on_failure: Some(shapes::OnFailure {
                destination: record.on_failure.clone(),
            }),
        }),
    }
}

pub(super) fn timestamp(time: firelight_model::WallTime) -> Option<Timestamp> {
    i64::try_from(time.epoch_ms())
        .ok()
        .map(|epoch_ms| Timestamp { epoch_ms })
}
