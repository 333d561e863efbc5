//! ListTags, TagResource, UntagResource: the ARN tells what is tagged.

use firelight_control::Tagged;
use firelight_model::FunctionReference;
use firelight_wire::{ErrorReply, shapes};

use super::call::{Answer, Call};
use super::refusals;

pub(super) fn list(call: &Call<'_>) -> Answer {
    let request: shapes::ListTagsRequest = call.parse()?;
    let arn = &request.resource;
    let tags = call.lambda.control.tags(&tagged(call, arn)?);
    let tags = tags.map_err(|error| refusals::tagging(error, arn))?;
    Ok(call
        .operation()
        .reply(&shapes::ListTagsResponse { tags: Some(tags) }))
}

pub(super) async fn tag(call: &Call<'_>) -> Answer {
    let request: shapes::TagResourceRequest = call.parse()?;
    let arn = &request.resource;
    let tagged = tagged(call, arn)?;
    let done = call
        .lambda
        .control
        .tag(&call.origin(), &tagged, &request.tags)
        .await;
    done.map_err(|error| refusals::tagging(error, arn))?;
    Ok(call.operation().empty_reply())
}

pub(super) async fn untag(call: &Call<'_>) -> Answer {
    let request: shapes::UntagResourceRequest = call.parse()?;
    let arn = &request.resource;
    let tagged = tagged(call, arn)?;
    let done = call
        .lambda
        .control
        .untag(&call.origin(), &tagged, &request.tag_keys)
        .await;
    done.map_err(|error| refusals::tagging(error, arn))?;
    Ok(call.operation().empty_reply())
}

fn tagged(call: &Call<'_>, arn: &str) -> Result<Tagged, ErrorReply> {
    let kind = arn.split(':').nth(5).unwrap_or_default();
    let scope = call.scope();
    match kind {
        "function" => function(call, arn),
        "event-source-mapping" => {
            let uuid = arn.rsplit(':').next().unwrap_or_default().to_owned();
            Ok(Tagged::Mapping { scope, uuid })
        }
        "code-signing-config" => Ok(Tagged::CodeSigningConfig {
            scope,
            arn: arn.to_owned(),
        }),
        "capacity-provider" => {
            let name = arn.rsplit(':').next().unwrap_or_default().to_owned();
            Ok(Tagged::CapacityProvider { scope, name })
        }
        _ => Err(refusals::unknown_resource()),
    }
}

fn function(call: &Call<'_>, arn: &str) -> Result<Tagged, ErrorReply> {
    let reference: FunctionReference = arn.parse().map_err(refusals::reference)?;
    if reference.qualifier.is_some() {
        return Err(refusals::tags_of_version());
    }
    Ok(Tagged::Function(call.target(arn, None)?.arn))
}
