//! Carries one subscriber's records into the sandbox, in batches.
//!
//! One task per subscription. It dies with its [`Delivery`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout, timeout_at};

use super::Connect;
use super::request::{Buffering, Destination, SubscriptionRequest};

/// Bytes that wait for one subscriber; beyond them records are dropped.
const WAITING_BYTES: usize = 4 * 1024 * 1024;
/// A subscriber that takes longer for one batch loses it.
const SEND_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);

/// The sending side of one subscription.
pub(super) struct Delivery {
    queue: mpsc::Sender<Bytes>,
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
    pub(super) fn start(connect: Arc<dyn Connect>, request: SubscriptionRequest) -> Self {
        let (queue, receiver) = mpsc::channel(request.buffering.max_items);
        let counts = Arc::new(Counts::default());
        let courier = Courier {
            connect,
            destination: request.destination,
            buffering: request.buffering,
            queue: receiver,
            counts: Arc::clone(&counts),
            line: Line::Closed,
        };
        let task = tokio::spawn(courier.run()).abort_handle();
        Self {
            queue,
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
        if waiting + bytes > WAITING_BYTES || self.queue.try_send(record).is_err() {
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
        let deadline = Instant::now() + self.buffering.timeout;
        while !batch.is_full(&self.buffering) {
            match timeout_at(deadline, self.queue.recv()).await {
                Ok(Some(record)) => batch.push(record),
                Ok(None) | Err(_) => break,
            }
        }
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

    /// Sends a batch, once more over a fresh connection if the kept one turns out to be dead; then it is lost.
    async fn deliver(&mut self, batch: &Batch) {
        for _ in 0..2 {
            let sent = timeout(SEND_TIMEOUT, self.send(batch)).await;
            match sent.unwrap_or(Err(SendError::TooSlow)) {
                Ok(()) => return,
                Err(error) => {
                    self.line = Line::Closed;
                    tracing::debug!(%error, "could not deliver telemetry into a sandbox");
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
