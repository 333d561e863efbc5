//! The listener: connections, their limits, and their orderly end.
//!
//! ```text
//!  accepting ──shutdown──► draining ──all answered, or out of patience──► closed
//! ```
//!
//! What HTTP/1.1 leaves open is hyper's: a request that gives its length twice in different words gets 400, one that gives
//! both a length and chunks is read by its chunks and is the last on its connection.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Either, ready};
use http::header::CONNECTION;
use http::{HeaderValue, Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use self::addresses::{Addresses, Place};
use self::preface::Version;
use crate::body::{Response, ResponseBody};
use crate::front_door::FrontDoor;

mod addresses;
mod preface;

/// How many streams of HTTP/2 a client may open and give up at once before the connection ends: more is an attack.
const MAX_GIVEN_UP_STREAMS: usize = 20;
/// How many of a client's streams may break the protocol before the connection ends.
const MAX_BROKEN_STREAMS: usize = 64;

/// Bounds of what clients may hold.
#[derive(Clone, Copy, Debug)]
pub struct ServerLimits {
    pub max_connections: usize,
    /// How many of these one address may have; a proxy in front is one address.
    pub max_connections_per_address: usize,
    /// How long a client may take to send a request head, and keep a connection without one.
    pub head_timeout: Duration,
    pub max_head_bytes: usize,
    /// How long requests that run at shutdown may take to end.
    pub drain_timeout: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            max_connections: 20_000,
            max_connections_per_address: 15_000,
            head_timeout: Duration::from_secs(60),
            max_head_bytes: 64 * 1024,
            drain_timeout: Duration::from_secs(30),
        }
    }
}

/// Serves connections until `shutdown` completes, then lets running requests end.
pub async fn serve(
    door: FrontDoor,
    listener: TcpListener,
    limits: ServerLimits,
    shutdown: impl Future<Output = ()>,
) {
    let shared = Arc::new(Shared {
        door: Arc::new(door),
        limits,
    });
    let slots = Arc::new(Semaphore::new(limits.max_connections));
    let addresses = Addresses::with_room_for(limits.max_connections_per_address);
    let (closing, watch_closing) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            (stream, peer, slot) = accept(&listener, &slots) => {
                // Closed unanswered, and not told in the log: whoever comes so often is not helped by either.
                let Some(place) = addresses.enter(peer.ip()) else { continue };
                let held = Held { _slot: slot, _place: place };
                let connection = Connection { shared: Arc::clone(&shared), stream, peer, held };
                connections.spawn(connection.run(watch_closing.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    closing.send_replace(true);
    let drained = async { while connections.join_next().await.is_some() {} };
    if timeout(limits.drain_timeout, drained).await.is_err() {
        tracing::warn!("closing connections whose requests did not end in time");
    }
}

/// Waits for a free slot, then for a client. Cancel-safe: nothing is taken before it returns.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    let slot = Arc::clone(slots)
        .acquire_owned()
        .await
        .expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, slot),
            Err(error) => {
                // Out of descriptors, most likely: others have to close before it can get better.
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// What all connections share.
struct Shared {
    door: Arc<FrontDoor>,
    limits: ServerLimits,
}

/// What a connection gives back when it ends.
struct Held {
    _slot: OwnedSemaphorePermit,
    _place: Place,
}

/// One accepted connection.
struct Connection {
    shared: Arc<Shared>,
    stream: TcpStream,
    peer: SocketAddr,
    held: Held,
}

impl Connection {
    async fn run(self, mut closing: watch::Receiver<bool>) {
        let Self {
            shared,
            stream,
            peer,
            held: _held,
        } = self;
        let limits = &shared.limits;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%peer, %error, "could not set TCP_NODELAY");
        }
        let service = service_fn(|request| {
            let answer = if head_bytes(&request) > limits.max_head_bytes {
                Either::Left(ready(head_too_large()))
            } else {
                Either::Right(shared.door.answer(request, peer))
            };
            answer.map(Ok::<_, Infallible>)
        });
        let version = tokio::select! {
            version = timeout(limits.head_timeout, preface::version(&stream)) => version,
            () = closed(&mut closing) => return,
        };
        let ended = match version {
            Ok(Ok(Version::Http1)) => {
                let connection = http1(limits).serve_connection(TokioIo::new(stream), service);
                drive(pin!(connection), closing).await
            }
            // Boxed, because nearly all connections are of the other, smaller kind.
            Ok(Ok(Version::Http2)) => {
                let connection = http2(limits).serve_connection(TokioIo::new(stream), service);
                drive(Box::pin(connection).as_mut(), closing).await
            }
            Ok(Err(error)) => return tracing::debug!(%peer, %error, "a connection broke off"),
            Err(_) => return,
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, %error, "a connection broke off");
        }
    }
}

/// Serves a connection until it ends, which it is asked to do when the server closes.
async fn drive<C: GracefulConnection>(
    mut connection: Pin<&mut C>,
    mut closing: watch::Receiver<bool>,
) -> Result<(), C::Error> {
    tokio::select! {
        ended = connection.as_mut() => ended,
        () = closed(&mut closing) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    }
}

/// The size of a head, give or take its punctuation.
fn head_bytes(request: &Request<Incoming>) -> usize {
    let target = request
        .uri()
        .path_and_query()
        .map(|target| target.as_str().len());
    let headers = request.headers().iter();
    let each = headers.map(|(name, value)| name.as_str().len() + value.len());
    target.unwrap_or_default() + each.sum::<usize>()
}

/// The answer to a head over the limit. HTTP/1 itself keeps the limit only roughly: a head that comes in one go may be
/// twice as long.
fn head_too_large() -> Response {
    let mut response = Response::new(ResponseBody::empty());
    *response.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(CONNECTION, close);
    response
}

/// Waits until the server closes, or is gone.
async fn closed(closing: &mut watch::Receiver<bool>) {
    drop(closing.wait_for(|closing| *closing).await);
}

fn http1(limits: &ServerLimits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        // Who only ended its own side still gets the answer. And a connection whose request waits holds no buffer to
        // find out that its client is gone; an invocation would go on all the same.
        .half_close(true)
        .max_buf_size(limits.max_head_bytes);
    builder
}

/// For clients that begin with its preface.
fn http2(limits: &ServerLimits) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(limits.head_timeout)
        .max_concurrent_streams(256)
        .max_pending_accept_reset_streams(MAX_GIVEN_UP_STREAMS)
        .max_local_error_reset_streams(MAX_BROKEN_STREAMS)
        .max_header_list_size(u32::try_from(limits.max_head_bytes).unwrap_or(u32::MAX));
    builder
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_run<F>(_: impl Fn(Connection, watch::Receiver<bool>) -> F) -> usize {
        size_of::<F>()
    }

    /// Twenty thousand clients may be connected at once, and each has such a future.
    #[test]
    fn a_connection_is_small() {
        let bytes = size_of_run(Connection::run);
        assert!(bytes <= 1280, "{bytes}");
    }
}
