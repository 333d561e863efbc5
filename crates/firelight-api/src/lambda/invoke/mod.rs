//! Invoke: from the request to a [`Call`], from its [`Outcome`] to the answer.
//!
//! ```text
//!  constraints ─► function and qualifier ─► payload within its limit, JSON ─► version ─► Call ─► Outcome ─► answer
//! ```
//!
//! What runs is handed back as [`Handled::Running`], so that a request that waits holds nothing of how it came to run.
//!
//! Deliberately absent: waiting, limits and everything else that happens between call and outcome.

mod answer;
mod event;
pub(super) mod payload;
mod plain;
mod stream;
mod stream_frames;
pub(crate) mod trace;

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use firelight_control::{Resolved, View};
use firelight_events::{Events, lineage};
use firelight_invoke::{Call, Invoker, LogTail, NotStarted, Outcome, ResponseMode};
use firelight_model::{
    Draw, FunctionReference, FunctionTarget, PackageType, RecursiveLoop, RequestId, Tenancy,
    Version,
};
use firelight_wire::shapes::{InvocationRequest, InvocationType, InvokeAsyncRequest, LogType};
use firelight_wire::{ErrorCode, ErrorReply, Labels, Request, RequestParts, parse};
use http::request::Parts;
use jiff::Timestamp;

use super::{Handled, refusals, response};
use crate::body::{RequestBody, Response};
use crate::context::RequestContext;

use self::event::Carried;

pub(crate) use self::answer::not_started;
pub(super) use self::stream::invoke_with_response_stream;

/// How often a version that changes under the call is resolved.
pub(crate) const RESOLVE_ATTEMPTS: u32 = 5;

/// How long a client context is at most, in base64.
const CLIENT_CONTEXT_LIMIT: usize = 3_583;

/// What an invocation reaches.
pub(super) struct Reach<'a> {
    pub(super) view: &'a View,
    pub(super) invoker: &'a Arc<dyn Invoker>,
    pub(super) events: Option<&'a Events>,
    pub(super) samples_traces: bool,
}

/// What a request says of an invocation, beside the event.
pub(super) struct Asked {
    members: InvocationRequest,
    /// The trace that the request came with.
    trace: Option<String>,
}

impl Asked {
    /// Reads the head of an Invoke.
    pub(super) fn read(request: &Parts, labels: &Labels<'_>) -> Result<Self, ErrorReply> {
        let members = match plain::members(request, labels) {
            Some(plain) => plain,
            None => members(request, labels)?,
        };
        let trace = trace::given(&request.headers);
        Ok(Self { members, trace })
    }
}

/// Answers Invoke.
pub(super) async fn invoke(
    reach: &Reach<'_>,
    context: &RequestContext,
    asked: Asked,
    body: RequestBody,
) -> Result<Handled, ErrorReply> {
    let members = &asked.members;
    let target = target(context, members)?;
    let kind = members
        .invocation_type
        .unwrap_or(InvocationType::RequestResponse);
    let payload = payload::read(body, kind).await?;
    match kind {
        InvocationType::DryRun => {
            let resolved = resolve(reach.view, &target)?;
            check_tenant(&resolved, members.tenant_id.as_deref())?;
            Ok(answer::dry_run().into())
        }
        InvocationType::Event => {
            let tenant_id = members.tenant_id.clone();
            let carried = Carried {
                trace: asked.trace,
                tenant_id,
            };
            let accepted = event::accept(reach, context, &target, payload, carried);
            Ok(Box::pin(accepted).await?.into())
        }
        InvocationType::RequestResponse => {
            let run = Run {
                view: reach.view.clone(),
                invoker: Arc::clone(reach.invoker),
                caller: Caller::new(reach, context, asked),
                target,
                payload,
            };
            Ok(Handled::Running(Box::pin(run.answer())))
        }
    }
}

/// Answers InvokeAsync, the predecessor of the invocation type Event.
pub(super) async fn invoke_async(
    reach: &Reach<'_>,
    context: &RequestContext,
    request: &Parts,
    labels: &Labels<'_>,
    body: RequestBody,
) -> Result<Response, ErrorReply> {
    let members: InvokeAsyncRequest = members(request, labels)?;
    let target = target_of(context, &members.function_name, None)?;
    let carried = Carried {
        trace: trace::given(&request.headers),
        tenant_id: None,
    };
    let payload = payload::read_invoke_async(body).await?;
    event::accept(reach, context, &target, payload, carried).await
}

/// What a call takes over from its caller.
struct Caller {
    request_id: RequestId,
    received_at: Timestamp,
    /// Whether a trace that begins with it is recorded.
    samples_traces: bool,
    asked: Asked,
}

impl Caller {
    fn new(reach: &Reach<'_>, context: &RequestContext, asked: Asked) -> Self {
        Self {
            samples_traces: reach.samples_traces,
            request_id: context.request_id,
            received_at: context.received_at,
            asked,
        }
    }
}

/// A call that is about to run.
struct Run {
    view: View,
    invoker: Arc<dyn Invoker>,
    caller: Caller,
    target: FunctionTarget,
    payload: Bytes,
}

/// What became of a call, and what its answer tells beside that.
struct Ran {
    outcome: Outcome,
    executed_version: Version,
    trace: Option<String>,
}

impl Run {
    async fn answer(self) -> Response {
        let ran = self.run(ResponseMode::Buffered).await;
        ran.and_then(|ran| answer::of(ran.outcome, ran.executed_version, ran.trace.as_deref()))
            .unwrap_or_else(|error| response(error.reply()))
    }

    /// Runs the call. A version that is changed between being resolved and being run is resolved anew.
    async fn run(self, response_mode: ResponseMode) -> Result<Ran, ErrorReply> {
        let mut attempts_left = RESOLVE_ATTEMPTS;
        let trace = passed_trace(&self.view, &self.caller, &self.target)?;
        loop {
            let resolved = resolve(&self.view, &self.target)?;
            check_tenant(&resolved, self.caller.asked.members.tenant_id.as_deref())?;
            let executed_version = resolved.version.version;
            let call = Call {
                trace: Some(trace.clone()),
                ..self.call(&resolved, response_mode)?
            };
            drop(resolved);
            let outcome = self.invoker.invoke(call).await;
            attempts_left -= 1;
            let changed = matches!(outcome, Outcome::NotStarted(NotStarted::NoSuchVersion(_)));
            if !changed || attempts_left == 0 {
                return Ok(Ran {
                    outcome,
                    executed_version,
                    trace: Some(trace),
                });
            }
        }
    }

    fn call(&self, resolved: &Resolved, response_mode: ResponseMode) -> Result<Call, ErrorReply> {
        let Caller {
            request_id, asked, ..
        } = &self.caller;
        let members = &asked.members;
        let log_tail = match members.log_type {
            Some(LogType::Tail) => LogTail::Wanted,
            Some(LogType::None) | None => LogTail::None,
        };
        let context = members.client_context.as_deref();
        Ok(Call {
            request_id: *request_id,
            version: resolved.version.key(),
            invoked_arn: self.target.arn.with(self.target.qualifier.as_ref()),
            payload: self.payload.clone(),
            client_context: context.map(client_context).transpose()?,
            trace: None,
            tenant_id: members.tenant_id.clone(),
            log_tail,
            response_mode,
            attempt: 1,
        })
    }
}

fn members<T: Request>(request: &Parts, labels: &Labels<'_>) -> Result<T, ErrorReply> {
    let header = |name: &str| {
        request
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let parts = RequestParts {
        labels,
        query: request.uri.query(),
        header: &header,
        body: b"",
    };
    Ok(parse(&parts)?)
}

fn target(
    context: &RequestContext,
    members: &InvocationRequest,
) -> Result<FunctionTarget, ErrorReply> {
    target_of(
        context,
        &members.function_name,
        members.qualifier.as_deref(),
    )
}

fn target_of(
    context: &RequestContext,
    name: &str,
    qualifier: Option<&str>,
) -> Result<FunctionTarget, ErrorReply> {
    let reference: FunctionReference = name.parse().map_err(refusals::reference)?;
    let qualifier = qualifier.map(str::parse).transpose();
    let qualifier = qualifier.map_err(refusals::qualifier)?;
    let reference = reference
        .with_qualifier(qualifier)
        .map_err(refusals::reference)?;
    reference
        .locate(context.account, &context.region)
        .map_err(refusals::other_region)
}

fn resolve(view: &View, target: &FunctionTarget) -> Result<Resolved, ErrorReply> {
    let draw = Draw::from_random(rand::random());
    let resolved = view
        .resolve(&target.arn, target.qualifier.as_ref(), draw)
        .map_err(refusals::resolve)?;
    match resolved.version.package_type() {
        PackageType::Zip => Ok(resolved),
        PackageType::Image => Err(refusals::not_built(
            "Invoking functions of package type Image",
        )),
    }
}

/// Environments that belong to tenants serve nobody else, and others serve no tenant.
fn check_tenant(resolved: &Resolved, tenant: Option<&str>) -> Result<(), ErrorReply> {
    match (resolved.version.tenancy, tenant) {
        (Tenancy::PerTenant, None) => Err(refusals::tenant_required()),
        (Tenancy::Shared, Some(_)) => Err(refusals::tenant_not_supported()),
        _ => Ok(()),
    }
}

/// Counts this run in the trace of its caller. A chain of runs that has become a loop ends here, unless it is wanted.
fn passed_trace(
    view: &View,
    caller: &Caller,
    target: &FunctionTarget,
) -> Result<String, ErrorReply> {
    let received_at = caller.received_at.as_second();
    let given = caller.asked.trace.clone();
    let trace =
        given.unwrap_or_else(|| trace::fresh(received_at, rand::random(), caller.samples_traces));
    // A function that is not there is told when it is resolved.
    let Some(function) = view.function(&target.arn) else {
        return Ok(trace);
    };
    match function.function.record.recursive_loop {
        RecursiveLoop::Allow => Ok(lineage::without(&trace)),
        RecursiveLoop::Terminate => lineage::pass(&trace, &target.arn)
            .map_err(|loops| ErrorReply::new(ErrorCode::RecursiveInvocation, loops.to_string())),
    }
}

/// Decodes the client context, which must be a JSON object in base64.
fn client_context(encoded: &str) -> Result<String, ErrorReply> {
    if encoded.len() > CLIENT_CONTEXT_LIMIT {
        return Err(refusals::client_context_too_long(
            encoded,
            CLIENT_CONTEXT_LIMIT,
        ));
    }
    let decoded = BASE64_STANDARD
        .decode(encoded)
        .ok()
        .and_then(|json| String::from_utf8(json).ok());
    decoded
        .filter(|json| {
            serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(json).is_ok()
        })
        .ok_or_else(|| {
            let text = "Client context must be a valid Base64-encoded JSON object.";
            ErrorReply::new(ErrorCode::InvalidRequestContent, text)
        })
}
