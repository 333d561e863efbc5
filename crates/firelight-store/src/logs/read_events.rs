//! Reads of events: the pages that may hold what is asked for, in the order of time, and no more of them than needed.
//!
//! Pages may overlap in time, but none spans more than [`SPAN_MS`]. So an event is known to be the next one as soon as
//! the pages that remain begin behind it.

use futures_util::TryStreamExt;
use sqlx::QueryBuilder;
use sqlx::sqlite::{Sqlite, SqliteConnection, SqlitePool};

use super::page::{self, SPAN_MS};
use super::read::{group_id, newest, push_prefix, stream_id, time};
use super::{
    EventPage, EventPosition, EventQuery, FilterQuery, LogEvent, LogPlace, ReadLogsError, Start,
    StreamName, Streams, TailPage,
};
use crate::sqlite::database::{from_sql, to_sql};

const COLUMNS: &str = "SELECT p.last_seq, p.events, p.first_ms, s.name, p.ingested_ms, p.body
     FROM log_page p JOIN log_stream s ON s.id = p.stream_id";

/// Behind every event.
const LAST: EventPosition = EventPosition {
    at_ms: u64::MAX,
    seq: u64::MAX,
};

/// A page as it is stored.
struct PageRow {
    last_seq: i64,
    events: i64,
    first_ms: i64,
    name: String,
    ingested_ms: i64,
    body: Vec<u8>,
}

/// The columns of [`COLUMNS`].
type Columns = (i64, i64, i64, String, i64, Vec<u8>);

impl From<Columns> for PageRow {
    fn from((last_seq, events, first_ms, name, ingested_ms, body): Columns) -> Self {
        Self {
            last_seq,
            events,
            first_ms,
            name,
            ingested_ms,
            body,
        }
    }
}

impl PageRow {
    fn first_ms(&self) -> u64 {
        from_sql(self.first_ms)
    }

    /// The events of the page in the order of their arrival.
    fn events(&self) -> impl Iterator<Item = LogEvent> {
        let first_seq = from_sql(self.last_seq) + 1 - from_sql(self.events);
        page::events(&self.body)
            .zip(first_seq..)
            .map(|((at_ms, message), seq)| LogEvent {
                position: EventPosition { at_ms, seq },
                stream: self.name.clone(),
                at: time(to_sql(at_ms)),
                ingested: time(self.ingested_ms),
                message: message.to_owned(),
            })
    }
}

pub(super) async fn events(
    readers: &SqlitePool,
    name: &StreamName,
    query: &EventQuery,
) -> Result<EventPage, ReadLogsError> {
    let mut db = readers.begin().await?;
    let stream = stream_id(&mut db, name).await?;
    let bounds = Bounds::of(query);
    let mut sql = QueryBuilder::new(COLUMNS);
    sql.push(" WHERE p.stream_id = ").push_bind(stream);
    let events = collect(&mut db, sql, bounds, query.limit).await?;
    Ok(bounds.page(events))
}

pub(super) async fn filter(
    readers: &SqlitePool,
    place: &LogPlace,
    group: &str,
    query: &FilterQuery,
) -> Result<Vec<LogEvent>, ReadLogsError> {
    let mut db = readers.begin().await?;
    let group = group_id(&mut *db, place, group).await?;
    let bounds = Bounds::of_filter(query);
    let mut sql = QueryBuilder::new(COLUMNS);
    sql.push(" WHERE p.group_id = ").push_bind(group);
    match &query.streams {
        Streams::All => {}
        Streams::Prefixed(prefix) => push_prefix(&mut sql, "s.name", prefix),
        Streams::Named(names) => push_names(&mut sql, names),
    }
    Ok(collect(&mut db, sql, bounds, query.limit).await?)
}

/// Reads pages until no other one can matter.
async fn collect(
    db: &mut SqliteConnection,
    mut sql: QueryBuilder<Sqlite>,
    bounds: Bounds,
    limit: u32,
) -> sqlx::Result<Vec<LogEvent>> {
    bounds.push(&mut sql);
    let mut found = Found::new(limit, bounds);
    let mut pages = sql.build_query_as::<Columns>().fetch(db);
    while let Some(page) = pages.try_next().await?
        && found.take(&page.into())
    {}
    Ok(found.into_events())
}

fn push_names(sql: &mut QueryBuilder<Sqlite>, names: &[String]) {
    sql.push(" AND s.name IN (");
    let mut list = sql.separated(", ");
    for name in names {
        list.push_bind(name.clone());
    }
    sql.push(")");
}

pub(super) async fn tail(
    readers: &SqlitePool,
    place: &LogPlace,
    group: &str,
    after: u64,
    limit: u32,
) -> Result<TailPage, ReadLogsError> {
    let mut db = readers.begin().await?;
    let group = group_id(&mut *db, place, group).await?;
    let newest = newest(&mut *db).await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    // The plus keeps SQLite from walking the group's index by time: new pages are few.
    let mut sql = QueryBuilder::new(COLUMNS);
    sql.push(" WHERE p.last_seq > ").push_bind(to_sql(after));
    sql.push(" AND +p.group_id = ").push_bind(group);
    sql.push(" ORDER BY p.last_seq");
    let mut events = Vec::new();
    let mut pages = sql.build_query_as::<Columns>().fetch(&mut *db);
    while events.len() < limit
        && let Some(page) = pages.try_next().await?
    {
        let page = PageRow::from(page);
        events.extend(page.events().filter(|event| event.position.seq > after));
    }
    events.truncate(limit);
    let last = events.last().filter(|_| events.len() == limit);
    let upto = last.map_or(newest.max(after), |event| event.position.seq);
    // Streams are written one after the other, but people read them side by side.
    events.sort_by_key(|event| event.at.epoch_ms());
    Ok(TailPage { events, upto })
}

/// The stretch of time that is asked for, and from which end it is read.
#[derive(Clone, Copy)]
struct Bounds {
    from: EventPosition,
    before: EventPosition,
    backwards: bool,
}

impl Bounds {
    fn of(query: &EventQuery) -> Self {
        let since = query
            .since
            .map_or(EventPosition::default(), EventPosition::at);
        let until = query.until.map_or(LAST, EventPosition::at);
        let (from, before, backwards) = match query.start {
            Start::Head => (since, until, false),
            Start::Tail => (since, until, true),
            Start::From(place) => (since.max(place), until, false),
            Start::Before(place) => (since, until.min(place), true),
        };
        Self {
            from,
            before,
            backwards,
        }
    }

    fn of_filter(query: &FilterQuery) -> Self {
        let since = query
            .since
            .map_or(EventPosition::default(), EventPosition::at);
        Self {
            from: query.from.max(since),
            before: query.until.map_or(LAST, EventPosition::at),
            backwards: false,
        }
    }

    fn hold(&self, position: EventPosition) -> bool {
        (self.from..self.before).contains(&position)
    }

    /// Selects the pages that may hold such events, in the order they are to be read.
    fn push(&self, sql: &mut QueryBuilder<Sqlite>) {
        let earliest = self.from.at_ms.saturating_sub(SPAN_MS);
        sql.push(" AND p.first_ms >= ").push_bind(to_sql(earliest));
        sql.push(" AND p.first_ms <= ")
            .push_bind(to_sql(self.before.at_ms));
        sql.push(if self.backwards {
            " ORDER BY p.first_ms DESC"
        } else {
            " ORDER BY p.first_ms"
        });
    }

    /// Where nothing was found, both places are where the search began: later events lie ahead of
    /// it and earlier ones behind.
    fn page(&self, events: Vec<LogEvent>) -> EventPage {
        let began = if self.backwards && self.before != LAST {
            self.before
        } else {
            self.from
        };
        EventPage {
            forward: events.last().map_or(began, |e| e.position.behind()),
            backward: events.first().map_or(began, |e| e.position),
            events,
        }
    }
}

/// The events found so far, at most as many as asked for once they are settled.
struct Found {
    events: Vec<LogEvent>,
    limit: usize,
    bounds: Bounds,
}

impl Found {
    fn new(limit: u32, bounds: Bounds) -> Self {
        Self {
            events: Vec::new(),
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
            bounds,
        }
    }

    /// Takes what is asked for out of the next page; `false` if neither it nor any page behind it can matter.
    fn take(&mut self, page: &PageRow) -> bool {
        if self.events.len() >= self.limit {
            self.settle();
            if self.complete(page.first_ms()) {
                return false;
            }
        }
        let bounds = self.bounds;
        let wanted = page.events().filter(|event| bounds.hold(event.position));
        self.events.extend(wanted);
        true
    }

    /// Whether all events found stand ahead of those of a page that begins then.
    fn complete(&self, first_ms: u64) -> bool {
        let Some(last) = self.events.last() else {
            return true;
        };
        if self.bounds.backwards {
            last.position.at_ms > first_ms + SPAN_MS
        } else {
            last.position.at_ms < first_ms
        }
    }

    /// Puts what was found in the order of reading and drops what is too much.
    fn settle(&mut self) {
        self.events.sort_by_key(|event| event.position);
        if self.bounds.backwards {
            self.events.reverse();
        }
        self.events.truncate(self.limit);
    }

    /// Returns what was found in the order of time.
    fn into_events(mut self) -> Vec<LogEvent> {
        self.settle();
        if self.bounds.backwards {
            self.events.reverse();
        }
        self.events
    }
}
