//! Which handler answers which operation.

use firelight_wire::Operation;

use super::call::{Answer, Call};
use super::{aliases, functions, refusals, tags, versions};

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
        operation => Err(refusals::not_built(operation.name())),
    }
}
