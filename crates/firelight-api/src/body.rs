//! Bodies: how a request's is read within its limits, and what an answer's is made of.

use std::io::ErrorKind;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use crate::body_budget::BodyBudget;
use crate::pace::Pace;

/// How much of an oversized body is read and thrown away, so that the client reads our answer
/// instead of failing to write.
const MAX_DISCARDED: u64 = 256 * 1024 * 1024;

/// The body of a request: still on the wire, or read already to check its signature.
#[derive(Debug)]
pub enum RequestBody {
    Incoming(Incoming, BodyBudget, Sending),
    Read(Bytes),
}

/// When a client sends its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    Unasked,
    /// The client waits for our 100, so a body that is not wanted is never sent.
    OnceWanted,
}

/// The body could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadBodyError {
    #[error("the body has {actual} bytes, more than {limit}")]
    TooLarge { actual: u64, limit: usize },
    #[error("the bodies of other requests take all memory there is for them")]
    NoRoom,
    #[error("the client stopped sending, or nearly so")]
    Idle,
    #[error("the body is not in the form that its head announced")]
    Malformed(#[source] hyper::Error),
    #[error("could not read the body")]
    Broken(#[source] hyper::Error),
}

impl RequestBody {
    /// Returns the whole body if it has at most `limit` bytes.
    ///
    /// A longer body is read to its end, within reason, to tell its size; one that is still held back is not asked for.
    pub async fn read(self, limit: usize) -> Result<Bytes, ReadBodyError> {
        match self {
            Self::Incoming(incoming, budget, sending) => {
                let declared = incoming.size_hint().lower();
                if sending == Sending::OnceWanted && declared > limit as u64 {
                    return Err(too_large(declared, limit));
                }
                read_incoming(incoming, &budget, limit).await
            }
            Self::Read(bytes) if bytes.len() > limit => Err(too_large(bytes.len() as u64, limit)),
            Self::Read(bytes) => Ok(bytes),
        }
    }
}

impl RequestBody {
    /// Returns the pieces of the body as they come.
    pub(crate) fn into_stream(
        self,
    ) -> std::pin::Pin<Box<dyn futures_util::Stream<Item = std::io::Result<Bytes>> + Send>> {
        match self {
            Self::Read(bytes) => {
                Box::pin(futures_util::stream::once(std::future::ready(Ok(bytes))))
            }
            Self::Incoming(incoming, ..) => Box::pin(futures_util::stream::try_unfold(
                Pieces::of(incoming),
                |mut pieces| async {
                    let piece = pieces.next().await.map_err(io_error)?;
                    Ok(piece.map(|piece| (piece, pieces)))
                },
            )),
        }
    }
}

fn io_error(error: ReadBodyError) -> std::io::Error {
    match error {
        ReadBodyError::Idle => std::io::Error::new(std::io::ErrorKind::TimedOut, error),
        error => std::io::Error::other(error),
    }
}

async fn read_incoming(
    incoming: Incoming,
    budget: &BodyBudget,
    limit: usize,
) -> Result<Bytes, ReadBodyError> {
    let declared = incoming.size_hint().lower();
    let mut pieces = Pieces::of(incoming);
    if declared > limit as u64 {
        discard(pieces, 0).await?;
        return Err(too_large(declared, limit));
    }
    // Most bodies arrive in one piece.
    let Some(first) = pieces.next().await? else {
        return Ok(Bytes::new());
    };
    if pieces.incoming.is_end_stream() && first.len() <= limit {
        return Ok(detached(first));
    }
    let mut room = budget.reserve();
    let mut fits = room.add(first.len());
    let mut body = BytesMut::with_capacity(usize::try_from(declared).unwrap_or(0).max(first.len()));
    body.extend_from_slice(&first);
    while body.len() <= limit && fits.is_ok() {
        match pieces.next().await? {
            Some(chunk) => {
                fits = room.add(chunk.len());
                body.extend_from_slice(&chunk);
            }
            None => return Ok(room.hold(body.freeze())),
        }
    }
    if fits.is_err() {
        let read = body.len() as u64;
        drop((body, room));
        discard(pieces, read).await?;
        return Err(ReadBodyError::NoRoom);
    }
    let actual = discard(pieces, body.len() as u64).await?;
    Err(too_large(actual, limit))
}

fn too_large(actual: u64, limit: usize) -> ReadBodyError {
    ReadBodyError::TooLarge { actual, limit }
}

/// Copies a small body out of the connection's buffer, which could not be used again while the body lives.
fn detached(body: Bytes) -> Bytes {
    const SMALL: usize = 2048;
    if body.len() > SMALL {
        return body;
    }
    Bytes::copy_from_slice(&body)
}

/// Reads on without keeping anything; returns how long the body was.
async fn discard(mut pieces: Pieces, already_read: u64) -> Result<u64, ReadBodyError> {
    let mut length = already_read;
    while let Some(chunk) = pieces.next().await? {
        length += chunk.len() as u64;
        if length > MAX_DISCARDED {
            break;
        }
    }
    Ok(length)
}

/// What comes of a body, piece by piece, at a pace that is not too slow.
struct Pieces {
    incoming: Incoming,
    pace: Pace,
}

impl Pieces {
    fn of(incoming: Incoming) -> Self {
        Self {
            incoming,
            pace: Pace::begin(Instant::now()),
        }
    }

    /// Returns the next piece; `None` after the last.
    async fn next(&mut self) -> Result<Option<Bytes>, ReadBodyError> {
        loop {
            let due = self.pace.due(Instant::now());
            let frame = timeout_at(due, self.incoming.frame()).await;
            match frame.map_err(|_| ReadBodyError::Idle)? {
                None => return Ok(None),
                Some(Err(error)) => return Err(broken(error)),
                Some(Ok(frame)) => {
                    // Trailers are skipped.
                    if let Ok(data) = frame.into_data() {
                        self.pace.add(data.len());
                        return Ok(Some(data));
                    }
                }
            }
        }
    }
}

/// Tells a client that went away from one that does not keep to the form: hyper says so by the kind of its cause.
fn broken(error: hyper::Error) -> ReadBodyError {
    let cause = std::error::Error::source(&error);
    let kind = cause
        .and_then(|cause| cause.downcast_ref::<std::io::Error>())
        .map(std::io::Error::kind);
    match kind {
        Some(ErrorKind::InvalidInput | ErrorKind::InvalidData) => ReadBodyError::Malformed(error),
        _ => ReadBodyError::Broken(error),
    }
}

/// Why a streamed answer broke off.
pub type StreamError = Box<dyn std::error::Error + Send + Sync>;

/// The body of an answer: whole, or coming piece by piece.
pub enum ResponseBody {
    Whole(Option<Bytes>),
    Stream(UnsyncBoxBody<Bytes, StreamError>),
}

impl ResponseBody {
    pub fn empty() -> Self {
        Self::Whole(None)
    }

    /// Wraps a body that is still being made.
    pub fn stream<B>(body: B) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<StreamError>,
    {
        Self::Stream(body.map_err(Into::into).boxed_unsync())
    }
}

impl<T: Into<Bytes>> From<T> for ResponseBody {
    fn from(whole: T) -> Self {
        let bytes = whole.into();
        Self::Whole((!bytes.is_empty()).then_some(bytes))
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = StreamError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamError>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|data| Ok(Frame::data(data)))),
            Self::Stream(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Stream(body) => body.size_hint(),
        }
    }
}

impl std::fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole(bytes) => f.debug_tuple("Whole").field(bytes).finish(),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}

/// An answer on its way out.
pub type Response = http::Response<ResponseBody>;
