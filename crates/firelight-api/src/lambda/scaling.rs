//! PutFunctionScalingConfig, GetFunctionScalingConfig.

use firelight_control::records::version::ScalingRecord;
use firelight_model::FunctionTarget;
use firelight_wire::{ErrorReply, shapes};

use super::call::{Answer, Call};
use super::refusals;

pub(super) async fn put(call: &Call<'_>) -> Answer {
    let request: shapes::PutFunctionScalingConfigRequest = call.parse()?;
    let target = target(call, &request.function_name, &request.qualifier)?;
    let scaling = request.function_scaling_config.as_ref().map(record);
    let control = &call.lambda.control;
    let put = control
        .put_function_scaling_config(&call.origin(), &target, scaling)
        .await;
    let life_cycle = put.map_err(refusals::scaling)?;
    let answer = shapes::PutFunctionScalingConfigResponse {
        function_state: shapes::State::from_wire(life_cycle.state.name()),
    };
    Ok(call.operation().reply(&answer))
}

pub(super) fn get(call: &Call<'_>) -> Answer {
    let request: shapes::GetFunctionScalingConfigRequest = call.parse()?;
    let target = target(call, &request.function_name, &request.qualifier)?;
    let found = call.lambda.control.function_scaling_config(&target);
    let config = found.map_err(refusals::scaling)?.map(shape);
    let answer = shapes::GetFunctionScalingConfigResponse {
        function_arn: Some(target.arn.with(target.qualifier.as_ref()).to_string()),
        applied_function_scaling_config: config.clone(),
        requested_function_scaling_config: config,
    };
    Ok(call.operation().reply(&answer))
}

fn target(call: &Call<'_>, name: &str, qualifier: &str) -> Result<FunctionTarget, ErrorReply> {
    call.target(name, Some(qualifier))
}

fn record(config: &shapes::FunctionScalingConfig) -> ScalingRecord {
    let number = |given: Option<i32>| given.and_then(|number| u32::try_from(number).ok());
    ScalingRecord {
        least_environments: number(config.min_execution_environments),
        most_environments: number(config.max_execution_environments),
    }
}

fn shape(record: ScalingRecord) -> shapes::FunctionScalingConfig {
    let number = |kept: Option<u32>| kept.and_then(|number| i32::try_from(number).ok());
    shapes::FunctionScalingConfig {
        min_execution_environments: number(record.least_environments),
        max_execution_environments: number(record.most_environments),
    }
}
