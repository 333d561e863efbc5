//! The Runtime API, version 2018-06-01.

mod answer;
mod event_reply;
mod poll;

use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, Request, StatusCode};
use hyper::body::Incoming;
use tokio::sync::oneshot;

use super::body::{self, Read};
use super::reply::{self, Refusal};
use super::{Reply, text_header};
use crate::answer::{ErrorReport, ErrorType};
use crate::event::SessionEvent;
use crate::listener::AbuseCounters;
use crate::machine::{Forbidden, InitErrorAs, RuntimeState};
use crate::state::Shared;

pub(super) use answer::{error, response};
use event_reply::event_reply;
use poll::Polled;

const ERROR_TYPE: &str = "lambda-runtime-function-error-type";
const XRAY_CAUSE: &str = "lambda-runtime-function-xray-error-cause";

/// Waits for the next invocation.
pub(super) async fn next(shared: &Arc<Shared>, headers: &HeaderMap) -> Result<Reply, Refusal> {
    note_release(shared, headers);
    let event = match poll::poll(shared)? {
        Polled::Work(event) => event,
        Polled::Parked(parked) => parked.wait().await?,
    };
    Ok(event_reply(&event))
}

fn note_release(shared: &Shared, headers: &HeaderMap) {
    let mut state = shared.lock();
    if state.runtime_release.is_none() {
        let agent = headers
            .get(USER_AGENT)
            .and_then(|value| value.to_str().ok());
        state.runtime_release = agent.map(|agent| agent.chars().take(128).collect());
    }
}

/// The runtime could not start.
pub(super) async fn init_error(
    shared: &Arc<Shared>,
    request: &mut Request<Incoming>,
) -> Result<Reply, Refusal> {
    note_release(shared, request.headers());
    let report = read_report(shared, request).await?;
    let mut state = shared.lock();
    let event = match state.runtime.init_error()? {
        InitErrorAs::Init => SessionEvent::InitError(report),
        InitErrorAs::Restore => SessionEvent::RestoreError(report),
    };
    state.emit(event);
    Ok(reply::accepted())
}

/// The runtime is ready to be snapshotted; answered when it was restored.
pub(super) async fn restore_next(shared: &Arc<Shared>) -> Result<Reply, Refusal> {
    let (sender, receiver) = oneshot::channel();
    {
        let mut state = shared.lock();
        state.runtime.restore_next()?;
        if state.restore.replace(sender).is_none() {
            state.emit(SessionEvent::RestoreReady);
        }
    }
    let restored = receiver.await;
    // A newer poll that took its place leaves this one without an answer.
    restored.map_err(|_| Forbidden {
        from: RuntimeState::RestoreReady,
        to: RuntimeState::RestoreReady,
    })?;
    Ok(reply::json(StatusCode::OK, Bytes::new()))
}

/// An after-restore hook failed.
pub(super) async fn restore_error(
    shared: &Arc<Shared>,
    request: &mut Request<Incoming>,
) -> Result<Reply, Refusal> {
    let report = read_report(shared, request).await?;
    let mut state = shared.lock();
    state.runtime.restore_error()?;
    state.emit(SessionEvent::RestoreError(report));
    Ok(reply::accepted())
}

/// Gives the credentials to who has the token.
pub(super) fn credentials(shared: &Shared, headers: &HeaderMap) -> Result<Reply, Refusal> {
    let token = text_header(headers, AUTHORIZATION.as_str());
    let state = shared.lock();
    match &state.credentials {
        Some(known) if token == Some(known.token.as_str()) => {
            Ok(reply::json(StatusCode::OK, known.json.clone()))
        }
        _ => Err(Refusal::not_found()),
    }
}

/// Reads a report to `init/error` or `restore/error`. Its type is what its bytes are, whatever the client says.
async fn read_report(
    shared: &Shared,
    request: &mut Request<Incoming>,
) -> Result<ErrorReport, Refusal> {
    let error_type = ErrorType::from_header(text_header(request.headers(), ERROR_TYPE));
    let xray_cause = xray_cause(request.headers());
    let payload = read_bounded(
        shared,
        request.body_mut(),
        shared.config.limits.answer_bytes,
    )
    .await?;
    let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(&payload).is_ok();
    let content_type = if is_json {
        "application/json"
    } else {
        "application/octet-stream"
    };
    let content_type = Some(content_type.to_owned());
    Ok(ErrorReport {
        error_type,
        content_type,
        payload,
        xray_cause,
    })
}

/// Reads a body or says why it is refused.
pub(super) async fn read_bounded(
    shared: &Shared,
    body: &mut Incoming,
    limit: usize,
) -> Result<Bytes, Refusal> {
    match body::read(body, limit).await {
        Read::Complete(bytes) => Ok(bytes),
        Read::Broken => Err(Refusal::truncated()),
        Read::TooLarge { .. } => {
            AbuseCounters::count(&shared.counters.oversized_bodies);
            Err(Refusal::too_large(limit))
        }
    }
}

fn xray_cause(headers: &HeaderMap) -> Option<Bytes> {
    headers
        .get(XRAY_CAUSE)
        .map(|value| Bytes::copy_from_slice(value.as_bytes()))
}

fn content_type(headers: &HeaderMap) -> Option<String> {
    text_header(headers, CONTENT_TYPE.as_str()).map(str::to_owned)
}
