//! Acknowledges at once what a runtime streams.
//!
//! A client that leaves Nagle's algorithm on sends the head of a streamed response, and holds the first part back until
//! the head is acknowledged, which the kernel puts off by some 40 ms. Nothing is written back in between that the
//! acknowledgement could ride on. So while a response is streamed, each read that finds nothing asks the kernel to
//! acknowledge now. Other requests are answered at once and cost no such call.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Whether what comes in on one connection is acknowledged at once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Prompt(Arc<AtomicBool>);

impl Prompt {
    pub(crate) fn set(&self, prompt: bool) {
        self.0.store(prompt, Ordering::Relaxed);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A connection whose acknowledgements can be hurried.
pub(crate) struct PromptAck {
    stream: TcpStream,
    prompt: Prompt,
}

impl PromptAck {
    pub(crate) fn new(stream: TcpStream, prompt: Prompt) -> Self {
        Self { stream, prompt }
    }
}

impl AsyncRead for PromptAck {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if read.is_pending() && self.prompt.is_set() {
            // A kernel that refuses leaves the stream slow, not broken.
            let _ = rustix::net::sockopt::set_tcp_quickack(&self.stream, true);
        }
        read
    }
}

impl AsyncWrite for PromptAck {
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
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
