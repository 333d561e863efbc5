//! PublishVersion, ListVersionsByFunction.

use firelight_control::PublishVersion;
use firelight_wire::shapes;

use super::call::{Answer, Call};
use super::configuration_shape::{full, listed};
use super::{paging, refusals};

pub(super) async fn publish(call: &Call<'_>) -> Answer {
    let request: shapes::PublishVersionRequest = call.parse()?;
    let target = call.latest_of(&request.function_name)?;
    if request.publish_to.is_some() {
        return Err(refusals::not_offered("PublishTo"));
    }
    let publication = PublishVersion {
        arn: target.arn,
        description: request.description,
        expected_sha256: request.code_sha256,
        expected_revision: request.revision_id,
    };
    let published = call
        .lambda
        .control
        .publish_version(&call.origin(), publication)
        .await;
    Ok(call
        .operation()
        .reply(&full(&published.map_err(refusals::publish_version)?)))
}

pub(super) fn list(call: &Call<'_>) -> Answer {
    let request: shapes::ListVersionsByFunctionRequest = call.parse()?;
    let target = call.target(&request.function_name, None)?;
    let after = paging::marker(call.operation(), request.marker.as_deref())?;
    let limit = paging::limit(request.max_items, paging::FUNCTIONS);
    let page = call
        .lambda
        .control
        .list_versions(&target.arn, after, limit)
        .map_err(refusals::find)?;
    Ok(call
        .operation()
        .reply(&shapes::ListVersionsByFunctionResponse {
            versions: Some(page.items.iter().map(listed).collect()),
            next_marker: paging::next(call.operation(), page.next),
        }))
}
