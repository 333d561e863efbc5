//! Reserved concurrency, provisioned concurrency, GetAccountSettings.

use firelight_control::AccountUsage;
use firelight_control::records::qualified::{ProvisionedRecord, ProvisionedStatus};
use firelight_model::Qualifier;
use firelight_wire::shapes;

use super::call::{Answer, Call};
use super::{paging, refusals};

const UNZIPPED_BYTES: i64 = 262_144_000;
const ZIPPED_BYTES: i64 = 52_428_800;

pub(super) async fn put_reserved(call: &Call<'_>) -> Answer {
    let request: shapes::PutFunctionConcurrencyRequest = call.parse()?;
    let target = call.whole_function(&request.function_name)?;
    let reserved = u32::try_from(request.reserved_concurrent_executions).unwrap_or(0);
    let control = &call.lambda.control;
    let put = control
        .put_function_concurrency(&call.origin(), &target.arn, Some(reserved))
        .await;
    put.map_err(refusals::put_reserved)?;
    Ok(call.operation().reply(&shapes::Concurrency {
        reserved_concurrent_executions: Some(request.reserved_concurrent_executions),
    }))
}

pub(super) fn get_reserved(call: &Call<'_>) -> Answer {
    let request: shapes::GetFunctionConcurrencyRequest = call.parse()?;
    let target = call.whole_function(&request.function_name)?;
    let function = call
        .lambda
        .control
        .function(&target.arn)
        .map_err(refusals::find)?;
    let reserved = function.function.record.reserved_concurrency;
    Ok(call
        .operation()
        .reply(&shapes::GetFunctionConcurrencyResponse {
            reserved_concurrent_executions: reserved
                .and_then(|reserved| i32::try_from(reserved).ok()),
        }))
}

pub(super) async fn delete_reserved(call: &Call<'_>) -> Answer {
    let request: shapes::DeleteFunctionConcurrencyRequest = call.parse()?;
    let target = call.whole_function(&request.function_name)?;
    let control = &call.lambda.control;
    let deleted = control
        .put_function_concurrency(&call.origin(), &target.arn, None)
        .await;
    deleted.map_err(refusals::concurrency)?;
    Ok(call.operation().empty_reply())
}

pub(super) async fn put_provisioned(call: &Call<'_>) -> Answer {
    let request: shapes::PutProvisionedConcurrencyConfigRequest = call.parse()?;
    let target = call.target(&request.function_name, Some(&request.qualifier))?;
    let requested = u32::try_from(request.provisioned_concurrent_executions).unwrap_or(0);
    let control = &call.lambda.control;
    let put = control
        .put_provisioned_concurrency(&call.origin(), &target, requested)
        .await;
    let put = put.map_err(|error| refusals::put_provisioned(error, &target))?;
    let shown = shown(&put);
    Ok(call
        .operation()
        .reply(&shapes::PutProvisionedConcurrencyConfigResponse {
            requested_provisioned_concurrent_executions: shown
                .requested_provisioned_concurrent_executions,
            allocated_provisioned_concurrent_executions: shown
                .allocated_provisioned_concurrent_executions,
            available_provisioned_concurrent_executions: shown
                .available_provisioned_concurrent_executions,
            status: shown.status,
            status_reason: shown.status_reason,
            last_modified: shown.last_modified,
        }))
}

pub(super) fn get_provisioned(call: &Call<'_>) -> Answer {
    let request: shapes::GetProvisionedConcurrencyConfigRequest = call.parse()?;
    let target = call.target(&request.function_name, Some(&request.qualifier))?;
    let found = call.lambda.control.provisioned_concurrency(&target);
    let found = found.map_err(|error| refusals::provisioned(error, &target))?;
    Ok(call.operation().reply(&shown(&found)))
}

pub(super) async fn delete_provisioned(call: &Call<'_>) -> Answer {
    let request: shapes::DeleteProvisionedConcurrencyConfigRequest = call.parse()?;
    let target = call.target(&request.function_name, Some(&request.qualifier))?;
    let control = &call.lambda.control;
    let deleted = control
        .delete_provisioned_concurrency(&call.origin(), &target)
        .await;
    deleted.map_err(|error| refusals::provisioned(error, &target))?;
    Ok(call.operation().empty_reply())
}

pub(super) fn list_provisioned(call: &Call<'_>) -> Answer {
    let request: shapes::ListProvisionedConcurrencyConfigsRequest = call.parse()?;
    let target = call.target(&request.function_name, None)?;
    let after: Option<Qualifier> = paging::marker(call.operation(), request.marker.as_deref())?;
    let limit = paging::limit(request.max_items, paging::FUNCTIONS);
    let control = &call.lambda.control;
    let page = control.list_provisioned_concurrency(&target.arn, after.as_ref(), limit);
    let page = page.map_err(refusals::find)?;
    let item = |(qualifier, record): &(Qualifier, ProvisionedRecord)| {
        let shown = shown(record);
        shapes::ProvisionedConcurrencyConfigListItem {
            function_arn: Some(target.arn.qualified(qualifier)),
            requested_provisioned_concurrent_executions: shown
                .requested_provisioned_concurrent_executions,
            available_provisioned_concurrent_executions: shown
                .available_provisioned_concurrent_executions,
            allocated_provisioned_concurrent_executions: shown
                .allocated_provisioned_concurrent_executions,
            status: shown.status,
            status_reason: shown.status_reason,
            last_modified: shown.last_modified,
        }
    };
    Ok(call
        .operation()
        .reply(&shapes::ListProvisionedConcurrencyConfigsResponse {
            provisioned_concurrency_configs: Some(page.items.iter().map(item).collect()),
            next_marker: paging::next(call.operation(), page.next),
        }))
}

fn shown(record: &ProvisionedRecord) -> shapes::GetProvisionedConcurrencyConfigResponse {
    let count = |count: u32| i32::try_from(count).ok();
    let (status, reason) = match &record.status {
        ProvisionedStatus::InProgress => ("IN_PROGRESS", None),
        ProvisionedStatus::Ready => ("READY", None),
        ProvisionedStatus::Failed { reason } => ("FAILED", Some(reason.clone())),
    };
    shapes::GetProvisionedConcurrencyConfigResponse {
        requested_provisioned_concurrent_executions: count(record.requested),
        allocated_provisioned_concurrent_executions: count(record.allocated),
        available_provisioned_concurrent_executions: count(record.available),
        status: shapes::ProvisionedConcurrencyStatusEnum::from_wire(status),
        status_reason: reason,
        last_modified: Some(record.last_modified.to_string()),
    }
}

pub(super) fn account_settings(call: &Call<'_>) -> Answer {
    let _: shapes::GetAccountSettingsRequest = call.parse()?;
    let usage: AccountUsage = call.lambda.control.account_usage(&call.scope());
    Ok(call.operation().reply(&shapes::GetAccountSettingsResponse {
        account_limit: Some(shapes::AccountLimit {
            total_code_size: i64::try_from(usage.code_limit_bytes).ok(),
            code_size_unzipped: Some(UNZIPPED_BYTES),
            code_size_zipped: Some(ZIPPED_BYTES),
            concurrent_executions: i32::try_from(usage.concurrent_executions).ok(),
            unreserved_concurrent_executions: i32::try_from(usage.unreserved).ok(),
        }),
        account_usage: Some(shapes::AccountUsage {
            total_code_size: i64::try_from(usage.code_bytes).ok(),
            function_count: i64::try_from(usage.functions).ok(),
        }),
    }))
}
