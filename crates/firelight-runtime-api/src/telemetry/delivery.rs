//! Carries one subscriber's records into the sandbox, in batches.
//!
//! One task per subscription. It dies with its [`Delivery`]. What listens inside is hostile: it may refuse, stall, or never
//! stop answering, and costs a bounded time and a bounded queue, while its sandbox is not frozen.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};

use super::Connect;
use super::request::{Buffering, Destination, SubscriptionRequest};

/// Batches of the largest size that may wait for one subscriber; beyond them records are dropped.
const WAITING_BATCHES: usize = 2;
/// A subscriber that takes longer for one batch loses it.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);
/// The pauses after attempts at a batch: a subscriber may subscribe a moment before it listens.
const PAUSES: [Duration; 3] = [
    Duration::ZERO,
    Duration::from_millis(100),
    Duration::from_secs(1),
];

/// What a session tells its couriers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pulse {
    pub(super) frozen: bool,
    /// How often everything was to be sent at once.
    pub(super) flushes: u64,
}

/// The sending side of one subscription.
pub(super) struct Delivery {
    queue: mpsc::Sender<Bytes>,
    most_bytes: usize,
    counts: Arc<Counts>,
    task: AbortHandle,
}

#[derive(Default)]
struct Counts {
    waiting_bytes: AtomicUsize,
    dropped_records: AtomicU64,
    dropped_bytes: AtomicU64,
}

impl Counts {
    fn note_dropped(&self, records: usize, bytes: usize) {
        self.dropped_records
            .fetch_add(records as u64, Ordering::Relaxed);
        self.dropped_bytes
            .fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl Delivery {
    pub(super) fn start(
        connect: Arc<dyn Connect>,
        request: SubscriptionRequest,
        pulse: watch::Receiver<Pulse>,
    ) -> Self {
        let most_bytes = WAITING_BATCHES * request.buffering.max_bytes;
        let (queue, receiver) = mpsc::channel(request.buffering.max_items);
        let counts = Arc::new(Counts::default());
        let courier = Courier {
            connect,
            destination: request.destination,
            buffering: request.buffering,
            queue: receiver,
            counts: Arc::clone(&counts),
            line: Line::Closed,
            pulse,
            flushed: 0,
        };
        let task = tokio::spawn(courier.run()).abort_handle();
        Self {
            queue,
            most_bytes,
            counts,
            task,
        }
    }

    /// Queues a record, or drops it and counts the loss.
    pub(super) fn push(&self, record: Bytes) {
        let bytes = record.len();
        let waiting = self
            .counts
            .waiting_bytes
            .fetch_add(bytes, Ordering::Relaxed);
        if waiting + bytes > self.most_bytes || self.queue.try_send(record).is_err() {
            self.counts
                .waiting_bytes
                .fetch_sub(bytes, Ordering::Relaxed);
            self.counts.note_dropped(1, bytes);
        }
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Courier {
    connect: Arc<dyn Connect>,
    destination: Destination,
    buffering: Buffering,
    queue: mpsc::Receiver<Bytes>,
    counts: Arc<Counts>,
    line: Line,
    pulse: watch::Receiver<Pulse>,
    /// The flush that was obeyed last.
    flushed: u64,
}

/// The connection into the sandbox, kept between batches.
enum Line {
    Closed,
    Http(SendRequest<Full<Bytes>>),
    Tcp(TcpStream),
}

#[derive(Default)]
struct Batch {
    records: Vec<Bytes>,
    bytes: usize,
}

impl Batch {
    fn push(&mut self, record: Bytes) {
        self.bytes += record.len();
        self.records.push(record);
    }

    fn is_full(&self, limits: &Buffering) -> bool {
        self.records.len() >= limits.max_items || self.bytes >= limits.max_bytes
    }

    /// `[a,b]` for HTTP.
    fn to_array(&self) -> Bytes {
        let mut body = BytesMut::with_capacity(self.bytes + self.records.len() + 2);
        body.put_u8(b'[');
        for (position, record) in self.records.iter().enumerate() {
            if position > 0 {
                body.put_u8(b',');
            }
            body.put_slice(record);
        }
        body.put_u8(b']');
        body.freeze()
    }

    /// One record a line for TCP.
    fn to_lines(&self) -> Bytes {
        let mut lines = BytesMut::with_capacity(self.bytes + self.records.len());
        for record in &self.records {
            lines.put_slice(record);
            lines.put_u8(b'\n');
        }
        lines.freeze()
    }
}

#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error("could not connect to the subscriber")]
    Connect(#[source] std::io::Error),
    #[error("could not send to the subscriber")]
    Http(#[from] hyper::Error),
    #[error("could not write to the subscriber")]
    Tcp(#[source] std::io::Error),
    #[error("the subscription's address is not a valid request")]
    Request(#[from] http::Error),
    #[error("the subscriber took too long")]
    TooSlow,
}

impl Courier {
    async fn run(mut self) {
        while let Some(batch) = self.collect().await {
            self.deliver(&batch).await;
        }
    }

    /// Collects until the batch is full or its first record has waited long enough. `None` at the end.
    async fn collect(&mut self) -> Option<Batch> {
        let mut batch = Batch::default();
        batch.push(self.queue.recv().await?);
        let deadline = sleep(self.buffering.timeout);
        tokio::pin!(deadline);
        while !batch.is_full(&self.buffering) {
            // Every branch is cancel-safe; records that are there go before whatever ends the batch.
            tokio::select! {
                biased;
                record = self.queue.recv() => match record {
                    Some(record) => batch.push(record),
                    None => break,
                },
                () = &mut deadline => break,
                () = next_flush(&mut self.pulse, self.flushed) => break,
            }
        }
        self.flushed = self.pulse.borrow().flushes;
        self.counts
            .waiting_bytes
            .fetch_sub(batch.bytes, Ordering::Relaxed);
        self.add_losses(&mut batch);
        Some(batch)
    }

    /// Tells the subscriber what it missed since the last batch.
    fn add_losses(&self, batch: &mut Batch) {
        let records = self.counts.dropped_records.swap(0, Ordering::Relaxed);
        if records == 0 {
            return;
        }
        let bytes = self.counts.dropped_bytes.swap(0, Ordering::Relaxed);
        let time = serde_json::from_slice::<Timed>(&batch.records[0]).map(|timed| timed.time);
        let event = serde_json::json!({
            "time": time.unwrap_or_default(),
            "type": "platform.logsDropped",
            "record": {
                "reason": "Consumer seems to have fallen behind as it has not acknowledged receipt of logs.",
                "droppedRecords": records,
                "droppedBytes": bytes,
            },
        });
        batch.push(Bytes::from(event.to_string()));
    }

    /// Sends a batch, again over a fresh connection if that fails; then it is lost.
    async fn deliver(&mut self, batch: &Batch) {
        for pause in PAUSES {
            sleep(pause).await;
            let pulse = self.pulse.clone();
            let sent = within(SEND_TIMEOUT, pulse, self.send(batch)).await;
            match sent.unwrap_or(Err(SendError::TooSlow)) {
                Ok(()) => return,
                Err(error) => {
                    self.line = Line::Closed;
                    tracing::debug!(%error, "could not deliver telemetry into a sandbox");
                    if matches!(error, SendError::TooSlow) {
                        break;
                    }
                }
            }
        }
        self.counts.note_dropped(batch.records.len(), batch.bytes);
    }

    async fn send(&mut self, batch: &Batch) -> Result<(), SendError> {
        if matches!(self.line, Line::Closed) {
            self.line = self.open().await?;
        }
        match &mut self.line {
            Line::Http(sender) => post(sender, &self.destination, batch.to_array()).await,
            Line::Tcp(stream) => stream
                .write_all(&batch.to_lines())
                .await
                .map_err(SendError::Tcp),
            Line::Closed => unreachable!("the line was just opened"),
        }
    }

    async fn open(&self) -> Result<Line, SendError> {
        let (Destination::Http { port, .. } | Destination::Tcp { port }) = self.destination;
        let stream = self
            .connect
            .connect(port)
            .await
            .map_err(SendError::Connect)?;
        if matches!(self.destination, Destination::Tcp { .. }) {
            return Ok(Line::Tcp(stream));
        }
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Ends with its sender, and its errors come back through it.
        tokio::spawn(connection);
        Ok(Line::Http(sender))
    }
}

/// Waits until everything is to be sent at once. Cancel-safe.
async fn next_flush(pulse: &mut watch::Receiver<Pulse>, obeyed: u64) {
    if pulse
        .wait_for(|pulse| pulse.flushes > obeyed)
        .await
        .is_err()
    {
        // The subscription ends with its session.
        std::future::pending::<()>().await;
    }
}

/// Does something for so long at most, not counting the time that the sandbox is frozen. It begins when it is not.
async fn within<T>(
    limit: Duration,
    mut pulse: watch::Receiver<Pulse>,
    work: impl Future<Output = T>,
) -> Option<T> {
    let thawed = pulse.wait_for(|pulse| !pulse.frozen).await.is_ok();
    if !thawed {
        return None;
    }
    tokio::pin!(work);
    let mut left = limit;
    loop {
        let frozen = pulse.borrow_and_update().frozen;
        let began = Instant::now();
        tokio::select! {
            done = &mut work => return Some(done),
            () = sleep(left), if !frozen => return None,
            changed = pulse.changed() => changed.ok()?,
        }
        if !frozen {
            left = left.saturating_sub(began.elapsed());
        }
    }
}

#[derive(serde::Deserialize)]
struct Timed {
    time: String,
}

async fn post(
    sender: &mut SendRequest<Full<Bytes>>,
    destination: &Destination,
    body: Bytes,
) -> Result<(), SendError> {
    let Destination::Http { host, path, .. } = destination else {
        return Ok(());
    };
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(HOST, host)
        .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .body(Full::new(body))?;
    sender.ready().await?;
    let mut answer = sender.send_request(request).await?;
    // Whatever the subscriber answers is an acknowledgement; its body is read so that the connection can be kept.
    let mut taken = 0;
    while let Some(frame) = answer.body_mut().frame().await {
        taken += frame?.data_ref().map_or(0, Bytes::len);
        if taken > 64 * 1024 {
            return Err(SendError::TooSlow);
        }
    }
    Ok(())
}
