//! The task that sends spans, and the sink that never waits for it.
//!
//! ```text
//!  gathering ──512 spans, or 5 s──► sending ─┬─ taken ───────────► gathering
//!                                            ├─ away, 5 times ───► dropped, counted
//!                                            └─ refused ─────────► dropped, counted
//! ```
//!
//! Sizes and times are the defaults of OpenTelemetry's batch processor.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use firelight_invoke::SpanSink;
use prost::Message;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::message::Span;
use crate::render::{Moment, Service, request, spans_of};

/// Invocations that may wait to be sent.
const LONGEST_QUEUE: usize = 2048;
/// Spans in one message.
const LARGEST_BATCH: usize = 512;
const LONGEST_GATHERING: Duration = Duration::from_secs(5);
const ATTEMPTS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// What is left to send at the end of the daemon has so long.
const LAST_CALL: Duration = Duration::from_secs(5);

/// Sends one message to the collector.
pub type Post =
    Arc<dyn Fn(Bytes) -> Pin<Box<dyn Future<Output = Result<(), PostError>> + Send>> + Send + Sync>;

/// A message was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PostError {
    /// It may be taken later: no connection, or 429, 502, 503 or 504 (OTLP, section "Retryable response codes").
    Away(String),
    /// It will never be taken.
    Refused(String),
}

/// What became of the spans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub exported: u64,
    pub dropped: u64,
}

#[derive(Default)]
struct Counters {
    /// Taken over from the data plane.
    taken: AtomicU64,
    exported: AtomicU64,
    dropped: AtomicU64,
}

impl Counters {
    /// Counts as dropped what was taken over and never became anything else.
    fn give_up_rest(&self) {
        let settled = self.exported.load(Ordering::Relaxed) + self.dropped.load(Ordering::Relaxed);
        let rest = self.taken.load(Ordering::Relaxed).saturating_sub(settled);
        self.dropped.fetch_add(rest, Ordering::Relaxed);
    }
}

/// Exports spans until it is closed.
pub struct Exporter {
    sender: mpsc::Sender<Vec<Span>>,
    counters: Arc<Counters>,
    clock: Arc<dyn Fn() -> u64 + Send + Sync>,
    random: Arc<dyn Fn() -> u64 + Send + Sync>,
    task: JoinHandle<()>,
}

impl Exporter {
    /// Starts to export. `clock` tells nanoseconds since 1970, `random` makes ids.
    pub fn start(
        service: Service,
        post: Post,
        clock: impl Fn() -> u64 + Send + Sync + 'static,
        random: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Self {
        let (sender, receiver) = mpsc::channel(LONGEST_QUEUE);
        let counters = Arc::new(Counters::default());
        let sending = Sending {
            service,
            post,
            counters: Arc::clone(&counters),
        };
        Self {
            sender,
            counters,
            clock: Arc::new(clock),
            random: Arc::new(random),
            task: tokio::spawn(sending.run(receiver)),
        }
    }

    /// Where the data plane leaves its spans.
    pub fn sink(&self) -> SpanSink {
        let (sender, counters) = (self.sender.downgrade(), Arc::clone(&self.counters));
        let (clock, random) = (Arc::clone(&self.clock), Arc::clone(&self.random));
        Arc::new(move |invocation| {
            let now = Moment {
                instant: Instant::now(),
                unix_nano: clock(),
            };
            let spans = spans_of(&invocation, now, &*random);
            let count = spans.len() as u64;
            counters.taken.fetch_add(count, Ordering::Relaxed);
            let taken = sender.upgrade().map(|sender| sender.try_send(spans));
            if !matches!(taken, Some(Ok(()))) {
                counters.dropped.fetch_add(count, Ordering::Relaxed);
            }
        })
    }

    /// What became of the spans so far, readable after the exporter is closed too.
    pub fn totals(&self) -> impl Fn() -> Totals + Send + Sync + 'static {
        let counters = Arc::clone(&self.counters);
        move || Totals {
            exported: counters.exported.load(Ordering::Relaxed),
            dropped: counters.dropped.load(Ordering::Relaxed),
        }
    }

    /// Sends what waits, within bounds, and ends.
    pub async fn close(self) {
        let Self {
            sender,
            mut task,
            counters,
            ..
        } = self;
        drop(sender);
        if timeout(LAST_CALL, &mut task).await.is_err() {
            task.abort();
            // Only when it has ended, nothing is counted twice.
            let _ = task.await;
            counters.give_up_rest();
            tracing::warn!("the collector of spans was too slow to take the last ones");
        }
    }
}

struct Sending {
    service: Service,
    post: Post,
    counters: Arc<Counters>,
}

impl Sending {
    async fn run(self, mut receiver: mpsc::Receiver<Vec<Span>>) {
        while let Some(first) = receiver.recv().await {
            let batch = gather(first, &mut receiver).await;
            self.send(batch).await;
        }
    }

    async fn send(&self, spans: Vec<Span>) {
        let count = spans.len() as u64;
        let body = Bytes::from(request(&self.service, spans).encode_to_vec());
        let counter = match self.post(body).await {
            Ok(()) => &self.counters.exported,
            Err(PostError::Away(reason) | PostError::Refused(reason)) => {
                tracing::warn!(spans = count, reason, "the collector did not take spans");
                &self.counters.dropped
            }
        };
        counter.fetch_add(count, Ordering::Relaxed);
    }

    /// Posts a message, again and again while the collector is away.
    async fn post(&self, body: Bytes) -> Result<(), PostError> {
        let mut pause = FIRST_PAUSE;
        for _ in 1..ATTEMPTS {
            match (self.post)(body.clone()).await {
                Err(PostError::Away(_)) => {}
                done => return done,
            }
            sleep(pause).await;
            pause *= 2;
        }
        (self.post)(body).await
    }
}

/// Adds what comes soon, up to the size of a batch.
async fn gather(first: Vec<Span>, receiver: &mut mpsc::Receiver<Vec<Span>>) -> Vec<Span> {
    let until = Instant::now() + LONGEST_GATHERING;
    let mut batch = first;
    while batch.len() < LARGEST_BATCH {
        match timeout_at(until, receiver.recv()).await {
            Ok(Some(spans)) => batch.extend(spans),
            Ok(None) | Err(_) => break,
        }
    }
    batch
}
