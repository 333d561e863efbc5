//! Telemetry: who subscribed to what, and the way of each record to its subscribers inside the sandbox.
//!
//! ```text
//!  publish ──► one bounded queue per subscriber ──► batches (items, bytes, time) ──► HTTP POST or TCP lines
//!                  └ full: dropped, counted, told as platform.logsDropped
//! ```
//!
//! Publishing never waits: a slow subscriber loses records, not the function its time. What happens during the init is
//! kept until it is over, so that a subscriber gets the beginning too. A frozen subscriber is not a slow one.

mod delivery;
mod request;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::sync::watch;

pub(crate) use request::SubscriptionRequest;

use delivery::{Delivery, Pulse};

/// Records that are kept for those who subscribe during the init.
const EARLY_RECORDS: usize = 256;

/// Opens a connection to a port of the sandbox's own loopback.
pub trait Connect: Send + Sync + 'static {
    fn connect(&self, port: u16) -> Connecting;
}

/// A connection being opened.
pub type Connecting = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

impl<F> Connect for F
where
    F: Fn(u16) -> Connecting + Send + Sync + 'static,
{
    fn connect(&self, port: u16) -> Connecting {
        self(port)
    }
}

/// What a record is about, and what one subscribes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    Platform,
    Function,
    Extension,
}

impl Category {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Function => "function",
            Self::Extension => "extension",
        }
    }
}

/// Through which of the two APIs an extension subscribed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TelemetryApi {
    Telemetry,
    Logs,
}

impl TelemetryApi {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Telemetry => "Telemetry",
            Self::Logs => "Logs",
        }
    }
}

/// One record: `{"time","type","record"}`.
#[derive(Clone, Debug, PartialEq)]
pub struct TelemetryRecord {
    pub category: Category,
    /// The two APIs tell some things differently; `None` is for both.
    pub only_for: Option<TelemetryApi>,
    /// ISO 8601 with milliseconds, UTC.
    pub time: String,
    /// For example `platform.start`, `function`, `extension`.
    pub kind: String,
    pub record: serde_json::Value,
}

impl TelemetryRecord {
    fn to_json(&self) -> Bytes {
        let event = serde_json::json!({
            "time": self.time,
            "type": self.kind,
            "record": self.record,
        });
        Bytes::from(event.to_string())
    }
}

/// The subscriptions of one generation.
pub(crate) struct Subscriptions {
    connect: Arc<dyn Connect>,
    /// Spares everything where nobody subscribed, which is nearly everywhere.
    wanted: AtomicBool,
    pulse: watch::Sender<Pulse>,
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    /// What happened before the init was over: whoever subscribes gets it too. `None` once it is over.
    early: Option<Early>,
    subscribed: Vec<Subscribed>,
}

#[derive(Default)]
struct Early {
    records: Vec<TelemetryRecord>,
}

struct Subscribed {
    name: String,
    api: TelemetryApi,
    categories: Vec<Category>,
    delivery: Delivery,
}

impl Early {
    fn keep(&mut self, record: &TelemetryRecord) {
        if self.records.len() < EARLY_RECORDS {
            self.records.push(record.clone());
        }
    }
}

impl Subscribed {
    fn wants(&self, record: &TelemetryRecord) -> bool {
        self.categories.contains(&record.category)
            && record.only_for.is_none_or(|api| api == self.api)
    }
}

impl Subscriptions {
    pub(crate) fn new(connect: Arc<dyn Connect>) -> Self {
        Self {
            connect,
            wanted: AtomicBool::new(true),
            pulse: watch::Sender::new(Pulse::default()),
            book: Mutex::new(Book::of_new_generation()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody subscribed through the other of the two APIs: an environment has one.
    pub(crate) fn is_used_through_other(&self, api: TelemetryApi) -> bool {
        self.lock().subscribed.iter().any(|one| one.api != api)
    }

    /// Subscribes under a name. Returns false if it replaced a subscription.
    pub(crate) fn subscribe(
        &self,
        name: &str,
        api: TelemetryApi,
        request: SubscriptionRequest,
    ) -> bool {
        let subscribed = Subscribed {
            name: name.to_owned(),
            api,
            categories: request.categories.clone(),
            delivery: Delivery::start(Arc::clone(&self.connect), request, self.pulse.subscribe()),
        };
        let mut book = self.lock();
        let early = book.early.iter().flat_map(|early| &early.records);
        early
            .filter(|record| subscribed.wants(record))
            .for_each(|record| subscribed.delivery.push(record.to_json()));
        let before = book.subscribed.len();
        book.subscribed.retain(|one| one.name != name);
        let is_new = book.subscribed.len() == before;
        book.subscribed.push(subscribed);
        is_new
    }

    /// Whether a record would be kept or sent at all.
    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Acquire)
    }

    pub(crate) fn publish(&self, record: &TelemetryRecord) {
        if !self.is_wanted() {
            return;
        }
        let mut book = self.lock();
        if let Some(early) = &mut book.early {
            early.keep(record);
        }
        let mut wanting = book
            .subscribed
            .iter()
            .filter(|one| one.wants(record))
            .peekable();
        if wanting.peek().is_none() {
            return;
        }
        let json = record.to_json();
        wanting.for_each(|one| one.delivery.push(json.clone()));
    }

    /// Nobody can subscribe any more.
    pub(crate) fn end_init(&self) {
        let mut book = self.lock();
        book.early = None;
        self.wanted
            .store(!book.subscribed.is_empty(), Ordering::Release);
    }

    /// Sends what waits for its batch to fill.
    pub(crate) fn flush(&self) {
        self.pulse.send_modify(|pulse| pulse.flushes += 1);
    }

    /// While the sandbox is frozen nothing is sent, and nobody is too slow.
    pub(crate) fn set_frozen(&self, frozen: bool) {
        if self.is_wanted() {
            self.pulse.send_modify(|pulse| pulse.frozen = frozen);
        }
    }

    /// Ends every subscription with its generation.
    pub(crate) fn clear(&self) {
        *self.lock() = Book::of_new_generation();
        self.wanted.store(true, Ordering::Release);
    }
}

impl Book {
    fn of_new_generation() -> Self {
        Self {
            early: Some(Early::default()),
            subscribed: Vec::new(),
        }
    }
}
