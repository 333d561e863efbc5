//! Telemetry: who subscribed to what, and the way of each record to its subscribers inside the sandbox.
//!
//! ```text
//!  publish ──► one bounded queue per subscriber ──► batches (items, bytes, time) ──► HTTP POST or TCP lines
//!                  └ full: dropped, counted, told as platform.logsDropped
//! ```
//!
//! Publishing never waits: a slow subscriber loses records, not the function its time.

mod delivery;
mod request;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::net::TcpStream;

pub(crate) use request::SubscriptionRequest;

use delivery::Delivery;

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
    /// Spares the lock where nobody subscribed, which is nearly everywhere.
    is_any: AtomicBool,
    subscribed: Mutex<Vec<Subscribed>>,
}

struct Subscribed {
    name: String,
    categories: Vec<Category>,
    delivery: Delivery,
}

impl Subscriptions {
    pub(crate) fn new(connect: Arc<dyn Connect>) -> Self {
        Self {
            connect,
            is_any: AtomicBool::new(false),
            subscribed: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Subscribed>> {
        self.subscribed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Subscribes under a name. Returns false if it replaced a subscription.
    pub(crate) fn subscribe(&self, name: &str, request: SubscriptionRequest) -> bool {
        let categories = request.categories.clone();
        let delivery = Delivery::start(Arc::clone(&self.connect), request);
        let mut subscribed = self.lock();
        let before = subscribed.len();
        subscribed.retain(|one| one.name != name);
        let is_new = subscribed.len() == before;
        subscribed.push(Subscribed {
            name: name.to_owned(),
            categories,
            delivery,
        });
        self.is_any.store(true, Ordering::Release);
        is_new
    }

    pub(crate) fn publish(&self, record: &TelemetryRecord) {
        if !self.is_any.load(Ordering::Acquire) {
            return;
        }
        let subscribed = self.lock();
        let mut wanting = subscribed
            .iter()
            .filter(|one| one.categories.contains(&record.category))
            .peekable();
        if wanting.peek().is_none() {
            return;
        }
        let json = record.to_json();
        wanting.for_each(|one| one.delivery.push(json.clone()));
    }

    /// Ends every subscription with its generation.
    pub(crate) fn clear(&self) {
        self.lock().clear();
        self.is_any.store(false, Ordering::Release);
    }
}
