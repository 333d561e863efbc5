//! Content on its way into the store: counted, summed up, and compared with what its sender said of it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Buf, Bytes};
use futures_util::{Stream, StreamExt};
use http::HeaderMap;
use s3s::StdError;
use s3s::crypto::{Checksum as _, Md5};
use tokio::io::{AsyncRead, ReadBuf};

use crate::body::Trailers;
use crate::body::seal::hex;
use crate::checksum::{Algorithm, Hasher};
use crate::record::ChecksumRecord;
use crate::refusal::Refusal;

/// What the sender of some content says of it.
#[derive(Debug, Default)]
pub(crate) struct Promise {
    md5: Option<String>,
    algorithm: Option<Algorithm>,
    /// Known at once, or only when the trailers are there.
    value: Option<String>,
    /// The value comes as a trailer.
    is_announced: bool,
    trailers: Trailers,
}

impl Promise {
    /// Reads the promise in the headers of a request.
    pub(crate) fn read(headers: &HeaderMap, trailers: Trailers) -> Result<Self, Refusal> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let md5 = text("content-md5").map(str::to_owned);
        if let Some(given) = md5.as_deref().filter(|given| !is_md5(given)) {
            return Err(Refusal::invalid_digest(given));
        }
        let mut promise = Self {
            md5,
            trailers,
            ..Self::default()
        };
        for algorithm in Algorithm::ALL {
            let Some(value) = text(algorithm.header()) else {
                continue;
            };
            if promise.value.is_some() {
                return Err(Refusal::invalid_request(
                    "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
                ));
            }
            if !algorithm.accepts(value) {
                return Err(Refusal::invalid_checksum(algorithm.header()));
            }
            promise.algorithm = Some(algorithm);
            promise.value = Some(value.to_owned());
        }
        if promise.algorithm.is_none() {
            let announced = announced(text("x-amz-trailer"));
            promise.is_announced = announced.is_some();
            promise.algorithm = announced
                .or_else(|| Algorithm::from_name(text("x-amz-sdk-checksum-algorithm")?))
                .or_else(|| Algorithm::from_name(text("x-amz-checksum-algorithm")?));
        }
        Ok(promise)
    }

    /// Promises nothing, and wants the content summed up with an algorithm.
    pub(crate) fn of_algorithm(algorithm: Option<Algorithm>) -> Self {
        Self {
            algorithm,
            ..Self::default()
        }
    }

    pub(crate) fn algorithm(&self) -> Option<Algorithm> {
        self.algorithm
    }

    /// Chooses what to sum up with where the sender did not.
    pub(crate) fn or_algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm.get_or_insert(algorithm);
        self
    }

    fn check(&self, sums: &Sums) -> Result<(), Refusal> {
        let md5 = STANDARD.encode(sums.md5);
        if let Some(given) = self.md5.as_ref().filter(|given| **given != md5) {
            return Err(Refusal::bad_md5(given, &md5));
        }
        let Some(algorithm) = self.algorithm else {
            return Ok(());
        };
        let trailing = || self.trailers.get(algorithm.header());
        match self.value.clone().or_else(trailing) {
            Some(given) if !algorithm.accepts(&given) => {
                Err(Refusal::invalid_checksum(algorithm.header()))
            }
            Some(given) if Some(&given) != sums.checksum.as_ref().map(|sum| &sum.value) => {
                Err(Refusal::bad_checksum(algorithm.name()))
            }
            None if self.is_announced => Err(Refusal::malformed_trailer()),
            _ => Ok(()),
        }
    }
}

fn is_md5(text: &str) -> bool {
    STANDARD.decode(text).is_ok_and(|bytes| bytes.len() == 16)
}

fn announced(trailers: Option<&str>) -> Option<Algorithm> {
    let names = trailers?.split(',').map(str::trim);
    names
        .flat_map(|name| {
            Algorithm::ALL
                .into_iter()
                .find(|algorithm| algorithm.header() == name)
        })
        .next()
}

/// What content sums up to.
#[derive(Clone, Debug)]
pub(crate) struct Sums {
    pub(crate) size: u64,
    pub(crate) md5: [u8; 16],
    pub(crate) checksum: Option<ChecksumRecord>,
}

impl Sums {
    /// The ETag of content that came in one piece, without quotes.
    pub(crate) fn etag(&self) -> String {
        hex(&self.md5)
    }
}

/// Content as it is stored. Its end is reached only if every promise is kept.
pub(crate) struct Intake<S> {
    source: S,
    chunk: Bytes,
    hashers: Option<(Md5, Option<Hasher>)>,
    promise: Promise,
    size: u64,
    limit: u64,
    sums: Option<Sums>,
}

impl<S> Intake<S>
where
    S: Stream<Item = Result<Bytes, StdError>> + Unpin,
{
    pub(crate) fn new(source: S, promise: Promise, limit: u64) -> Self {
        let hasher = promise.algorithm.map(Hasher::new);
        Self {
            source,
            chunk: Bytes::new(),
            hashers: Some((Md5::new(), hasher)),
            promise,
            size: 0,
            limit,
            sums: None,
        }
    }

    /// Waits for content; `false` at the end of it.
    pub(crate) async fn has_more(&mut self) -> Result<bool, Refusal> {
        while self.chunk.is_empty() {
            let next = self.source.next().await;
            if !self.arrive(next)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns what the content summed up to, once its end was reached.
    pub(crate) fn sums(self) -> Option<Sums> {
        self.sums
    }

    /// Takes the next piece; `false` at the end.
    fn arrive(&mut self, next: Option<Result<Bytes, StdError>>) -> Result<bool, Refusal> {
        let Some(next) = next else {
            self.end()?;
            return Ok(false);
        };
        let chunk = next.map_err(broken)?;
        self.size += chunk.len() as u64;
        if self.size > self.limit {
            return Err(Refusal::entity_too_large(self.size, self.limit));
        }
        if let Some((md5, hasher)) = &mut self.hashers {
            md5.update(&chunk);
            if let Some(hasher) = hasher {
                hasher.update(&chunk);
            }
        }
        self.chunk = chunk;
        Ok(true)
    }

    fn end(&mut self) -> Result<(), Refusal> {
        let Some((md5, hasher)) = self.hashers.take() else {
            return Ok(());
        };
        let checksum = self
            .promise
            .algorithm
            .zip(hasher)
            .map(|(algorithm, hasher)| ChecksumRecord {
                algorithm: algorithm.name().to_owned(),
                value: hasher.finish(),
                composite: false,
            });
        let sums = Sums {
            size: self.size,
            md5: md5.finalize(),
            checksum,
        };
        self.promise.check(&sums)?;
        self.sums = Some(sums);
        Ok(())
    }
}

/// A refusal of the layers below is passed on; anything else is a client that went away.
pub(crate) fn broken(error: StdError) -> Refusal {
    match error.downcast::<Refusal>() {
        Ok(refusal) => *refusal,
        Err(error) => {
            tracing::debug!(%error, "the content of an object broke off");
            Refusal::incomplete_body()
        }
    }
}

impl<S> AsyncRead for Intake<S>
where
    S: Stream<Item = Result<Bytes, StdError>> + Unpin,
{
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.chunk.is_empty() {
            let next = ready!(this.source.poll_next_unpin(cx));
            match this.arrive(next) {
                Ok(true) => {}
                Ok(false) => return Poll::Ready(Ok(())),
                Err(refusal) => return Poll::Ready(Err(io::Error::other(refusal))),
            }
        }
        let length = this.chunk.len().min(buffer.remaining());
        buffer.put_slice(&this.chunk[..length]);
        this.chunk.advance(length);
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    async fn take(headers: &[(&'static str, &'static str)]) -> Result<Sums, Refusal> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let promise = Promise::read(&map, Trailers::default())?;
        let source = futures_util::stream::iter(["hel", "lo"].map(|text| Ok(Bytes::from(text))));
        let mut intake = Intake::new(source, promise, 100);
        let mut content = Vec::new();
        intake.read_to_end(&mut content).await?;
        assert_eq!(content, b"hello");
        Ok(intake.sums().unwrap())
    }

    #[tokio::test]
    async fn content_is_summed_up_as_it_passes() {
        let sums = take(&[("x-amz-checksum-crc32", "NhCmhg==")]).await.unwrap();

        assert_eq!(sums.etag(), "5d41402abc4b2a76b9719d911017c592");
        assert_eq!(sums.checksum.unwrap().value, "NhCmhg==");
    }

    #[tokio::test]
    async fn a_broken_promise_refuses_the_content() {
        let cases = [
            ("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==", "BadDigest"),
            ("content-md5", "nonsense", "InvalidDigest"),
            ("x-amz-checksum-crc32", "AAAAAA==", "BadDigest"),
            ("x-amz-checksum-crc32", "short", "InvalidRequest"),
        ];
        for (name, value, code) in cases {
            let refusal = take(&[(name, value)]).await.unwrap_err();

            assert_eq!(refusal.code, code, "{name}: {value}");
        }
    }
}
