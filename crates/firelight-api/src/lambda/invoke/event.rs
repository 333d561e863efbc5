//! Asynchronous invocation: answered once the event is durable.

use bytes::Bytes;
use firelight_events::{EventRequest, Events};
use firelight_model::FunctionTarget;
use firelight_wire::ErrorReply;
use http::StatusCode;
use http::request::Parts;

use super::{Reach, check_tenant, refusals, resolve, trace};
use crate::body::{Response, ResponseBody};
use crate::context::RequestContext;

/// Accepts an event for a function that exists. What it runs on is decided when its turn comes.
pub(super) async fn accept(
    reach: &Reach<'_>,
    context: &RequestContext,
    request: &Parts,
    target: &FunctionTarget,
    payload: Bytes,
    tenant_id: Option<String>,
) -> Result<Response, ErrorReply> {
    let events: &Events = reach
        .events
        .ok_or_else(|| refusals::not_built("Invoke with InvocationType Event"))?;
    let resolved = resolve(reach.view, target)?;
    check_tenant(&resolved, tenant_id.as_deref())?;
    let event = EventRequest {
        request_id: context.request_id,
        function: target.arn.clone(),
        qualifier: target.qualifier.clone(),
        payload,
        trace: trace::given(&request.headers),
        tenant_id,
    };
    events
        .accept(event)
        .await
        .map_err(|error| refusals::trouble(&error))?;
    let mut response = Response::new(ResponseBody::empty());
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}
