//! Subscribing to the Telemetry API (2022-07-01) and to its older form, the Logs API (2020-08-15).

use std::sync::Arc;

use http::{Request, StatusCode};
use hyper::body::Incoming;

use super::Reply;
use super::extensions::{identifier, unknown};
use super::reply::{self, Refusal};
use super::runtime::read_bounded;
use crate::event::SessionEvent;
use crate::state::Shared;
use crate::telemetry::{SubscriptionRequest, TelemetryApi};

/// Subscribes the calling extension, or replaces its subscription.
pub(super) async fn subscribe(
    shared: &Arc<Shared>,
    api: TelemetryApi,
    request: &mut Request<Incoming>,
) -> Result<Reply, Refusal> {
    let id = identifier(request.headers())?.to_owned();
    let limit = shared.config.limits.control_bytes;
    let body = read_bounded(shared, request.body_mut(), limit).await?;
    book(shared, api, &id, &body)?;
    Ok(reply::json(StatusCode::OK, "\"OK\""))
}

fn book(shared: &Shared, api: TelemetryApi, id: &str, body: &[u8]) -> Result<(), Refusal> {
    let mut state = shared.lock();
    let name = state
        .extension(id)
        .map(|one| one.name.clone())
        .ok_or_else(|| unknown(id))?;
    if state.is_init_over() {
        let error_type = format!("{}.SubscriptionClosed", api.name());
        let message = format!("{} API subscription is closed already", api.name());
        return Err(Refusal::forbidden(&error_type, &message));
    }
    if shared.telemetry.is_used_through_other(api) {
        // The text is ours; AWS's is not known.
        let message = "the Telemetry API and the Logs API cannot both be used in one environment";
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "ValidationError",
            message,
        ));
    }
    let request = SubscriptionRequest::parse(api, body).map_err(|error| {
        Refusal::new(
            StatusCode::BAD_REQUEST,
            "ValidationError",
            &error.to_string(),
        )
    })?;
    let categories = request.categories.clone();
    if shared.telemetry.subscribe(&name, api, request) {
        state.emit(SessionEvent::TelemetrySubscribed {
            name,
            api,
            categories,
        });
    }
    Ok(())
}
