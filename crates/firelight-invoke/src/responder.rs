//! The way back to the caller of one invocation: a whole answer, or a stream of parts.
//!
//! ```text
//!  buffered:   nothing ─► Completed
//!  streaming:  nothing ─► Streaming ─► part ─► part ─► end
//! ```
//!
//! A function that does not stream still answers a streaming caller: its payload is one part. The channel of parts is
//! short, so a slow reader holds the runtime back and memory does not grow.

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use crate::call::{Completed, FunctionResult, Outcome, ResponseMode, StreamError, StreamItem};

/// Parts under way between environment and caller.
const PARTS_AHEAD: usize = 4;

#[derive(Debug)]
pub(crate) struct Responder {
    reply: Option<oneshot::Sender<Outcome>>,
    mode: ResponseMode,
    parts: Option<mpsc::Sender<StreamItem>>,
}

impl Responder {
    pub(crate) fn new(reply: oneshot::Sender<Outcome>, mode: ResponseMode) -> Self {
        Self {
            reply: Some(reply),
            mode,
            parts: None,
        }
    }

    pub(crate) fn mode(&self) -> ResponseMode {
        self.mode
    }

    /// Tells the caller that the response begins, and returns where its parts go.
    pub(crate) fn begin(&mut self, content_type: Option<String>) -> mpsc::Sender<StreamItem> {
        if let Some(parts) = &self.parts {
            return parts.clone();
        }
        let (sender, receiver) = mpsc::channel(PARTS_AHEAD);
        if let Some(reply) = self.reply.take() {
            // The caller may have gone; the invocation goes on into nothing.
            let _ = reply.send(Outcome::Streaming(crate::call::Streaming::new(
                content_type,
                receiver,
            )));
        }
        self.parts = Some(sender.clone());
        sender
    }

    /// Gives the caller the end. What was streamed before stays as it is.
    pub(crate) async fn finish(mut self, result: FunctionResult, log_tail: Option<Bytes>) {
        if self.mode == ResponseMode::Buffered {
            if let Some(reply) = self.reply.take() {
                // The caller may have gone; the invocation counts all the same.
                let _ = reply.send(Outcome::Completed(Completed { result, log_tail }));
            }
            return;
        }
        let began = self.parts.is_some();
        let parts = self.begin(None);
        let error = match result {
            FunctionResult::Success(payload) => {
                if !began && !payload.is_empty() {
                    let _ = parts.send(StreamItem::Data(payload)).await;
                }
                None
            }
            FunctionResult::Error(payload) => Some(StreamError::from_payload(&payload)),
        };
        // A reader that left has no use for the end.
        let _ = parts.send(StreamItem::End { error, log_tail }).await;
    }
}
