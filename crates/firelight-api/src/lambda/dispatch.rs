//! Which handler answers which operation.

use firelight_wire::Operation;

use super::call::{Answer, Call};
use super::{
    aliases, capacity_providers, code_signing, concurrency, event_invoke, function_options,
    functions, layer_permissions, layers, mappings, permissions, refusals, scaling, tags, urls,
    versions,
};

/// Answers a call, or says that its operation is not built.
pub(super) async fn dispatch(call: &Call<'_>) -> Answer {
    match call.operation() {
        Operation::CreateFunction => functions::create(call).await,
        Operation::GetFunction => functions::get(call),
        Operation::GetFunctionConfiguration => functions::get_configuration(call),
        Operation::ListFunctions => functions::list(call),
        Operation::UpdateFunctionCode => functions::update_code(call).await,
        Operation::UpdateFunctionConfiguration => functions::update_configuration(call).await,
        Operation::DeleteFunction => functions::delete(call).await,
        Operation::PublishVersion => versions::publish(call).await,
        Operation::ListVersionsByFunction => versions::list(call),
        Operation::CreateAlias => aliases::create(call).await,
        Operation::GetAlias => aliases::get(call),
        Operation::UpdateAlias => aliases::update(call).await,
        Operation::DeleteAlias => aliases::delete(call).await,
        Operation::ListAliases => aliases::list(call),
        Operation::ListTags => tags::list(call),
        Operation::TagResource => tags::tag(call).await,
        Operation::UntagResource => tags::untag(call).await,
        Operation::PublishLayerVersion => layers::publish(call).await,
        Operation::GetLayerVersion => layers::get(call),
        Operation::GetLayerVersionByArn => layers::get_by_arn(call),
        Operation::DeleteLayerVersion => layers::delete(call).await,
        Operation::ListLayers => layers::list(call),
        Operation::ListLayerVersions => layers::list_versions(call),
        Operation::AddLayerVersionPermission => layer_permissions::add(call).await,
        Operation::RemoveLayerVersionPermission => layer_permissions::remove(call).await,
        Operation::GetLayerVersionPolicy => layer_permissions::get(call),
        Operation::AddPermission => permissions::add(call).await,
        Operation::RemovePermission => permissions::remove(call).await,
        Operation::GetPolicy => permissions::get(call),
        Operation::PutResourcePolicy => permissions::put_whole(call).await,
        Operation::GetResourcePolicy => permissions::get_whole(call),
        Operation::DeleteResourcePolicy => permissions::delete_whole(call).await,
        Operation::PutFunctionConcurrency => concurrency::put_reserved(call).await,
        Operation::GetFunctionConcurrency => concurrency::get_reserved(call),
        Operation::DeleteFunctionConcurrency => concurrency::delete_reserved(call).await,
        Operation::PutProvisionedConcurrencyConfig => concurrency::put_provisioned(call).await,
        Operation::GetProvisionedConcurrencyConfig => concurrency::get_provisioned(call),
        Operation::DeleteProvisionedConcurrencyConfig => {
            concurrency::delete_provisioned(call).await
        }
        Operation::ListProvisionedConcurrencyConfigs => concurrency::list_provisioned(call),
        Operation::GetAccountSettings => concurrency::account_settings(call),
        Operation::CreateFunctionUrlConfig => urls::create(call).await,
        Operation::GetFunctionUrlConfig => urls::get(call),
        Operation::UpdateFunctionUrlConfig => urls::update(call).await,
        Operation::DeleteFunctionUrlConfig => urls::delete(call).await,
        Operation::ListFunctionUrlConfigs => urls::list(call),
        Operation::PutFunctionEventInvokeConfig => event_invoke::put(call).await,
        Operation::UpdateFunctionEventInvokeConfig => event_invoke::update(call).await,
        Operation::GetFunctionEventInvokeConfig => event_invoke::get(call),
        Operation::DeleteFunctionEventInvokeConfig => event_invoke::delete(call).await,
        Operation::ListFunctionEventInvokeConfigs => event_invoke::list(call),
        Operation::CreateEventSourceMapping => mappings::create(call).await,
        Operation::GetEventSourceMapping => mappings::get(call),
        Operation::UpdateEventSourceMapping => mappings::update(call).await,
        Operation::DeleteEventSourceMapping => mappings::delete(call).await,
        Operation::ListEventSourceMappings => mappings::list(call),
        Operation::CreateCodeSigningConfig => code_signing::create(call).await,
        Operation::GetCodeSigningConfig => code_signing::get(call),
        Operation::UpdateCodeSigningConfig => code_signing::update(call).await,
        Operation::DeleteCodeSigningConfig => code_signing::delete(call).await,
        Operation::ListCodeSigningConfigs => code_signing::list(call),
        Operation::ListFunctionsByCodeSigningConfig => code_signing::list_functions(call),
        Operation::PutFunctionCodeSigningConfig => function_options::put_code_signing(call).await,
        Operation::GetFunctionCodeSigningConfig => function_options::get_code_signing(call),
        Operation::DeleteFunctionCodeSigningConfig => {
            function_options::delete_code_signing(call).await
        }
        Operation::PutRuntimeManagementConfig => {
            function_options::put_runtime_management(call).await
        }
        Operation::GetRuntimeManagementConfig => function_options::get_runtime_management(call),
        Operation::PutFunctionRecursionConfig => function_options::put_recursion(call).await,
        Operation::GetFunctionRecursionConfig => function_options::get_recursion(call),
        Operation::CreateCapacityProvider => capacity_providers::create(call).await,
        Operation::GetCapacityProvider => capacity_providers::get(call),
        Operation::UpdateCapacityProvider => capacity_providers::update(call).await,
        Operation::DeleteCapacityProvider => capacity_providers::delete(call).await,
        Operation::ListCapacityProviders => capacity_providers::list(call),
        Operation::ListFunctionVersionsByCapacityProvider => {
            capacity_providers::list_function_versions(call)
        }
        Operation::PutFunctionScalingConfig => scaling::put(call).await,
        Operation::GetFunctionScalingConfig => scaling::get(call),
        operation => Err(refusals::not_built(operation.name())),
    }
}
