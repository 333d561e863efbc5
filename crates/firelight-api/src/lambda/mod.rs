//! The Lambda API: paths to operations, operations to answers.
//!
//! ```text
//!  request ──route──► operation ──parse──► shape ──► domain call ──► shape ──► answer
//!                                            └── errors ──────────────────────► AWS's text
//! ```
//!
//! One file for each group of resources turns shapes into calls of the control plane and back; `refusals` is the one
//! place that knows AWS's texts. An operation that is not built answers 501 with its name.
//!
//! Deliberately absent: any state, and any decision about a resource.

mod aliases;
mod body_rules;
mod call;
mod caller_rate;
mod capacity_providers;
mod code_location;
mod code_signing;
mod concurrency;
mod configuration_shape;
mod dispatch;
mod event_invoke;
mod function_input;
mod function_options;
mod functions;
pub(crate) mod invoke;
mod layer_permissions;
mod layers;
mod mappings;
mod paging;
mod permissions;
pub(crate) mod refusals;
mod scaling;
mod tags;
mod urls;
mod versions;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use firelight_control::Control;
use firelight_control::sts::SessionKey;
use firelight_events::Events;
use firelight_invoke::Invoker;
use firelight_wire::{ErrorReply, Operation, Reply, RouteError, Routed, route};
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode};
use tokio::time::Instant;

use self::body_rules::MAX_BODY;
use self::call::Call;
use self::caller_rate::CallerRates;
use self::invoke::{Asked, Reach};
use crate::body::{ReadBodyError, RequestBody, Response, ResponseBody};
use crate::context::RequestContext;
use crate::error::ApiError;
use crate::front_door::FrontDoor;
use crate::protocol::Protocol;

pub(crate) use self::body_rules::{body_limit, too_long};
pub use self::function_input::{FetchObject, ObjectError, ObjectName};

/// What the operations of Lambda reach. Cheap to clone.
#[derive(Clone)]
pub struct Lambda {
    pub(crate) control: Control,
    /// Seals the URLs under which packages are downloaded.
    sessions: SessionKey,
    pub(crate) invoker: Arc<dyn Invoker>,
    objects: Option<Arc<dyn FetchObject>>,
    events: Option<Events>,
    pub(crate) samples_traces: bool,
    rates: Option<CallerRates>,
}

impl Lambda {
    pub fn new(control: Control, sessions: SessionKey, invoker: Arc<dyn Invoker>) -> Self {
        Self {
            control,
            sessions,
            invoker,
            objects: None,
            events: None,
            samples_traces: false,
            rates: None,
        }
    }

    /// Lets functions be invoked asynchronously.
    #[must_use]
    pub fn with_events(mut self, events: Events) -> Self {
        self.events = Some(events);
        self
    }

    /// Limits how often an account may call anything but an invocation.
    #[must_use]
    pub fn limiting_callers(mut self, per_second: Option<u32>) -> Self {
        self.rates = per_second.map(CallerRates::new);
        self
    }

    /// Whether an account may call an operation now.
    fn admits(&self, context: &RequestContext, operation: Operation) -> bool {
        let now = Instant::now();
        self.rates
            .as_ref()
            .is_none_or(|rates| rates.admits(context.account, &context.region, operation, now))
    }

    /// Has traces recorded that begin with a request.
    #[must_use]
    pub fn sampling_traces(mut self, samples_traces: bool) -> Self {
        self.samples_traces = samples_traces;
        self
    }

    pub(crate) fn events(&self) -> Option<&Events> {
        self.events.as_ref()
    }

    /// Lets packages come from buckets.
    #[must_use]
    pub fn with_objects(mut self, objects: Arc<dyn FetchObject>) -> Self {
        self.objects = Some(objects);
        self
    }
}

/// What became of a request.
pub(crate) enum Handled {
    Answered(Response),
    /// A function runs for it; this is its answer.
    Running(Pin<Box<dyn Future<Output = Response> + Send>>),
}

impl From<Response> for Handled {
    fn from(response: Response) -> Self {
        Self::Answered(response)
    }
}

/// Answers a request of the Lambda API.
pub(crate) async fn handle(
    door: &FrontDoor,
    context: &RequestContext,
    request: Parts,
    body: RequestBody,
) -> Result<Handled, ApiError> {
    let lambda = &door.lambda;
    if let Some(digest) = code_location::digest_of(&request) {
        let download = code_location::download(lambda, context, digest);
        return Ok(Box::pin(download).await?.into());
    }
    let routed = match route(
        request.method.as_str(),
        request.uri.path(),
        request.uri.query(),
    ) {
        Ok(routed) => routed,
        Err(error) => return Ok(unknown_route(error).into()),
    };
    if let Err(error) = body_rules::check_media_type(&request) {
        return Ok(response(error.reply()).into());
    }
    let reach = Reach {
        view: lambda.control.view(),
        invoker: &lambda.invoker,
        events: lambda.events.as_ref(),
        samples_traces: lambda.samples_traces,
    };
    let labels = &routed.labels;
    let answer = match routed.operation {
        Operation::Invoke => match Asked::read(&request, labels) {
            Ok(asked) => {
                // Ten thousand may wait, and each head would keep the buffer that it came in.
                drop(request);
                invoke::invoke(&reach, context, asked, body).await
            }
            Err(error) => Err(error),
        },
        Operation::InvokeWithResponseStream => {
            let streamed =
                invoke::invoke_with_response_stream(&reach, context, &request, labels, body);
            Box::pin(streamed).await.map(Handled::from)
        }
        Operation::InvokeAsync => {
            let accepted = invoke::invoke_async(&reach, context, &request, labels, body);
            Box::pin(accepted).await.map(Handled::from)
        }
        operation if !lambda.admits(context, operation) => Err(refusals::caller_rate()),
        // Boxed, because Invoke is smaller.
        _ => {
            let answered = rest_call(door, context, &request, &routed, body);
            return Ok(Box::pin(answered).await?.into());
        }
    };
    Ok(answer.unwrap_or_else(|error| response(error.reply()).into()))
}

/// Answers a call that takes and gives JSON.
async fn rest_call(
    door: &FrontDoor,
    context: &RequestContext,
    request: &Parts,
    routed: &Routed<'_>,
    body: RequestBody,
) -> Result<Response, ApiError> {
    let body = match body.read(MAX_BODY).await {
        Ok(body) => body,
        Err(error) => return unread(&error, routed.operation),
    };
    let call = Call {
        lambda: &door.lambda,
        url_domain: door.url_domain(),
        authorizer: door.authorizer(context, Protocol::RestJson),
        context,
        request,
        routed,
        body,
    };
    let reply = dispatch::dispatch(&call)
        .await
        .unwrap_or_else(|error| error.reply());
    Ok(response(reply))
}

/// Turns a rendered answer into one that can be sent.
pub(crate) fn response(reply: Reply) -> Response {
    let mut response = Response::new(ResponseBody::from(Bytes::from(reply.body)));
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in reply.headers {
        let (name, value) = (HeaderName::try_from(name), HeaderValue::try_from(value));
        if let (Ok(name), Ok(value)) = (name, value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn unknown_route(error: RouteError) -> Response {
    response(ErrorReply::from(error).reply())
}

fn unread(error: &ReadBodyError, operation: Operation) -> Result<Response, ApiError> {
    match error {
        ReadBodyError::TooLarge { .. } => {
            Ok(response(body_rules::too_large(operation.name()).reply()))
        }
        ReadBodyError::NoRoom => Ok(response(refusals::no_room().reply())),
        ReadBodyError::Idle | ReadBodyError::Malformed(_) | ReadBodyError::Broken(_) => {
            let text = "The request body could not be read.";
            Err(ApiError::bad_request(
                "InvalidRequestContentException",
                text,
            ))
        }
    }
}
