//! Accepts connections from inside the sandbox and serves them until the session ends.
//!
//! One task owns the listener and every connection. A reset is a message to it: it closes all connections, throws
//! away what the kernel still queues (a killed runtime may have left a request there), and only then begins the new
//! generation.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};

use crate::endpoint;
use crate::head_timeout::{HeadTimeout, RequestCount};
use crate::prompt_ack::{Prompt, PromptAck};
use crate::state::Shared;

/// After a failed accept (no descriptors left, say) the listener rests this long instead of spinning.
const REST_AFTER_ACCEPT_ERROR: Duration = Duration::from_millis(50);

/// How the inside misbehaved. The numbers only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Abuse {
    /// Connections closed at once because too many were open.
    pub refused_connections: u64,
    /// Connections that broke the protocol, among them heads that were too large or too slow.
    pub broken_connections: u64,
    /// Requests that the state did not allow, or that named an unknown invocation.
    pub refused_requests: u64,
    pub oversized_bodies: u64,
}

#[derive(Debug, Default)]
pub(crate) struct AbuseCounters {
    pub(crate) refused_connections: AtomicU64,
    pub(crate) broken_connections: AtomicU64,
    pub(crate) refused_requests: AtomicU64,
    pub(crate) oversized_bodies: AtomicU64,
}

impl AbuseCounters {
    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Abuse {
        Abuse {
            refused_connections: self.refused_connections.load(Ordering::Relaxed),
            broken_connections: self.broken_connections.load(Ordering::Relaxed),
            refused_requests: self.refused_requests.load(Ordering::Relaxed),
            oversized_bodies: self.oversized_bodies.load(Ordering::Relaxed),
        }
    }
}

/// Owns the accepting task; dropping it aborts the task and with it every connection.
pub(crate) struct ListenerTask {
    commands: mpsc::Sender<oneshot::Sender<()>>,
    task: Option<JoinHandle<()>>,
}

impl ListenerTask {
    pub(crate) fn start(listener: std::net::TcpListener, shared: Arc<Shared>) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let (commands, receiver) = mpsc::channel(1);
        let task = tokio::spawn(run(listener, shared, receiver));
        Ok(Self {
            commands,
            task: Some(task),
        })
    }

    pub(crate) async fn reset(&self) {
        let (done, wait) = oneshot::channel();
        if self.commands.send(done).await.is_ok() {
            // The task only goes away with this handle.
            let _ = wait.await;
        }
    }

    pub(crate) async fn stop(mut self) {
        let Some(task) = self.task.take() else { return };
        task.abort();
        // An aborted task ends with a cancellation; there is nothing else to learn.
        let _ = task.await;
    }
}

impl Drop for ListenerTask {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

async fn run(
    listener: TcpListener,
    shared: Arc<Shared>,
    mut commands: mpsc::Receiver<oneshot::Sender<()>>,
) {
    let mut connections = JoinSet::new();
    loop {
        // Every branch is cancel-safe: what one of them lost the race for is still there in the next round.
        tokio::select! {
            command = commands.recv() => {
                let Some(done) = command else { return };
                begin_generation(&listener, &mut connections, &shared).await;
                // A caller that no longer waits wanted the reset all the same.
                let _ = done.send(());
            }
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => admit(stream, &mut connections, &shared),
                Err(error) => rest_after(&error).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn begin_generation(
    listener: &TcpListener,
    connections: &mut JoinSet<()>,
    shared: &Arc<Shared>,
) {
    connections.shutdown().await;
    drop_queued_connections(listener);
    shared.telemetry.clear();
    shared.lock().reset(&shared.config);
}

/// Accepts and drops whatever the kernel queues. Asks the kernel itself: tokio only knows of a connection once its
/// driver heard of it. Bounded, because processes that still live could keep it here.
fn drop_queued_connections(listener: &TcpListener) {
    for _ in 0..4096 {
        if rustix::net::accept(listener).is_err() {
            return;
        }
    }
}

async fn rest_after(error: &io::Error) {
    tracing::warn!(%error, "could not accept a connection from inside a sandbox");
    tokio::time::sleep(REST_AFTER_ACCEPT_ERROR).await;
}

fn admit(stream: TcpStream, connections: &mut JoinSet<()>, shared: &Arc<Shared>) {
    while connections.try_join_next().is_some() {}
    if connections.len() >= shared.config.limits.connections {
        AbuseCounters::count(&shared.counters.refused_connections);
        return;
    }
    connections.spawn(serve_connection(stream, Arc::clone(shared)));
}

async fn serve_connection(stream: TcpStream, shared: Arc<Shared>) {
    // Without it, an answer in two segments waits for the client's delayed acknowledgement. A socket that refuses the
    // option is already closed, which serving it will find out.
    let _ = stream.set_nodelay(true);
    let limits = shared.config.limits;
    let requests = RequestCount::default();
    let prompt = Prompt::default();
    let io = TokioIo::new(HeadTimeout::new(
        PromptAck::new(stream, prompt.clone()),
        limits.head_timeout,
        requests.clone(),
    ));
    let service = service_fn(|request| {
        prompt.set(false);
        let during = requests.begin();
        let answer = endpoint::serve(Arc::clone(&shared), prompt.clone(), request);
        async move {
            let answer = answer.await;
            drop(during);
            answer
        }
    });
    let served = http1::Builder::new()
        .auto_date_header(false)
        .title_case_headers(true)
        .header_read_timeout(None)
        .max_headers(limits.headers)
        .max_header_size(limits.head_bytes)
        .max_buf_size(limits.head_bytes.max(128 * 1024))
        .serve_connection(io, service)
        .await;
    if let Err(error) = served {
        AbuseCounters::count(&shared.counters.broken_connections);
        tracing::debug!(%error, "connection from inside a sandbox broke");
    }
}
