//! One request to a URL that exists: from its body to the answer of the function.

use bytes::Bytes;
use firelight_control::ResolveError;
use firelight_control::sts::Caller;
use firelight_invoke::{Call, FunctionResult, LogTail, NotStarted, Outcome, ResponseMode};
use firelight_model::{Draw, InvokeMode, UrlAuthType};
use http::header::UPGRADE;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method};

use super::event::{Circumstances, payload};
use super::gate::{Arrival, Gate};
use super::refusal::Refusal;
use super::target::UrlTarget;
use super::{FunctionUrls, Visit, answer};
use crate::body::Response;
use crate::lambda::invoke::{RESOLVE_ATTEMPTS, not_started, trace};
use crate::lambda::refusals;

/// The longest body: 6 MiB.
const MAX_BODY: usize = 6_291_456;
const METHODS: [Method; 7] = [
    Method::GET,
    Method::POST,
    Method::PUT,
    Method::HEAD,
    Method::OPTIONS,
    Method::PATCH,
    Method::DELETE,
];
const TRACE: HeaderName = HeaderName::from_static("x-amzn-trace-id");

pub(super) async fn serve(
    urls: &FunctionUrls,
    gate: &Gate<'_>,
    target: &UrlTarget,
    visit: Visit,
) -> Result<Response, Refusal> {
    check_protocol(&visit.request)?;
    let arrival = Arrival {
        request: &visit.request,
        claim: visit.claim,
        body: visit.body,
        body_limit: MAX_BODY,
        peer: visit.peer,
        received_at: visit.received_at,
    };
    let (caller, body) = gate.admit(urls, target, arrival).await?;
    let body = body.read(MAX_BODY).await.map_err(Refusal::Body)?;
    let now_s = visit.received_at.as_second();
    let trace = trace::of(
        &visit.request.headers,
        now_s,
        rand::random(),
        urls.samples_traces,
    );
    let facts = Circumstances {
        id: &visit.url.id,
        domain: &visit.url.domain(&urls.domain, &target.function.region),
        path: visit.url.path(&visit.request),
        owner: target.function.account,
        caller: proven(target, &caller),
        peer: visit.peer,
        request_id: visit.request_id,
        received_at: visit.received_at,
        trace: &trace,
    };
    let event = payload(&visit.request, &facts, &body);
    let outcome = run(urls, target, &facts, event).await?;
    let mut response = answer_of(outcome).await?;
    if let Ok(value) = HeaderValue::try_from(trace) {
        response.headers_mut().insert(TRACE, value);
    }
    Ok(response)
}

/// A web socket is asked for by a client that can do nothing with another answer; other upgrades are only offers.
fn check_protocol(request: &Parts) -> Result<(), Refusal> {
    if !METHODS.contains(&request.method) {
        return Err(Refusal::Method);
    }
    let offers = request.headers.get_all(UPGRADE).iter();
    let mut offers = offers.filter_map(|value| value.to_str().ok());
    if offers.any(|offer| offer.to_ascii_lowercase().contains("websocket")) {
        return Err(Refusal::Upgrade);
    }
    Ok(())
}

fn proven<'a>(target: &UrlTarget, caller: &'a Caller) -> Option<&'a Caller> {
    (target.auth_type == UrlAuthType::AwsIam).then_some(caller)
}

/// Runs the event. A version that is changed between being resolved and being run is resolved anew.
async fn run(
    urls: &FunctionUrls,
    target: &UrlTarget,
    facts: &Circumstances<'_>,
    event: Bytes,
) -> Result<Outcome, Refusal> {
    let mut attempts_left = RESOLVE_ATTEMPTS;
    loop {
        let call = call(urls, target, facts, event.clone())?;
        let outcome = urls.invoker.invoke(call).await;
        attempts_left -= 1;
        let changed = matches!(outcome, Outcome::NotStarted(NotStarted::NoSuchVersion(_)));
        if !changed || attempts_left == 0 {
            return Ok(outcome);
        }
    }
}

fn call(
    urls: &FunctionUrls,
    target: &UrlTarget,
    facts: &Circumstances<'_>,
    payload: Bytes,
) -> Result<Call, Refusal> {
    let draw = Draw::from_random(rand::random());
    let resolved = urls
        .view
        .resolve(&target.function, target.alias.as_ref(), draw)
        .map_err(unresolved)?;
    Ok(Call {
        request_id: facts.request_id,
        version: resolved.version.key(),
        invoked_arn: resolved.version.invoked_arn(resolved.alias.as_ref()),
        payload,
        client_context: None,
        trace: Some(facts.trace.to_owned()),
        tenant_id: None,
        log_tail: LogTail::None,
        response_mode: match target.invoke_mode {
            InvokeMode::Buffered => ResponseMode::Buffered,
            InvokeMode::ResponseStream => ResponseMode::Streaming,
        },
        attempt: 1,
    })
}

/// A URL outlives its alias and is then answered as if it were forbidden.
fn unresolved(error: ResolveError) -> Refusal {
    match error {
        ResolveError::NoSuchFunction { .. } | ResolveError::NoSuchQualifier { .. } => {
            Refusal::Forbidden
        }
        ResolveError::NotInvocable { .. } => Refusal::NotInvoked(refusals::resolve(error)),
    }
}

async fn answer_of(outcome: Outcome) -> Result<Response, Refusal> {
    match outcome {
        Outcome::Completed(completed) => match completed.result {
            FunctionResult::Success(result) => Ok(answer::whole(result)?),
            FunctionResult::Error(_) => Err(Refusal::FunctionError),
        },
        Outcome::Streaming(response) => Ok(answer::begin(response).await?),
        Outcome::NotStarted(reason) => Err(Refusal::NotInvoked(not_started(&reason))),
        Outcome::Unknown { reason } => {
            tracing::error!(reason, "nobody knows how an invocation ended");
            Err(Refusal::Lost)
        }
    }
}
