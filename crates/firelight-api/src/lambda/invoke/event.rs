//! Asynchronous invocation: answered once the event is durable.

use bytes::Bytes;
use firelight_events::{EventRequest, Events};
use firelight_model::FunctionTarget;
use firelight_wire::ErrorReply;
use http::StatusCode;

use super::{Reach, check_tenant, refusals, resolve};
use crate::body::{Response, ResponseBody};
use crate::context::RequestContext;

/// What an event takes over from the request that brought it.
pub(super) struct Carried {
    /// The trace that it came with.
    pub(super) trace: Option<String>,
    pub(super) tenant_id: Option<String>,
}

/// Accepts an event for a function that exists. What it runs on is decided when its turn comes.
pub(super) async fn accept(
    reach: &Reach<'_>,
    context: &RequestContext,
    target: &FunctionTarget,
    payload: Bytes,
    carried: Carried,
) -> Result<Response, ErrorReply> {
    let events: &Events = reach
        .events
        .ok_or_else(|| refusals::not_built("Invoke with InvocationType Event"))?;
    let resolved = resolve(reach.view, target)?;
    check_tenant(&resolved, carried.tenant_id.as_deref())?;
    let event = EventRequest {
        request_id: context.request_id,
        function: target.arn.clone(),
        qualifier: target.qualifier.clone(),
        payload,
        trace: carried.trace,
        tenant_id: carried.tenant_id,
    };
    events
        .accept(event)
        .await
        .map_err(|error| refusals::trouble(&error))?;
    let mut response = Response::new(ResponseBody::empty());
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}
