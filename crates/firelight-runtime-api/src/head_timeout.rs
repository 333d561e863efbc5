//! Closes a connection that dribbles a request head.
//!
//! hyper's own header timeout also runs while a kept-alive connection is silent, which between two requests of a
//! runtime may be for ever. This one starts with the first byte of a head that did not arrive whole, and ends when
//! the request is being served. A head that arrives in one piece costs no timer.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// Counts the requests of one connection that were begun and finished.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestCount(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    begun: AtomicU32,
    finished: AtomicU32,
}

/// Marks a request as being served while it lives.
pub(crate) struct DuringRequest(RequestCount);

impl RequestCount {
    pub(crate) fn begin(&self) -> DuringRequest {
        self.0.begun.fetch_add(1, Ordering::Relaxed);
        DuringRequest(self.clone())
    }

    fn begun(&self) -> u32 {
        self.0.begun.load(Ordering::Relaxed)
    }

    fn is_serving(&self) -> bool {
        self.begun() != self.0.finished.load(Ordering::Relaxed)
    }
}

impl Drop for DuringRequest {
    fn drop(&mut self) {
        self.0.0.finished.fetch_add(1, Ordering::Relaxed);
    }
}

/// A stream whose reads fail when a request head takes too long.
pub(crate) struct HeadTimeout<S> {
    stream: S,
    limit: Duration,
    requests: RequestCount,
    /// Requests begun when the bytes of the present head began to arrive; `None` while silent.
    head_since: Option<u32>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<S> HeadTimeout<S> {
    pub(crate) fn new(stream: S, limit: Duration, requests: RequestCount) -> Self {
        Self {
            stream,
            limit,
            requests,
            head_since: None,
            timer: None,
        }
    }

    fn note_bytes(&mut self) {
        let begun = self.requests.begun();
        if !self.requests.is_serving() && self.head_since != Some(begun) {
            self.head_since = Some(begun);
            self.timer = None;
        }
    }

    /// Nothing to read: the head is whole, or the clock runs.
    fn poll_overdue(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self
            .head_since
            .is_none_or(|begun| begun != self.requests.begun())
        {
            self.head_since = None;
            self.timer = None;
            return Poll::Pending;
        }
        let deadline = Instant::now() + self.limit;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        timer.as_mut().poll(cx)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for HeadTimeout<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if read.is_ready() {
            if buffer.filled().len() > before {
                self.note_bytes();
            }
            // Dribbled bytes are always ready to be read, so the clock is looked at here, too.
            if self.timer.is_none() {
                return read;
            }
        }
        match self.poll_overdue(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => read,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for HeadTimeout<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
