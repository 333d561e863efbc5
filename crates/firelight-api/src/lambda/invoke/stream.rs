//! InvokeWithResponseStream: as Invoke, but the answer is an event stream that goes on while the function writes.
//!
//! What keeps the function from running is an ordinary error. Once it runs, the answer is 200, and what goes wrong
//! stands in the last frame.

use std::sync::Arc;

use firelight_invoke::{Outcome, ResponseMode, Streaming};
use firelight_wire::shapes::{
    InvocationRequest, InvocationType, InvokeWithResponseStreamRequest,
    ResponseStreamingInvocationType,
};
use firelight_wire::{ErrorReply, Labels};
use http::HeaderValue;
use http::request::Parts;

use super::{
    Asked, Caller, Ran, Reach, Run, answer, check_tenant, members, payload, resolve, stream_frames,
    target, trace,
};
use crate::body::{RequestBody, Response};
use crate::context::RequestContext;

const EVENT_STREAM: HeaderValue = HeaderValue::from_static("application/vnd.amazon.eventstream");
/// What a response is whose function did not say.
const BYTES: &str = "application/octet-stream";

/// Answers InvokeWithResponseStream.
pub(in crate::lambda) async fn invoke_with_response_stream(
    reach: &Reach<'_>,
    context: &RequestContext,
    request: &Parts,
    labels: &Labels<'_>,
    body: RequestBody,
) -> Result<Response, ErrorReply> {
    let members: InvokeWithResponseStreamRequest = members(request, labels)?;
    let kind = members.invocation_type;
    let asked = Asked {
        members: as_invocation(members),
        trace: trace::given(&request.headers),
    };
    let target = target(context, &asked.members)?;
    let payload = payload::read(body, InvocationType::RequestResponse).await?;
    if kind == Some(ResponseStreamingInvocationType::DryRun) {
        let resolved = resolve(reach.view, &target)?;
        check_tenant(&resolved, asked.members.tenant_id.as_deref())?;
        return Ok(answer::dry_run());
    }
    let run = Run {
        view: reach.view.clone(),
        invoker: Arc::clone(reach.invoker),
        caller: Caller::new(reach, context, asked),
        target,
        payload,
    };
    answer_of(run.run(ResponseMode::Streaming).await?)
}

/// Both calls say the same of an invocation, but for its type.
fn as_invocation(members: InvokeWithResponseStreamRequest) -> InvocationRequest {
    InvocationRequest {
        function_name: members.function_name,
        invocation_type: None,
        log_type: members.log_type,
        client_context: members.client_context,
        durable_execution_name: None,
        qualifier: members.qualifier,
        tenant_id: members.tenant_id,
    }
}

fn answer_of(ran: Ran) -> Result<Response, ErrorReply> {
    match ran.outcome {
        Outcome::Streaming(response) => {
            let version = ran.executed_version.to_string();
            Ok(streaming(response, &version, ran.trace.as_deref()))
        }
        Outcome::Completed(_) => {
            tracing::error!("a streaming call was answered as a whole");
            Err(answer::service_error())
        }
        other => answer::of(other, ran.executed_version, ran.trace.as_deref()),
    }
}

fn streaming(mut response: Streaming, version: &str, trace: Option<&str>) -> Response {
    let media = response.content_type.take();
    let mut answer = Response::new(stream_frames::body(response));
    let headers = answer.headers_mut();
    headers.insert("content-type", EVENT_STREAM);
    let texts = [
        ("x-amz-executed-version", Some(version)),
        (
            "x-amzn-remapped-content-type",
            Some(media.as_deref().unwrap_or(BYTES)),
        ),
        ("x-amzn-trace-id", trace),
    ];
    for (name, text) in texts {
        // What a client or a function made up may hold what no header can; it is then left out.
        if let Some(value) = text.and_then(|text| HeaderValue::try_from(text).ok()) {
            headers.insert(name, value);
        }
    }
    answer
}
