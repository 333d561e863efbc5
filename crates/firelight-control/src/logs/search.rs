//! Searching a group: events that fit a pattern, page by page.

use firelight_model::WallTime;
use firelight_store::{EventPosition, FilterQuery, LogEvent, ReadLogsError, Streams};

use super::{FilterPattern, Logs, place};
use crate::scope::Scope;

/// How many events are read from the store at once.
const BATCH: u32 = 1_000;
/// How many events one call looks at, so that a rare pattern does not hold it for ever.
const MAX_EXAMINED: u32 = 100_000;
/// How many bytes of messages one page may have.
const MAX_PAGE_BYTES: usize = 1024 * 1024;

/// What to search for.
#[derive(Debug)]
pub struct Search {
    pub streams: Streams,
    pub since: Option<WallTime>,
    pub until: Option<WallTime>,
    pub pattern: FilterPattern,
    pub from: EventPosition,
    pub limit: u32,
}

/// What was found so far.
#[derive(Debug)]
pub struct SearchPage {
    pub events: Vec<LogEvent>,
    /// Where to search on; `None` at the end. There may be more even if nothing was found.
    pub next: Option<EventPosition>,
}

impl Logs {
    pub async fn search(
        &self,
        scope: &Scope,
        group: &str,
        search: &Search,
    ) -> Result<SearchPage, ReadLogsError> {
        let place = place(scope);
        let mut query = FilterQuery {
            streams: search.streams.clone(),
            since: search.since,
            until: search.until,
            from: search.from,
            limit: BATCH,
        };
        let mut found = Vec::new();
        let (mut examined, mut bytes) = (0, 0);
        loop {
            let batch = self.store.filter(&place, group, &query).await?;
            let is_last = batch.len() < BATCH as usize;
            for event in batch {
                query.from = event.position.behind();
                if !search.pattern.matches(&event.message) {
                    continue;
                }
                bytes += event.message.len();
                found.push(event);
                if found.len() >= search.limit as usize || bytes >= MAX_PAGE_BYTES {
                    return Ok(SearchPage {
                        events: found,
                        next: Some(query.from),
                    });
                }
            }
            examined += BATCH;
            if is_last {
                return Ok(SearchPage {
                    events: found,
                    next: None,
                });
            }
            if examined >= MAX_EXAMINED {
                return Ok(SearchPage {
                    events: found,
                    next: Some(query.from),
                });
            }
        }
    }
}
