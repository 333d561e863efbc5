//! Firelight's own paths, which no AWS client knows.
//!
//! | path | what |
//! |---|---|
//! | `GET /_firelight/health` | whether the daemon answers; for everybody |
//! | `GET /_firelight/usage?month=YYYY-MM` | what the caller's account used; for the account's root |
//! | `GET /_firelight/queue` | asynchronous events of the caller's account that wait or run; for the account's root |

use firelight_control::sts::Identity;
use firelight_control::usage::{Books, FunctionUsage};
use firelight_events::Events;
use firelight_model::WallTime;
use firelight_wire::query_value;
use http::request::Parts;
use http::{Method, StatusCode};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::body::Response;
use crate::context::RequestContext;
use crate::error::ApiError;
use crate::protocol::rest_json_answer;

/// Answers what everybody may ask; `None` for the rest.
pub(crate) fn handle_public(request: &Parts) -> Option<Response> {
    match (&request.method, request.uri.path()) {
        (&Method::GET | &Method::HEAD, "/_firelight/health") => {
            Some(rest_json_answer(StatusCode::OK, &json!({"status": "ok"})))
        }
        _ => None,
    }
}

/// Answers a caller who is known.
pub(crate) async fn handle(
    books: &Books,
    events: Option<&Events>,
    context: &RequestContext,
    request: &Parts,
) -> Result<Response, ApiError> {
    match (&request.method, request.uri.path()) {
        (&Method::GET, "/_firelight/usage") => usage(books, context, request).await,
        (&Method::GET, "/_firelight/queue") => queue(events, context).await,
        (_, path) => {
            let text = format!("{} {path} is no path of Firelight", request.method);
            Err(ApiError::new(
                StatusCode::NOT_FOUND,
                "NotFoundException",
                text,
            ))
        }
    }
}

fn check_root(context: &RequestContext, what: &str) -> Result<(), ApiError> {
    if context.caller.identity == Identity::Root {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::FORBIDDEN,
        "AccessDeniedException",
        format!("{what} is told to the root of an account only"),
    ))
}

async fn queue(events: Option<&Events>, context: &RequestContext) -> Result<Response, ApiError> {
    check_root(context, "The queue of events")?;
    let depths = match events {
        Some(events) => events.depths().await,
        None => Ok(Vec::new()),
    };
    let depths = depths.map_err(|error| ApiError::internal_from(&error))?;
    let account = format!("{}/", context.account);
    let own = depths.iter().filter_map(|depth| {
        let function = depth.function.strip_prefix(&account)?;
        Some(json!({
            "function": function,
            "events": depth.events,
            "oldest_seconds": depth.oldest.as_secs(),
        }))
    });
    Ok(rest_json_answer(StatusCode::OK, &own.collect()))
}

async fn usage(
    books: &Books,
    context: &RequestContext,
    request: &Parts,
) -> Result<Response, ApiError> {
    check_root(context, "Usage")?;
    let month = query_value(request.uri.query(), "month").unwrap_or_default();
    let (from, until) = bounds(&month).ok_or_else(|| {
        let text = format!("'{month}' is not a month; write it like 2026-11");
        ApiError::bad_request("ValidationException", text)
    })?;
    books.settle().await;
    let rows = books.between(context.account, from, until).await;
    let rows = rows.map_err(|error| ApiError::internal_from(&error))?;
    let rows: Vec<Value> = rows.iter().map(|row| row_json(row, &month)).collect();
    Ok(rest_json_answer(StatusCode::OK, &Value::Array(rows)))
}

/// The first moment of a month and of the one after.
fn bounds(month: &str) -> Option<(WallTime, WallTime)> {
    let first = Date::strptime("%Y-%m-%d", format!("{month}-01")).ok()?;
    let next = first.checked_add(1.month()).ok()?;
    Some((moment(first)?, moment(next)?))
}

fn moment(date: Date) -> Option<WallTime> {
    let at: Timestamp = date.to_zoned(TimeZone::UTC).ok()?.timestamp();
    u64::try_from(at.as_millisecond())
        .ok()
        .map(WallTime::from_epoch_ms)
}

fn row_json(row: &FunctionUsage, month: &str) -> Value {
    let counts = &row.counts;
    json!({
        "function": row.function.as_str(),
        "architecture": row.architecture.as_str(),
        "memory_mb": row.memory_mb,
        "month": month,
        "requests": counts.requests,
        "errors": counts.errors,
        "throttles": counts.throttles,
        "cold_starts": counts.cold_starts,
        "billed_ms": counts.billed_ms,
        "mb_ms": counts.billed_mb_ms,
        "init_ms": counts.init_ms,
        "sent_bytes": counts.sent_bytes,
        "received_bytes": counts.received_bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn month_begins_at_its_first_moment_and_ends_before_the_next() {
        let (from, until) = bounds("2026-02").unwrap();

        assert_eq!(from.to_string(), "2026-02-01T00:00:00.000+0000");
        assert_eq!(until.to_string(), "2026-03-01T00:00:00.000+0000");
        assert_eq!(bounds("2026-13"), None);
        assert_eq!(bounds("x"), None);
    }
}
