//! The runtime's answer to an invocation: buffered, streamed, or an error.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::super::body::{self, Read};
use super::super::reply::{self, Refusal};
use super::super::{Reply, text_header};
use super::{ERROR_TYPE, content_type, xray_cause};
use crate::answer::{Answer, ErrorReport, ErrorType, Sent, StreamEnd, StreamPart, streamed_body};
use crate::listener::AbuseCounters;
use crate::machine::{AnswerKind, AnswerRefused};
use crate::prompt_ack::Prompt;
use crate::state::Shared;

const RESPONSE_MODE: &str = "lambda-runtime-function-response-mode";
const ERROR_BODY: &str = "lambda-runtime-function-error-body";
const CAUSE_MEDIA_TYPE: &str = "application/vnd.aws.lambda.error.cause+json";

/// An answer being received. Dropped before it is complete (its connection broke), it ends the invocation truncated.
struct Answering {
    shared: Arc<Shared>,
    request_id: String,
    first_byte: Instant,
    last_byte: Arc<OnceLock<Instant>>,
    answer: Option<oneshot::Sender<Sent>>,
    is_done: bool,
}

impl Answering {
    fn begin(shared: &Arc<Shared>, request_id: String, kind: AnswerKind) -> Result<Self, Refusal> {
        let mut state = shared.lock();
        state
            .runtime
            .begin_answer(&request_id, kind)
            .map_err(refusal)?;
        let answer = state.take_answer(&request_id);
        drop(state);
        Ok(Self {
            shared: Arc::clone(shared),
            request_id,
            first_byte: Instant::now(),
            last_byte: Arc::default(),
            answer,
            is_done: false,
        })
    }

    /// Gives the answer to who waits for it. One that gave up waiting is no concern of the runtime.
    fn send(&mut self, answer: Answer) {
        if let Some(waiting) = self.answer.take() {
            let _ = waiting.send(Sent {
                first_byte: self.first_byte,
                last_byte: Arc::clone(&self.last_byte),
                answer,
            });
        }
    }

    /// Notes that all of it came.
    fn has_come(&self) {
        self.last_byte.get_or_init(Instant::now);
    }

    fn finish(mut self, answer: Answer) {
        self.has_come();
        self.complete();
        self.send(answer);
    }

    fn complete(&mut self) {
        self.is_done = true;
        let mut state = self.shared.lock();
        state.finish(&self.request_id);
        state.note_idle();
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        if !self.is_done {
            self.complete();
            self.send(Answer::Truncated);
        }
    }
}

fn refusal(refused: AnswerRefused) -> Refusal {
    match refused {
        AnswerRefused::UnknownId => Refusal::invalid_request_id(),
        AnswerRefused::TimedOut => {
            Refusal::new(StatusCode::GONE, "InvokeTimeout", "Invoke timeout")
        }
        AnswerRefused::Forbidden(step) => step.into(),
    }
}

/// The function's result.
pub(in crate::endpoint) async fn response(
    shared: &Arc<Shared>,
    prompt: &Prompt,
    request_id: String,
    request: &mut Request<Incoming>,
) -> Result<Reply, Refusal> {
    let answering = Answering::begin(shared, request_id, AnswerKind::Response)?;
    match request
        .headers()
        .get(RESPONSE_MODE)
        .map(|mode| mode.as_bytes())
    {
        None => buffered(answering, request).await,
        Some(b"streaming") => {
            prompt.set(true);
            streamed(answering, request).await
        }
        Some(_) => {
            answering.finish(Answer::InvalidResponseMode);
            let error_type = "InvalidFunctionResponseMode";
            let message = "Invalid response mode value";
            Err(Refusal::new(StatusCode::BAD_REQUEST, error_type, message))
        }
    }
}

async fn buffered(answering: Answering, request: &mut Request<Incoming>) -> Result<Reply, Refusal> {
    let content_type = content_type(request.headers());
    let (answering, payload) = read_answer(answering, request.body_mut()).await?;
    answering.finish(Answer::Response {
        content_type,
        payload,
    });
    Ok(reply::accepted())
}

/// Reads the body of an answer; one that is too large or broken is the answer itself.
async fn read_answer(
    answering: Answering,
    body: &mut Incoming,
) -> Result<(Answering, Bytes), Refusal> {
    let shared = Arc::clone(&answering.shared);
    let limits = &shared.config.limits;
    match body::read(body, limits.answer_bytes).await {
        Read::Complete(payload) => Ok((answering, payload)),
        Read::Broken => Err(Refusal::truncated()),
        Read::TooLarge { bytes } => {
            answering.finish(Answer::TooLarge { bytes });
            AbuseCounters::count(&shared.counters.oversized_bodies);
            Err(Refusal::too_large(limits.answer_bytes))
        }
    }
}

async fn streamed(
    mut answering: Answering,
    request: &mut Request<Incoming>,
) -> Result<Reply, Refusal> {
    let content_type = content_type(request.headers());
    let (parts, body) = streamed_body(answering.shared.config.limits.stream_parts);
    answering.send(Answer::Stream { content_type, body });
    let end = forward(request.body_mut(), &parts)
        .await
        .ok_or_else(Refusal::truncated)?;
    answering.has_come();
    // A reader that is gone does not learn how it ended, and need not.
    let _ = parts.send(StreamPart::End(end)).await;
    answering.complete();
    Ok(reply::accepted())
}

/// Passes a body on part by part, at the reader's pace. `None` if it broke.
async fn forward(body: &mut Incoming, parts: &mpsc::Sender<StreamPart>) -> Option<StreamEnd> {
    let mut end = StreamEnd::Complete;
    while let Some(frame) = body.frame().await {
        match frame.ok()?.into_data() {
            Ok(data) => {
                // Without a reader the runtime may still finish: it has no part in who listens.
                let _ = parts.send(StreamPart::Data(data)).await;
            }
            Err(frame) => {
                if let Ok(trailers) = frame.into_trailers() {
                    end = end_of(&trailers);
                }
            }
        }
    }
    Some(end)
}

fn end_of(trailers: &HeaderMap) -> StreamEnd {
    let Some(raw) = trailers.get(ERROR_TYPE) else {
        return StreamEnd::Complete;
    };
    let body = trailers
        .get(ERROR_BODY)
        .map(|body| decoded(body.as_bytes()))
        .unwrap_or_default();
    StreamEnd::Failed {
        error_type: ErrorType::from_header(raw.to_str().ok()),
        body,
    }
}

/// Decodes base64; what is not base64 is passed on as it came.
fn decoded(body: &[u8]) -> Bytes {
    use base64::Engine as _;
    let decoded = base64::engine::general_purpose::STANDARD.decode(body);
    decoded.map_or_else(|_| Bytes::copy_from_slice(body), Bytes::from)
}

/// The handler failed.
pub(in crate::endpoint) async fn error(
    shared: &Arc<Shared>,
    request_id: String,
    request: &mut Request<Incoming>,
) -> Result<Reply, Refusal> {
    let answering = Answering::begin(shared, request_id, AnswerKind::Error)?;
    let head = Head {
        error_type: ErrorType::from_header(text_header(request.headers(), ERROR_TYPE)),
        content_type: content_type(request.headers()),
        xray_cause: xray_cause(request.headers()),
    };
    let (answering, payload) = read_answer(answering, request.body_mut()).await?;
    answering.finish(Answer::Error(head.with_payload(payload)));
    Ok(reply::accepted())
}

struct Head {
    error_type: ErrorType,
    content_type: Option<String>,
    xray_cause: Option<Bytes>,
}

impl Head {
    fn with_payload(self, payload: Bytes) -> ErrorReport {
        if self.content_type.as_deref() == Some(CAUSE_MEDIA_TYPE) {
            return self.with_cause_inside(&payload);
        }
        let Self {
            error_type,
            content_type,
            xray_cause,
        } = self;
        ErrorReport {
            error_type,
            content_type,
            payload,
            xray_cause,
        }
    }

    /// In this media type the cause travels beside the error's fields and is for the trace alone.
    fn with_cause_inside(self, payload: &[u8]) -> ErrorReport {
        let fields = serde_json::from_slice::<serde_json::Map<_, _>>(payload);
        let (payload, cause) = match fields {
            Ok(mut fields) => {
                let cause = fields
                    .remove("errorCause")
                    .map(|cause| Bytes::from(cause.to_string()));
                (
                    Bytes::from(serde_json::Value::Object(fields).to_string()),
                    cause,
                )
            }
            Err(_) => (Bytes::from_static(b"\"Invalid error body\""), None),
        };
        ErrorReport {
            error_type: self.error_type,
            content_type: Some("application/json".to_owned()),
            payload,
            xray_cause: cause.or(self.xray_cause),
        }
    }
}
