//! `firelight logs`: prints a function's log, and goes on printing it.

use std::collections::HashSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::args::LogsArgs;
use crate::client::{CallError, Client, LogEvent, LogQuery};
use crate::failure::{Exit, Failure, Outcome};
use crate::terminal::Terminal;

const POLL_EVERY: Duration = Duration::from_millis(500);
/// How far back each poll looks again: events of several environments may arrive out of order.
const OVERLAP_MS: i64 = 10_000;

pub async fn run(client: &Client, args: &LogsArgs, terminal: &Terminal) -> Outcome {
    let now = Timestamp::now();
    let mut query = LogQuery {
        group: log_group(client, &args.name).await?,
        start_ms: since(&args.since, now)?.as_millisecond(),
        pattern: args.filter.clone(),
    };
    let mut seen = Seen::default();
    loop {
        let events = events(client, &query, args).await?;
        for event in seen.new_ones(events) {
            show(&event, terminal)?;
        }
        if !args.follow {
            return Ok(Exit::Success);
        }
        query.start_ms = query.start_ms.max(seen.newest_ms - OVERLAP_MS);
        tokio::time::sleep(POLL_EVERY).await;
    }
}

/// The group is the function's own setting.
async fn log_group(client: &Client, name: &str) -> Result<String, Failure> {
    let configuration = client
        .get_function_configuration(name)
        .await
        .map_err(|error| error.while_doing(format!("could not find the log of {name:?}")))?;
    let group = configuration["LoggingConfig"]["LogGroup"].as_str();
    Ok(group.map_or_else(|| format!("/aws/lambda/{name}"), str::to_owned))
}

/// A function that was never invoked has no log group yet: that is an empty log.
async fn events(
    client: &Client,
    query: &LogQuery,
    args: &LogsArgs,
) -> Result<Vec<LogEvent>, Failure> {
    match client.filter_log_events(query).await {
        Err(error) if CallError::is_not_found(&error) => Ok(Vec::new()),
        answer => answer.map_err(|error| {
            error.while_doing(format!("could not read the log of {:?}", args.name))
        }),
    }
}

fn show(event: &LogEvent, terminal: &Terminal) -> Result<(), Failure> {
    if terminal.is_json() {
        terminal.lines(&json!(event).to_string())?;
        return Ok(());
    }
    let time = Timestamp::from_millisecond(event.timestamp).unwrap_or_default();
    terminal.lines(&format!("{time:.3} {}", event.message.trim_end()))?;
    Ok(())
}

/// The events that were shown, as far back as a poll looks again.
#[derive(Default)]
struct Seen {
    ids: HashSet<String>,
    recent: Vec<(i64, String)>,
    newest_ms: i64,
}

impl Seen {
    fn new_ones(&mut self, events: Vec<LogEvent>) -> Vec<LogEvent> {
        let fresh: Vec<_> = events
            .into_iter()
            .filter(|event| self.ids.insert(event.event_id.clone()))
            .collect();
        let added = fresh
            .iter()
            .map(|event| (event.timestamp, event.event_id.clone()));
        self.recent.extend(added);
        self.newest_ms = fresh
            .iter()
            .map(|event| event.timestamp)
            .fold(self.newest_ms, i64::max);
        self.forget_old();
        fresh
    }

    fn forget_old(&mut self) {
        // Twice the overlap, so that no event of the next poll is forgotten.
        let oldest = self.newest_ms - 2 * OVERLAP_MS;
        let ids = &mut self.ids;
        self.recent
            .retain(|(time, id)| *time >= oldest || !ids.remove(id));
    }
}

/// Reads `10m`, or a time.
fn since(text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    let ago = || {
        let ago: SignedDuration = text.parse().ok()?;
        now.checked_sub(ago).ok()
    };
    let days_ago = || {
        let days: i64 = text.strip_suffix('d')?.parse().ok()?;
        now.checked_sub(SignedDuration::from_hours(days.checked_mul(24)?))
            .ok()
    };
    let time = text.parse().ok().or_else(ago).or_else(days_ago);
    time.ok_or_else(|| {
        Failure::new(
            Exit::Usage,
            format!("{text:?} is neither a time nor a span of time"),
        )
        .with_remedy("write it like 30s, 10m, 2h, 1d or 2026-11-23T10:00:00Z")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-23T12:00:00Z";

    fn at(text: &str) -> String {
        since(text, NOW.parse().unwrap()).unwrap().to_string()
    }

    fn event(id: &str, timestamp: i64) -> LogEvent {
        LogEvent {
            event_id: id.to_owned(),
            log_stream_name: "s".to_owned(),
            timestamp,
            message: "m".to_owned(),
        }
    }

    #[test]
    fn since_is_a_span_or_a_time() {
        assert_eq!(at("30s"), "2026-11-23T11:59:30Z");
        assert_eq!(at("2h"), "2026-11-23T10:00:00Z");
        assert_eq!(at("1d"), "2026-11-22T12:00:00Z");
        assert_eq!(at("2026-11-23T10:00:00+01:00"), "2026-11-23T09:00:00Z");
        assert_eq!(
            since("yesterday", NOW.parse().unwrap()).unwrap_err().exit,
            Exit::Usage
        );
    }

    #[test]
    fn an_event_is_shown_once_though_polls_overlap() {
        let mut seen = Seen::default();

        let first = seen.new_ones(vec![event("a", 1), event("b", 2)]);
        let second = seen.new_ones(vec![event("b", 2), event("late", 1), event("c", 3)]);

        assert_eq!(first.len(), 2);
        assert_eq!(second, [event("late", 1), event("c", 3)]);
    }

    #[test]
    fn old_events_are_forgotten_only_once_no_poll_returns_them() {
        let mut seen = Seen::default();

        seen.new_ones(vec![event("old", 0), event("edge", OVERLAP_MS)]);
        seen.new_ones(vec![event("new", 2 * OVERLAP_MS + 1)]);

        assert!(!seen.ids.contains("old") && seen.ids.contains("edge"));
    }
}
