//! Recursion, runtime management, scaling, and the code signing config of a function.

use firelight_control::records::function::RuntimeManagement;
use firelight_model::{FunctionTarget, RecursiveLoop, RuntimeUpdateMode};
use firelight_wire::{ErrorReply, Reply, shapes};

use super::call::{Answer, Call};
use super::refusals;

pub(super) async fn put_recursion(call: &Call<'_>) -> Answer {
    let request: shapes::PutFunctionRecursionConfigRequest = call.parse()?;
    let target = call.target(&request.function_name, None)?;
    let word = request.recursive_loop;
    let recursive_loop =
        RecursiveLoop::from_name(word.as_str()).unwrap_or(RecursiveLoop::Terminate);
    let control = &call.lambda.control;
    let put = control
        .put_recursion_config(&call.origin(), &target.arn, recursive_loop)
        .await;
    put.map_err(refusals::option)?;
    Ok(call
        .operation()
        .reply(&shapes::PutFunctionRecursionConfigResponse {
            recursive_loop: Some(word),
        }))
}

pub(super) fn get_recursion(call: &Call<'_>) -> Answer {
    let request: shapes::GetFunctionRecursionConfigRequest = call.parse()?;
    let target = call.target(&request.function_name, None)?;
    let function = call
        .lambda
        .control
        .function(&target.arn)
        .map_err(refusals::find)?;
    let word = function.function.record.recursive_loop.as_str();
    Ok(call
        .operation()
        .reply(&shapes::GetFunctionRecursionConfigResponse {
            recursive_loop: shapes::RecursiveLoop::from_wire(word),
        }))
}

pub(super) async fn put_runtime_management(call: &Call<'_>) -> Answer {
    let request: shapes::PutRuntimeManagementConfigRequest = call.parse()?;
    let target = call.target(&request.function_name, request.qualifier.as_deref())?;
    let word = request.update_runtime_on;
    let mode = RuntimeUpdateMode::from_name(word.as_str()).unwrap_or(RuntimeUpdateMode::Auto);
    check_manual(mode, request.runtime_version_arn.as_deref())?;
    let management = RuntimeManagement {
        mode,
        runtime_version_arn: request.runtime_version_arn.clone(),
    };
    let control = &call.lambda.control;
    let put = control
        .put_runtime_management(&call.origin(), &target, &management)
        .await;
    put.map_err(refusals::option)?;
    Ok(call
        .operation()
        .reply(&shapes::PutRuntimeManagementConfigResponse {
            update_runtime_on: word,
            function_arn: arn(&target),
            runtime_version_arn: request.runtime_version_arn,
        }))
}

/// Only Manual names a version of the runtime, and it has to.
fn check_manual(mode: RuntimeUpdateMode, arn: Option<&str>) -> Result<(), ErrorReply> {
    match (mode, arn) {
        (RuntimeUpdateMode::Manual, None) => Err(refusals::invalid(
            "RuntimeVersionArn is required when UpdateRuntimeOn is set to Manual.",
        )),
        (RuntimeUpdateMode::Auto | RuntimeUpdateMode::FunctionUpdate, Some(_)) => {
            Err(refusals::invalid(
                "RuntimeVersionArn is only supported when UpdateRuntimeOn is set to Manual.",
            ))
        }
        _ => Ok(()),
    }
}

pub(super) fn get_runtime_management(call: &Call<'_>) -> Answer {
    let request: shapes::GetRuntimeManagementConfigRequest = call.parse()?;
    let target = call.target(&request.function_name, request.qualifier.as_deref())?;
    let found = call
        .lambda
        .control
        .runtime_management(&target)
        .map_err(refusals::find)?;
    let mut reply = call
        .operation()
        .reply(&shapes::GetRuntimeManagementConfigResponse {
            update_runtime_on: shapes::UpdateRuntimeOn::from_wire(found.mode.as_str()),
            function_arn: Some(arn(&target)),
            runtime_version_arn: found.runtime_version_arn.clone(),
        });
    if found.runtime_version_arn.is_none() {
        add_null(&mut reply, "RuntimeVersionArn");
    }
    Ok(reply)
}

/// AWS shows the member even where it has no value, which the generated shapes never do.
fn add_null(reply: &mut Reply, member: &str) {
    if reply.body.pop() == Some(b'}') {
        reply
            .body
            .extend_from_slice(format!(",\"{member}\":null}}").as_bytes());
    }
}

fn arn(target: &FunctionTarget) -> String {
    target.arn.with(target.qualifier.as_ref())
}

pub(super) async fn put_code_signing(call: &Call<'_>) -> Answer {
    let request: shapes::PutFunctionCodeSigningConfigRequest = call.parse()?;
    let target = call.target(&request.function_name, None)?;
    let config = request.code_signing_config_arn;
    let control = &call.lambda.control;
    let put = control
        .put_function_code_signing(&call.origin(), &target.arn, Some(&config))
        .await;
    put.map_err(refusals::option)?;
    Ok(call
        .operation()
        .reply(&shapes::PutFunctionCodeSigningConfigResponse {
            code_signing_config_arn: config,
            function_name: target.arn.name.to_string(),
        }))
}

pub(super) fn get_code_signing(call: &Call<'_>) -> Answer {
    let request: shapes::GetFunctionCodeSigningConfigRequest = call.parse()?;
    let target = call.target(&request.function_name, None)?;
    let function = call
        .lambda
        .control
        .function(&target.arn)
        .map_err(refusals::find)?;
    match function.function.record.code_signing_config.clone() {
        Some(config) => Ok(call
            .operation()
            .reply(&shapes::GetFunctionCodeSigningConfigResponse {
                code_signing_config_arn: config,
                function_name: target.arn.name.to_string(),
            })),
        // Lambda answers an empty object here although the model requires both members.
        None => Ok(call
            .operation()
            .reply(&shapes::GetFunctionConcurrencyResponse::default())),
    }
}

pub(super) async fn delete_code_signing(call: &Call<'_>) -> Answer {
    let request: shapes::DeleteFunctionCodeSigningConfigRequest = call.parse()?;
    let target = call.target(&request.function_name, None)?;
    let control = &call.lambda.control;
    let deleted = control
        .put_function_code_signing(&call.origin(), &target.arn, None)
        .await;
    deleted.map_err(refusals::option)?;
    Ok(call.operation().empty_reply())
}
