//! From an HTTP request to its endpoint, and the answer back.

mod body;
mod extensions;
mod reply;
mod route;
mod runtime;
mod telemetry;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;

use crate::config::InitializationType;
use crate::listener::AbuseCounters;
use crate::prompt_ack::Prompt;
use crate::state::Shared;
use reply::Refusal;
use route::Route;

/// An answer is one piece, so that head and body leave in one write.
pub(crate) type Reply = Response<Full<Bytes>>;

/// Answers one request. A refused one is read to its end first, within bounds: its client may still be sending, and
/// must find the connection open to read why it was refused.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    prompt: Prompt,
    mut request: Request<Incoming>,
) -> Result<Reply, std::convert::Infallible> {
    match dispatch(&shared, &prompt, &mut request).await {
        Ok(answer) => Ok(answer),
        Err(refusal) => {
            AbuseCounters::count(&shared.counters.refused_requests);
            body::drain(request.body_mut(), shared.config.limits.drain_bytes).await;
            Ok(refusal.into_reply())
        }
    }
}

async fn dispatch(
    shared: &Arc<Shared>,
    prompt: &Prompt,
    request: &mut Request<Incoming>,
) -> Result<Reply, Refusal> {
    let route = Route::of(request.uri().path()).ok_or_else(Refusal::not_found)?;
    if *request.method() != route.method() {
        return Err(Refusal::wrong_method(&route.method()));
    }
    match route {
        Route::Ping => Ok(reply::text(StatusCode::OK, "pong")),
        Route::Next => runtime::next(shared, request.headers()).await,
        Route::Response(id) => runtime::response(shared, prompt, id, request).await,
        Route::Error(id) => runtime::error(shared, id, request).await,
        Route::InitError => runtime::init_error(shared, request).await,
        Route::Register => extensions::register(shared, request).await,
        Route::ExtensionNext => extensions::next(shared, request.headers()).await,
        Route::ExtensionInitError => extensions::init_error(shared, request).await,
        Route::ExtensionExitError => extensions::exit_error(shared, request).await,
        Route::Subscribe(api) => telemetry::subscribe(shared, api, request).await,
        Route::RestoreNext | Route::RestoreError | Route::Credentials => {
            snap_start(shared, route, request).await
        }
    }
}

/// These exist only in environments that are restored from snapshots.
async fn snap_start(
    shared: &Arc<Shared>,
    route: Route,
    request: &mut Request<Incoming>,
) -> Result<Reply, Refusal> {
    if shared.config.initialization_type != InitializationType::SnapStart {
        return Err(Refusal::not_found());
    }
    match route {
        Route::RestoreNext => runtime::restore_next(shared).await,
        Route::RestoreError => runtime::restore_error(shared, request).await,
        _ => runtime::credentials(shared, request.headers()),
    }
}

/// Reads a header as text; one that is not text counts as absent.
fn text_header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
