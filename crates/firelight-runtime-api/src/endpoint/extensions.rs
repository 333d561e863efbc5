//! The Extensions API, version 2020-01-01.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use hyper::body::Incoming;
use serde_json::json;
use tokio::sync::oneshot;

use super::reply::{self, Refusal};
use super::runtime::read_bounded;
use super::{Reply, text_header};
use crate::answer::ErrorType;
use crate::event::{ExtensionEvent, ExtensionKind, SessionEvent};
use crate::machine::{ExtensionMachine, ExtensionState, Forbidden};
use crate::state::{Extension, ExtensionMessage, Shared};

const NAME: &str = "lambda-extension-name";
const ACCEPT_FEATURE: &str = "lambda-extension-accept-feature";
const ERROR_TYPE: &str = "lambda-extension-function-error-type";
const IDENTIFIER: HeaderName = HeaderName::from_static("lambda-extension-identifier");
const EVENT_IDENTIFIER: HeaderName = HeaderName::from_static("lambda-extension-event-identifier");

/// Registers an extension under its name.
pub(super) async fn register(
    shared: &Arc<Shared>,
    request: &mut Request<Incoming>,
) -> Result<Reply, Refusal> {
    let name = text_header(request.headers(), NAME)
        .unwrap_or_default()
        .to_owned();
    let wants_account = accepts_account_id(request.headers());
    let limit = shared.config.limits.control_bytes;
    let body = read_bounded(shared, request.body_mut(), limit).await?;
    let events = requested_events(&body)?;
    let id = admit(shared, &name, events)?;
    Ok(registered(shared, &id, wants_account))
}

fn accepts_account_id(headers: &HeaderMap) -> bool {
    let features = text_header(headers, ACCEPT_FEATURE).unwrap_or_default();
    features
        .split(',')
        .any(|feature| feature.trim() == "accountId")
}

/// Reads `{"events":[…]}`; no body asks for no events.
fn requested_events(body: &[u8]) -> Result<Vec<ExtensionEvent>, Refusal> {
    if body.is_empty() {
        return Ok(Vec::new());
    }
    let invalid = |message: &str| Refusal::forbidden("InvalidRequestFormat", message);
    let fields: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(body).map_err(|error| invalid(&error.to_string()))?;
    if fields.contains_key("configurationKeys") {
        return Err(invalid(
            "configurationKeys are deprecated; use environment variables instead",
        ));
    }
    let Some(events) = fields.get("events").filter(|events| !events.is_null()) else {
        return Ok(Vec::new());
    };
    let events = events
        .as_array()
        .ok_or_else(|| invalid("events must be a list"))?;
    let mut known = Vec::new();
    for event in events {
        let event = match event.as_str() {
            Some("INVOKE") => ExtensionEvent::Invoke,
            Some("SHUTDOWN") => ExtensionEvent::Shutdown,
            _ => return Err(invalid_event_type(&event.to_string())),
        };
        if !known.contains(&event) {
            known.push(event);
        }
    }
    Ok(known)
}

fn invalid_event_type(event: &str) -> Refusal {
    Refusal::forbidden(
        "Extension.InvalidEventType",
        &format!("Invalid event type {event}"),
    )
}

/// Decides on a registration and books it. Returns the new identifier.
fn admit(shared: &Shared, name: &str, events: Vec<ExtensionEvent>) -> Result<String, Refusal> {
    if name.is_empty() {
        return Err(Refusal::forbidden(
            "Extension.InvalidExtensionName",
            "Empty extension name",
        ));
    }
    let is_external = shared
        .config
        .external_extensions
        .iter()
        .any(|external| external == name);
    let kind = if is_external {
        ExtensionKind::External
    } else {
        ExtensionKind::Internal
    };
    if kind == ExtensionKind::Internal && events.contains(&ExtensionEvent::Shutdown) {
        return Err(invalid_event_type("SHUTDOWN for an internal extension"));
    }
    let mut state = shared.lock();
    if state.runtime.is_initialized() {
        let message = "Extension registration closed already";
        return Err(Refusal::forbidden("Extension.RegistrationClosed", message));
    }
    if state.extensions.iter().any(|known| known.name == name) {
        let message = format!("Extension {name} is registered already");
        return Err(Refusal::forbidden(
            "Extension.InvalidExtensionState",
            &message,
        ));
    }
    let limit = shared.config.limits.extensions;
    if state.extensions.len() >= limit {
        let message = format!("Extension limit ({limit}) reached");
        return Err(Refusal::forbidden("Extension.TooManyExtensions", &message));
    }
    let id = uuid::Uuid::new_v4().to_string();
    state.extensions.push(Extension {
        id: id.clone(),
        name: name.to_owned(),
        events: events.clone(),
        machine: ExtensionMachine::registered(),
        poll: None,
        queue: VecDeque::new(),
    });
    state.emit(SessionEvent::ExtensionRegistered {
        name: name.to_owned(),
        kind,
        events,
    });
    Ok(id)
}

fn registered(shared: &Shared, id: &str, wants_account: bool) -> Reply {
    let config = &shared.config;
    let mut body = json!({
        "functionName": config.function_name,
        "functionVersion": config.function_version,
        "handler": config.handler,
    });
    if wants_account {
        body["accountId"] = json!(config.account_id);
    }
    identified(
        reply::json(StatusCode::OK, body.to_string()),
        IDENTIFIER,
        id,
    )
}

fn identified(mut answer: Reply, name: HeaderName, id: &str) -> Reply {
    if let Ok(value) = HeaderValue::from_str(id) {
        answer.headers_mut().insert(name, value);
    }
    answer
}

/// Waits for the extension's next event.
pub(super) async fn next(shared: &Arc<Shared>, headers: &HeaderMap) -> Result<Reply, Refusal> {
    let id = identifier(headers)?;
    let waiting = poll(shared, id)?;
    let message = waiting.await.map_err(|_| superseded())?;
    Ok(event_reply(&message))
}

/// A newer poll of the same extension took the place of this one.
fn superseded() -> Refusal {
    Refusal::forbidden(
        "Extension.InvalidExtensionState",
        "Superseded by a newer request",
    )
}

fn poll(shared: &Shared, id: &str) -> Result<oneshot::Receiver<Arc<ExtensionMessage>>, Refusal> {
    let mut state = shared.lock();
    let Some(extension) = state.extension(id) else {
        return Err(unknown(id));
    };
    let name = extension.name.clone();
    let first = extension
        .machine
        .poll()
        .map_err(|step| refused(&step, &name))?;
    let (sender, waiting) = oneshot::channel();
    match extension.queue.pop_front() {
        Some(message) => {
            extension.machine.hand_out();
            // Its receiver is still in our hands.
            let _ = sender.send(message);
        }
        None => extension.poll = Some(sender),
    }
    if first {
        state.emit(SessionEvent::ExtensionReady { name });
    }
    state.note_idle();
    Ok(waiting)
}

fn event_reply(message: &ExtensionMessage) -> Reply {
    let body = match message {
        ExtensionMessage::Invoke(event) => json!({
            "eventType": "INVOKE",
            "deadlineMs": event.deadline_ms,
            "requestId": event.request_id,
            "invokedFunctionArn": event.invoked_function_arn,
            "tracing": {
                "type": "X-Amzn-Trace-Id",
                "value": event.trace_id.as_deref().unwrap_or_default(),
            },
        }),
        ExtensionMessage::Shutdown {
            reason,
            deadline_ms,
        } => json!({
            "eventType": "SHUTDOWN",
            "shutdownReason": reason.as_str(),
            "deadlineMs": deadline_ms,
        }),
    };
    let answer = reply::json(StatusCode::OK, body.to_string());
    identified(answer, EVENT_IDENTIFIER, &uuid::Uuid::new_v4().to_string())
}

/// The extension could not start.
pub(super) async fn init_error(
    shared: &Arc<Shared>,
    request: &mut Request<Incoming>,
) -> Result<Reply, Refusal> {
    report(
        shared,
        request,
        ExtensionMachine::init_error,
        |name, error_type, payload| SessionEvent::ExtensionInitError {
            name,
            error_type,
            payload,
        },
    )
    .await
}

/// The extension is about to exit because of an error.
pub(super) async fn exit_error(
    shared: &Arc<Shared>,
    request: &mut Request<Incoming>,
) -> Result<Reply, Refusal> {
    report(
        shared,
        request,
        ExtensionMachine::exit_error,
        |name, error_type, payload| SessionEvent::ExtensionExitError {
            name,
            error_type,
            payload,
        },
    )
    .await
}

async fn report(
    shared: &Arc<Shared>,
    request: &mut Request<Incoming>,
    step: fn(&mut ExtensionMachine) -> Result<(), Forbidden<ExtensionState>>,
    event: fn(String, ErrorType, Bytes) -> SessionEvent,
) -> Result<Reply, Refusal> {
    let Some(error_type) = text_header(request.headers(), ERROR_TYPE).map(ErrorType::of_extension)
    else {
        let message = "Lambda-Extension-Function-Error-Type not found";
        return Err(Refusal::forbidden("Extension.MissingHeader", message));
    };
    let id = identifier(request.headers())?.to_owned();
    let limit = shared.config.limits.control_bytes;
    let payload = read_bounded(shared, request.body_mut(), limit).await?;
    let mut state = shared.lock();
    let extension = state.extension(&id).ok_or_else(|| unknown(&id))?;
    let name = extension.name.clone();
    step(&mut extension.machine).map_err(|step| refused(&step, &name))?;
    state.emit(event(name, error_type, payload));
    Ok(reply::accepted())
}

/// Reads the identifier that every request after the registration carries.
pub(super) fn identifier(headers: &HeaderMap) -> Result<&str, Refusal> {
    let Some(raw) = headers.get(IDENTIFIER) else {
        let message = "Missing Lambda-Extension-Identifier header";
        return Err(Refusal::forbidden(
            "Extension.MissingExtensionIdentifier",
            message,
        ));
    };
    let id = raw.to_str().unwrap_or_default();
    if uuid::Uuid::try_parse(id).is_err() {
        let message = "Invalid Lambda-Extension-Identifier";
        return Err(Refusal::forbidden(
            "Extension.InvalidExtensionIdentifier",
            message,
        ));
    }
    Ok(id)
}

pub(super) fn unknown(id: &str) -> Refusal {
    Refusal::forbidden(
        "Extension.UnknownExtensionIdentifier",
        &format!("Unknown extension {id}"),
    )
}

fn refused(step: &Forbidden<ExtensionState>, name: &str) -> Refusal {
    let message = format!("{step} for extension {name}. Error: State transition is not allowed");
    Refusal::forbidden("Extension.InvalidExtensionState", &message)
}
