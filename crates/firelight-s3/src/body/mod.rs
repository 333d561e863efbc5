//! The body of a request as its content: decoded, and checked against what the head says of it.
//!
//! ```text
//!  frames ──► (aws-chunked decoded, chunk signatures) ──► (SHA-256 of the whole) ──► content, then trailers
//! ```
//!
//! A check that fails ends the stream with a refusal, so nobody who reads to the end stores what was not sent.

mod chunked;
pub(crate) mod seal;

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame};
use s3s::StdError;
use sha2::{Digest, Sha256};

use self::chunked::Decoder;
use self::seal::{ChunkSeal, Sealed, hex};
use crate::refusal::Refusal;

/// What came behind the content; filled when the content ends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trailers(Arc<Mutex<HeaderMap>>);

impl Trailers {
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        let headers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        headers.get(name)?.to_str().ok().map(str::to_owned)
    }

    fn fill(&self, headers: HeaderMap) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = headers;
    }
}

/// Why the content was refused. Where `s3s` reads it, nothing but the fact that it failed comes back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict(Arc<Mutex<Option<Refusal>>>);

impl Verdict {
    pub(crate) fn take(&self) -> Option<Refusal> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn note(&self, refusal: Refusal) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(refusal);
    }
}

/// How the content of a request is wrapped, as its head says.
#[derive(Debug)]
pub(crate) enum Wrapping {
    Plain,
    /// The whole has this digest.
    Digest(String),
    Chunked,
}

impl Wrapping {
    pub(crate) fn of(headers: &HeaderMap) -> (Self, Sealed) {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let encodings = text("content-encoding").unwrap_or_default();
        let is_chunked = encodings
            .split(',')
            .any(|coding| coding.trim() == "aws-chunked");
        match text("x-amz-content-sha256") {
            Some("STREAMING-AWS4-HMAC-SHA256-PAYLOAD") => (Self::Chunked, Sealed::Chunks),
            Some("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER") => {
                (Self::Chunked, Sealed::ChunksAndTrailers)
            }
            Some("STREAMING-UNSIGNED-PAYLOAD-TRAILER") => (Self::Chunked, Sealed::Nothing),
            _ if is_chunked && text("x-amz-decoded-content-length").is_some() => {
                (Self::Chunked, Sealed::Nothing)
            }
            Some(digest) if digest.len() == 64 => {
                (Self::Digest(digest.to_owned()), Sealed::Nothing)
            }
            _ => (Self::Plain, Sealed::Nothing),
        }
    }
}

/// The content of a request.
#[derive(Debug)]
pub(crate) struct Content<B> {
    source: B,
    decoder: Option<Decoder>,
    /// Content of the frame that arrived last, in reverse.
    ready: Vec<Bytes>,
    digest: Option<(Sha256, String)>,
    /// How long the content has to be, and how long it is by now.
    expected: Option<u64>,
    received: u64,
    trailers: Trailers,
    verdict: Verdict,
    is_done: bool,
}

impl<B> Content<B> {
    pub(crate) fn new(
        source: B,
        wrapping: Wrapping,
        seal: Option<ChunkSeal>,
        expected: Option<u64>,
        trailers: Trailers,
    ) -> Self {
        let (decoder, digest) = match wrapping {
            Wrapping::Plain => (None, None),
            Wrapping::Digest(expected) => (None, Some((Sha256::new(), expected))),
            Wrapping::Chunked => (Some(Decoder::new(seal)), None),
        };
        Self {
            source,
            decoder,
            ready: Vec::new(),
            digest,
            expected,
            received: 0,
            trailers,
            verdict: Verdict::default(),
            is_done: false,
        }
    }

    /// Returns where a refusal of the content will be found.
    pub(crate) fn verdict(&self) -> Verdict {
        self.verdict.clone()
    }

    fn take(&mut self, frame: Frame<Bytes>) -> Result<(), Refusal> {
        let Ok(data) = frame.into_data() else {
            return Ok(());
        };
        match &mut self.decoder {
            None => self.ready.push(data),
            Some(decoder) => {
                decoder.push(data, |content| self.ready.push(content))?;
                self.ready.reverse();
            }
        }
        Ok(())
    }

    fn give(&mut self, content: Bytes) -> Bytes {
        self.received += content.len() as u64;
        if let Some((hash, _)) = &mut self.digest {
            hash.update(&content);
        }
        content
    }

    fn end(&mut self) -> Result<(), Refusal> {
        if let Some(decoder) = self.decoder.take() {
            self.trailers.fill(decoder.finish()?);
        }
        if self
            .expected
            .is_some_and(|expected| expected != self.received)
        {
            return Err(Refusal::incomplete_body());
        }
        let Some((hash, expected)) = self.digest.take() else {
            return Ok(());
        };
        if hex(&hash.finalize()) != expected.to_ascii_lowercase() {
            return Err(Refusal::body_mismatch());
        }
        Ok(())
    }
}

impl<B> Body for Content<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Refusal>,
{
    type Data = Bytes;
    type Error = StdError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        let this = self.get_mut();
        loop {
            if let Some(content) = this.ready.pop() {
                return Poll::Ready(Some(Ok(Frame::data(this.give(content)))));
            }
            if this.is_done {
                return Poll::Ready(None);
            }
            let frame = ready!(Pin::new(&mut this.source).poll_frame(cx));
            let taken = match frame {
                Some(Ok(frame)) => this.take(frame),
                Some(Err(error)) => Err(error.into()),
                None => {
                    this.is_done = true;
                    this.end()
                }
            };
            if let Err(refusal) = taken {
                this.is_done = true;
                this.ready.clear();
                this.verdict.note(refusal.told());
                return Poll::Ready(Some(Err(refusal.into())));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http_body_util::{BodyExt, Full};

    use super::*;

    impl From<Infallible> for Refusal {
        fn from(never: Infallible) -> Self {
            match never {}
        }
    }

    async fn read(
        body: &'static str,
        wrapping: Wrapping,
        expected: Option<u64>,
    ) -> Result<Bytes, String> {
        let source = Full::new(Bytes::from(body));
        let content = Content::new(source, wrapping, None, expected, Trailers::default());
        let collected = content.collect().await.map_err(|error| error.to_string())?;
        Ok(collected.to_bytes())
    }

    #[tokio::test]
    async fn content_with_another_digest_than_was_signed_is_refused_at_its_end() {
        let digest = hex(&Sha256::digest("other"));

        let refused = read("content", Wrapping::Digest(digest), None)
            .await
            .unwrap_err();

        assert!(
            refused.starts_with("XAmzContentSHA256Mismatch"),
            "{refused}"
        );
    }

    #[tokio::test]
    async fn several_chunks_in_one_frame_keep_their_order() {
        let body = "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n";

        assert_eq!(read(body, Wrapping::Chunked, Some(3)).await.unwrap(), "abc");
        let refused = read(body, Wrapping::Chunked, Some(4)).await.unwrap_err();
        assert!(refused.starts_with("IncompleteBody"), "{refused}");
    }
}
