//! The listener for operators: metrics, and whether the daemon lives and takes requests.
//!
//! | path | answer |
//! |---|---|
//! | `/metrics` | the numbers, as text |
//! | `/health` | 200 while the daemon runs |
//! | `/ready` | 200 while it takes requests, 503 while it drains |
//!
//! It is off unless it is configured, on an address of its own, and knows no credentials: whoever reaches it may read.
//!
//! Deliberately absent: anything that changes the daemon.

mod exposition;
mod metrics;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use firelight_events::Events;
use firelight_invoke::DataPlane;
use firelight_sandbox_linux::LinuxDriver;
use firelight_store::LogStore;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

use self::exposition::CONTENT_TYPE;
use self::metrics::Numbers;

/// Connections at once; more wait to be accepted.
const CONNECTIONS: usize = 16;
/// How long one connection may last.
const CONNECTION_LIMIT: Duration = Duration::from_secs(60);
const HEAD_LIMIT: Duration = Duration::from_secs(5);

/// Where the numbers come from.
#[derive(Clone)]
pub struct Sources {
    pub plane: DataPlane<LinuxDriver>,
    pub driver: LinuxDriver,
    pub events: Events,
    pub logs: LogStore,
    pub spans: Option<SpanTotals>,
}

/// Reads how many spans were exported, and how many dropped.
pub type SpanTotals = Arc<dyn Fn() -> (u64, u64) + Send + Sync>;

/// The listener, as long as this lives.
pub struct Admin {
    task: AbortHandle,
}

/// Starts the listener if there is an address for it.
pub async fn start_if_wanted(
    listen: Option<SocketAddr>,
    sources: Sources,
) -> std::io::Result<Option<Admin>> {
    match listen {
        Some(listen) => Admin::start(listen, sources).await.map(Some),
        None => Ok(None),
    }
}

impl Admin {
    async fn start(listen: SocketAddr, sources: Sources) -> std::io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(accept(listener, sources)).abort_handle();
        tracing::info!("metrics and health are at http://{address}");
        Ok(Self { task })
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, sources: Sources) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let sources = sources.clone();
                tokio::spawn(async move {
                    // Whoever is slow is cut off; it may ask again.
                    let _ = tokio::time::timeout(CONNECTION_LIMIT, serve(stream, sources)).await;
                    drop(permit);
                });
            }
            // Out of descriptors, for example: others give some back.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn serve(stream: TcpStream, sources: Sources) {
    let service = service_fn(|request| answer(request, &sources));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection of an operator broke");
    }
}

async fn answer<B>(
    request: Request<B>,
    sources: &Sources,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(plain(StatusCode::METHOD_NOT_ALLOWED, "only GET\n".into()));
    }
    Ok(match request.uri().path() {
        "/metrics" => {
            let text = metrics::write(&sources.read().await);
            let mut response = plain(StatusCode::OK, text);
            let content_type = HeaderValue::from_static(CONTENT_TYPE);
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, content_type);
            response
        }
        "/health" => plain(StatusCode::OK, "alive\n".into()),
        "/ready" if sources.plane.is_draining() => {
            plain(StatusCode::SERVICE_UNAVAILABLE, "draining\n".into())
        }
        "/ready" => plain(StatusCode::OK, "ready\n".into()),
        _ => plain(StatusCode::NOT_FOUND, "/metrics, /health, /ready\n".into()),
    })
}

fn plain(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response
}

impl Sources {
    async fn read(&self) -> Numbers {
        let depths = self.events.depths().await;
        let depths = depths.inspect_err(|error| {
            tracing::warn!(%error, "the depth of the event queue could not be read");
        });
        Numbers {
            plane: self.plane.snapshot(),
            events: self.events.totals(),
            depths: depths.ok(),
            dropped_log_lines: self.logs.dropped_lines(),
            spans: self.spans.as_ref().map(|totals| totals()),
            started_runtimes: *self.driver.programs_waiting().borrow(),
        }
    }
}
