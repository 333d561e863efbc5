//! What comes back for an invocation, as a value: what the function did wrong is an answer, not an error of ours.

use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// What the runtime answered to one invocation.
#[derive(Debug)]
pub enum Answer {
    Response {
        content_type: Option<String>,
        payload: Bytes,
    },
    /// The runtime streams its response; the parts come as it writes them.
    Stream {
        content_type: Option<String>,
        body: StreamedBody,
    },
    /// The handler failed and the runtime said so.
    Error(ErrorReport),
    /// More than the limit was sent (`Function.ResponseSizeTooLarge`). `bytes` is what is known of its size.
    TooLarge { bytes: u64 },
    /// The connection broke in the middle of a response (`Runtime.TruncatedResponse`).
    Truncated,
    /// The response-mode header had an unknown value (`Runtime.InvalidResponseModeHeader`).
    InvalidResponseMode,
}

/// An answer on its way to who waits for it.
#[derive(Debug)]
pub(crate) struct Sent {
    /// When its head came.
    pub(crate) first_byte: Instant,
    /// When its end came, once it did: a streamed answer is given out before.
    pub(crate) last_byte: Arc<OnceLock<Instant>>,
    pub(crate) answer: Answer,
}

/// When an answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerTime {
    pub first_byte: Instant,
    pub last_byte: Instant,
}

/// An error that a runtime or an extension reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorReport {
    pub error_type: ErrorType,
    pub content_type: Option<String>,
    /// Passed on untouched.
    pub payload: Bytes,
    /// Cause for the trace, JSON.
    pub xray_cause: Option<Bytes>,
}

/// The invocation ended without an answer: its environment was reset or went away, or it was aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the invocation was abandoned before the runtime answered")]
pub struct Abandoned;

/// Type of an error as telemetry shows it: `Runtime.Xyz`, `Function.Xyz`, or the `Unknown` of either family.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ErrorType(String);

impl ErrorType {
    /// Keeps a well-formed name of a known family; anything else becomes `Function.Unknown` or `Runtime.Unknown`.
    pub fn from_header(raw: Option<&str>) -> Self {
        let raw = raw.unwrap_or_default();
        if is_well_formed(raw) {
            return Self(raw.to_owned());
        }
        let family = if raw.starts_with("Function.") {
            "Function"
        } else {
            "Runtime"
        };
        Self(format!("{family}.Unknown"))
    }

    /// Keeps whatever an extension calls its error, without control characters.
    pub(crate) fn of_extension(raw: &str) -> Self {
        Self(raw.chars().filter(|c| !c.is_control()).take(128).collect())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ErrorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether `raw` matches `(Runtime|Function)\.[A-Z][a-zA-Z]+`.
fn is_well_formed(raw: &str) -> bool {
    let Some(("Runtime" | "Function", name)) = raw.split_once('.') else {
        return false;
    };
    let mut letters = name.bytes();
    letters
        .next()
        .is_some_and(|first| first.is_ascii_uppercase())
        && name.len() >= 2
        && letters.all(|letter| letter.is_ascii_alphabetic())
}

/// The body of a streamed response. A slow reader holds the runtime back; dropping it lets the runtime finish
/// into nothing.
#[derive(Debug)]
pub struct StreamedBody {
    /// `None` once the end was given out.
    parts: Option<mpsc::Receiver<StreamPart>>,
}

/// One step of a streamed response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamPart {
    Data(Bytes),
    End(StreamEnd),
}

/// How a streamed response ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    Complete,
    /// The runtime sent the two error trailers; `body` is decoded from base64.
    Failed {
        error_type: ErrorType,
        body: Bytes,
    },
    /// The connection broke.
    Truncated,
}

impl StreamedBody {
    /// Waits for the next part; `End` comes exactly once, then `None`. Cancel-safe.
    pub async fn next(&mut self) -> Option<StreamPart> {
        let part = self.parts.as_mut()?.recv().await;
        let part = part.unwrap_or(StreamPart::End(StreamEnd::Truncated));
        if matches!(part, StreamPart::End(_)) {
            self.parts = None;
        }
        Some(part)
    }
}

/// Makes both ends of a streamed body that holds at most `parts` parts in between.
pub(crate) fn streamed_body(parts: usize) -> (mpsc::Sender<StreamPart>, StreamedBody) {
    let (sender, parts) = mpsc::channel(parts.max(1));
    (sender, StreamedBody { parts: Some(parts) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_types_of_both_families_are_kept_and_all_else_becomes_unknown() {
        let shown = |raw| ErrorType::from_header(raw).to_string();

        assert_eq!(
            shown(Some("Runtime.ImportModuleError")),
            "Runtime.ImportModuleError"
        );
        assert_eq!(shown(Some("Function.Boom")), "Function.Boom");
        assert_eq!(shown(Some("Function.boom")), "Function.Unknown");
        assert_eq!(shown(Some("Function.A")), "Function.Unknown");
        assert_eq!(shown(Some("Runtime.Bad1")), "Runtime.Unknown");
        assert_eq!(shown(Some("ValueError")), "Runtime.Unknown");
        assert_eq!(shown(None), "Runtime.Unknown");
    }

    #[tokio::test]
    async fn stream_whose_writer_vanishes_ends_truncated_once() {
        let (sender, mut body) = streamed_body(2);
        sender
            .send(StreamPart::Data(Bytes::from_static(b"a")))
            .await
            .unwrap();
        drop(sender);

        assert_eq!(
            body.next().await,
            Some(StreamPart::Data(Bytes::from_static(b"a")))
        );
        assert_eq!(
            body.next().await,
            Some(StreamPart::End(StreamEnd::Truncated))
        );
        assert_eq!(body.next().await, None);
    }
}
