//! ListTags, TagResource, UntagResource: the ARN tells what is tagged.

use firelight_model::{FunctionArn, FunctionReference};
use firelight_wire::{ErrorReply, shapes};

use super::call::{Answer, Call};
use super::refusals;

/// What bears tags.
enum Tagged {
    Function(FunctionArn),
}

impl Tagged {
    fn read(call: &Call<'_>, arn: &str) -> Result<Self, ErrorReply> {
        let is_function = arn.contains(":function:");
        if !is_function {
            return Err(refusals::unknown_resource());
        }
        let reference: FunctionReference = arn.parse().map_err(refusals::reference)?;
        if reference.qualifier.is_some() {
            return Err(refusals::tags_of_version());
        }
        Ok(Self::Function(call.target(arn, None)?.arn))
    }
}

pub(super) fn list(call: &Call<'_>) -> Answer {
    let request: shapes::ListTagsRequest = call.parse()?;
    let tags = match Tagged::read(call, &request.resource)? {
        Tagged::Function(arn) => call
            .lambda
            .control
            .function_tags(&arn)
            .map_err(refusals::find)?,
    };
    Ok(call
        .operation()
        .reply(&shapes::ListTagsResponse { tags: Some(tags) }))
}

pub(super) async fn tag(call: &Call<'_>) -> Answer {
    let request: shapes::TagResourceRequest = call.parse()?;
    let (control, origin) = (&call.lambda.control, call.origin());
    match Tagged::read(call, &request.resource)? {
        Tagged::Function(arn) => {
            let tagged = control.tag_function(&origin, &arn, &request.tags).await;
            tagged.map_err(refusals::tag_function)?;
        }
    }
    Ok(call.operation().empty_reply())
}

pub(super) async fn untag(call: &Call<'_>) -> Answer {
    let request: shapes::UntagResourceRequest = call.parse()?;
    let (control, origin) = (&call.lambda.control, call.origin());
    match Tagged::read(call, &request.resource)? {
        Tagged::Function(arn) => {
            let untagged = control
                .untag_function(&origin, &arn, &request.tag_keys)
                .await;
            untagged.map_err(refusals::tag_function)?;
        }
    }
    Ok(call.operation().empty_reply())
}
