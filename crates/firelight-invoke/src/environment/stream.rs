//! A response that the runtime streams: on to a streaming caller part by part, or joined for a buffered one.
//!
//! The processes are looked after all the while: what they print is read, and their end is noticed.

use bytes::Bytes;
use firelight_runtime_api::{ShutdownReason, StreamEnd, StreamPart, StreamedBody};
use firelight_sandbox::SandboxDriver;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::Environment;
use super::invocation::{ANSWER_GRACE, Ending};
use crate::bandwidth::{Bandwidth, Pass, StreamLimits};
use crate::call::{ResponseMode, StreamItem};
use crate::error_payload::{LARGEST_RESPONSE, PlatformError};
use crate::responder::Responder;

/// Where the parts go.
pub(super) enum Sink {
    Joined(Vec<u8>),
    Caller {
        parts: mpsc::Sender<StreamItem>,
        bandwidth: Bandwidth,
    },
}

/// The response has become larger than its limit.
pub(super) struct TooLarge;

impl Sink {
    pub(super) fn new(
        responder: &mut Responder,
        content_type: Option<String>,
        limits: StreamLimits,
    ) -> Self {
        match responder.mode() {
            ResponseMode::Buffered => Self::Joined(Vec::new()),
            ResponseMode::Streaming => Self::Caller {
                parts: responder.begin(content_type),
                bandwidth: Bandwidth::new(limits, Instant::now()),
            },
        }
    }

    pub(super) async fn take(&mut self, data: Bytes) -> Result<(), TooLarge> {
        match self {
            Self::Joined(whole) => {
                if whole.len() + data.len() > LARGEST_RESPONSE {
                    return Err(TooLarge);
                }
                whole.extend_from_slice(&data);
            }
            Self::Caller { parts, bandwidth } => {
                let now = Instant::now();
                match bandwidth.take(data.len(), now) {
                    Pass::TooMuch => return Err(TooLarge),
                    // The timer counts in milliseconds, and would hold up what may pass at once until the next.
                    Pass::After(at) if at > now => tokio::time::sleep_until(at).await,
                    Pass::After(_) => {}
                }
                // A reader that left does not stop the function.
                let _ = parts.send(StreamItem::Data(data)).await;
            }
        }
        Ok(())
    }

    /// What is left to answer at the end.
    fn rest(self) -> Bytes {
        match self {
            Self::Joined(whole) => Bytes::from(whole),
            Self::Caller { .. } => Bytes::new(),
        }
    }
}

impl<D: SandboxDriver> Environment<D> {
    pub(super) async fn take_stream(
        &mut self,
        mut body: StreamedBody,
        mut sink: Sink,
        request_id: &str,
        mut died: Option<PlatformError>,
    ) -> Ending {
        let mut produced_bytes = 0;
        loop {
            let part = tokio::select! {
                biased;
                part = body.next() => part,
                happening = self.happening(), if died.is_none() => {
                    // The connection breaks with the process and ends the body, after what was sent before.
                    died = self.fatal(happening, request_id);
                    continue;
                }
            };
            let ending = match part {
                Some(StreamPart::Data(data)) => {
                    produced_bytes += data.len() as u64;
                    match sink.take(data).await {
                        Ok(()) => continue,
                        Err(TooLarge) => {
                            Ending::refused_response(&PlatformError::response_too_large())
                        }
                    }
                }
                Some(StreamPart::End(end)) if end != StreamEnd::Truncated => {
                    stream_ending(end, sink, died.as_ref(), request_id)
                }
                _ => {
                    if died.is_none() {
                        died = self.death_within_grace(request_id).await;
                    }
                    stream_ending(StreamEnd::Truncated, sink, died.as_ref(), request_id)
                }
            };
            let reset = ending.reset.or(died.map(|_| ShutdownReason::Failure));
            return Ending {
                produced_bytes,
                reset,
                ..ending
            };
        }
    }

    /// Waits a moment for the end of a process whose connection broke: the kernel tells of both on different descriptors.
    async fn death_within_grace(&mut self, request_id: &str) -> Option<PlatformError> {
        let death = async {
            loop {
                let happening = self.happening().await;
                if let Some(error) = self.fatal(happening, request_id) {
                    return error;
                }
            }
        };
        timeout(ANSWER_GRACE, death).await.ok()
    }
}

pub(super) fn stream_ending(
    end: StreamEnd,
    sink: Sink,
    died: Option<&PlatformError>,
    request_id: &str,
) -> Ending {
    match (end, died) {
        (StreamEnd::Complete, _) => Ending::success(sink.rest()),
        (StreamEnd::Failed { error_type, body }, _) => {
            Ending::function_error(body, Some(error_type.to_string()))
        }
        (StreamEnd::Truncated, Some(error)) => Ending::crashed(error),
        (StreamEnd::Truncated, None) => {
            Ending::refused_response(&PlatformError::truncated_response(request_id))
        }
    }
}
