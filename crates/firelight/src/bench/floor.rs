//! The floor: the least a Lambda-like server can do, to measure Firelight against.
//!
//! ```text
//!  client ─► POST (any path) ─► queue ─► parked GET next ─► runtime ─► POST response ─► client
//! ```
//!
//! One process, two listeners, the same HTTP library and runtime client as Firelight; no names, no signatures, no
//! isolation, no log, no meter.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::process::Child;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use super::server_process::ServerProcess;

/// The hidden word on the command line that makes the binary this server.
pub const ROLE: &str = "bench-floor-server";

/// A running floor server; dropped, it and its runtimes end.
pub struct Floor {
    runtimes: Vec<Child>,
    pub address: String,
    _server: ServerProcess,
}

impl Floor {
    /// Starts the server and some runtimes as processes of their own.
    pub fn start(runtimes: usize) -> io::Result<Self> {
        let binary = std::env::current_exe()?;
        let server = ServerProcess::start(ROLE, None)?;
        let [address, api] = &server.addresses[..] else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let runtimes = (0..runtimes)
            .map(|_| super::echo_runtime_command(&binary, api).spawn())
            .collect::<io::Result<Vec<_>>>()?;
        Ok(Self {
            runtimes,
            address: address.clone(),
            _server: server,
        })
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        for child in &mut self.runtimes {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

struct Event {
    id: u64,
    payload: Bytes,
}

/// What both listeners share.
struct Hop {
    ids: AtomicU64,
    events: mpsc::Sender<Event>,
    parked: tokio::sync::Mutex<mpsc::Receiver<Event>>,
    replies: Mutex<HashMap<u64, oneshot::Sender<Bytes>>>,
}

impl Hop {
    fn replies(&self) -> std::sync::MutexGuard<'_, HashMap<u64, oneshot::Sender<Bytes>>> {
        self.replies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves until the process is killed; prints both addresses first.
pub async fn serve() -> io::Result<()> {
    let front = TcpListener::bind("127.0.0.1:0").await?;
    let api = TcpListener::bind("127.0.0.1:0").await?;
    super::server_process::ready(&[front.local_addr()?, api.local_addr()?]);
    let (events, parked) = mpsc::channel(1024);
    let hop = Arc::new(Hop {
        ids: AtomicU64::new(0),
        events,
        parked: tokio::sync::Mutex::new(parked),
        replies: Mutex::default(),
    });
    tokio::join!(
        accept(front, &hop, front_request),
        accept(api, &hop, runtime_request)
    );
    Ok(())
}

async fn accept<F>(
    listener: TcpListener,
    hop: &Arc<Hop>,
    answer: fn(Arc<Hop>, Request<Incoming>) -> F,
) where
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    while let Ok((stream, _)) = listener.accept().await {
        // Without it the answer still comes, only later.
        let _ = stream.set_nodelay(true);
        let hop = Arc::clone(hop);
        let service = service_fn(move |request| {
            let answered = answer(Arc::clone(&hop), request);
            async { Ok::<_, Infallible>(answered.await) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection);
    }
}

async fn front_request(hop: Arc<Hop>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let payload = body(request).await;
    let id = hop.ids.fetch_add(1, Ordering::Relaxed);
    let (reply, answer) = oneshot::channel();
    hop.replies().insert(id, reply);
    let queued = hop.events.send(Event { id, payload }).await.is_ok();
    let answer = if queued {
        answer.await.unwrap_or_default()
    } else {
        Bytes::new()
    };
    Response::new(Full::new(answer))
}

async fn runtime_request(hop: Arc<Hop>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    if request.method() == Method::GET {
        let event = hop.parked.lock().await.recv().await;
        let Some(event) = event else {
            return Response::new(Full::default());
        };
        let mut response = Response::new(Full::new(event.payload));
        response
            .headers_mut()
            .insert("lambda-runtime-aws-request-id", event.id.into());
        return response;
    }
    let id = request
        .uri()
        .path()
        .rsplit('/')
        .nth(1)
        .and_then(|id| id.parse().ok());
    let payload = body(request).await;
    if let Some(reply) = id.and_then(|id: u64| hop.replies().remove(&id)) {
        // The client may have gone.
        let _ = reply.send(payload);
    }
    Response::new(Full::from("{\"status\":\"OK\"}"))
}

async fn body(request: Request<Incoming>) -> Bytes {
    request
        .into_body()
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default()
}
