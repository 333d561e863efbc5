//! Function URLs: ordinary HTTP in front of a function.
//!
//! ```text
//!  host or path ──► URL ──► preflight? ──► gate ──► event ──► Call ──► Outcome ──► answer
//!                    │                      │                            │
//!                    └─ unknown: 403        └─ 403                       └─ function error, malformed: 502
//! ```
//!
//! Read `address` for which requests come here, `event` for what the function gets, `answer` for what becomes of its
//! result.
//!
//! Deliberately absent: URL configurations (control keeps them), and TLS.

mod address;
mod answer;
mod cors;
mod event;
mod gate;
mod permission;
mod refusal;
mod serve;
mod target;

use std::net::IpAddr;
use std::sync::Arc;

use firelight_control::View;
use firelight_control::iam::IamView;
use firelight_invoke::Invoker;
use firelight_model::RequestId;
use http::Method;
use http::request::Parts;
use jiff::Timestamp;

use self::cors::Cors;
use self::refusal::Refusal;
use self::target::UrlTarget;
use crate::body::{RequestBody, Response};
use crate::lambda::Lambda;
use crate::sigv4::{Claim, ClaimError};

pub use self::address::UrlDomain;
pub(crate) use self::address::{UrlRequest, matches};
pub(crate) use self::gate::Gate;

/// What function URLs reach.
pub(crate) struct FunctionUrls {
    pub(crate) domain: UrlDomain,
    view: View,
    iam: IamView,
    invoker: Arc<dyn Invoker>,
    samples_traces: bool,
}

impl FunctionUrls {
    pub(crate) fn new(domain: UrlDomain, lambda: &Lambda, iam: IamView) -> Self {
        Self {
            domain,
            view: lambda.control.view().clone(),
            iam,
            invoker: Arc::clone(&lambda.invoker),
            samples_traces: lambda.samples_traces,
        }
    }
}

/// One request to a function URL.
pub(crate) struct Visit {
    pub(crate) url: UrlRequest,
    pub(crate) request: Parts,
    pub(crate) body: RequestBody,
    /// The signature, which matters only if the URL asks for one.
    pub(crate) claim: Result<Option<Claim>, ClaimError>,
    pub(crate) peer: IpAddr,
    pub(crate) request_id: RequestId,
    pub(crate) received_at: Timestamp,
}

/// Answers a request to a function URL; whatever goes wrong, there is an answer.
pub(crate) async fn handle(urls: &FunctionUrls, gate: &Gate<'_>, visit: Visit) -> Response {
    let Some(target) = UrlTarget::find(&urls.view, &visit.url.id) else {
        return Refusal::UnknownUrl.into_response();
    };
    let is_head = visit.request.method == Method::HEAD;
    let response = match &target.cors {
        Some(cors) => across_origins(cors, urls, gate, &target, visit).await,
        None => answer(urls, gate, &target, visit).await,
    };
    if is_head {
        answer::without_body(response)
    } else {
        response
    }
}

async fn across_origins(
    cors: &Cors,
    urls: &FunctionUrls,
    gate: &Gate<'_>,
    target: &UrlTarget,
    visit: Visit,
) -> Response {
    if let Some(answer) = cors.preflight(&visit.request) {
        return answer;
    }
    let asked = visit.request.headers.clone();
    let mut response = answer(urls, gate, target, visit).await;
    cors.apply(&asked, response.headers_mut());
    response
}

async fn answer(
    urls: &FunctionUrls,
    gate: &Gate<'_>,
    target: &UrlTarget,
    visit: Visit,
) -> Response {
    serve::serve(urls, gate, target, visit)
        .await
        .unwrap_or_else(Refusal::into_response)
}
