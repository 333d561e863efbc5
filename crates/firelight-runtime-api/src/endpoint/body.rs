//! Reads request bodies within bounds.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

/// Up to here a copy costs less than the buffer that it sets free.
const SMALL: usize = 2048;

/// What a body turned out to be.
pub(super) enum Read {
    Complete(Bytes),
    /// More than the limit; `bytes` is the announced size, or what came until it was too much.
    TooLarge {
        bytes: u64,
    },
    /// The connection or the encoding broke.
    Broken,
}

/// Reads a whole body of at most `limit` bytes. An announced size over the limit is refused before reading.
pub(super) async fn read(body: &mut Incoming, limit: usize) -> Read {
    let announced = body.size_hint().exact();
    if let Some(bytes) = announced.filter(|bytes| usize::try_from(*bytes).is_ok_and(|b| b > limit))
    {
        return Read::TooLarge { bytes };
    }
    let capacity = announced
        .and_then(|bytes| usize::try_from(bytes).ok())
        .unwrap_or(0);
    let mut collected = Collected::new(capacity);
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Read::Broken;
        };
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if collected.len() + data.len() > limit {
            return Read::TooLarge {
                bytes: (collected.len() + data.len()) as u64,
            };
        }
        collected.push(data);
    }
    Read::Complete(collected.finish())
}

/// Joins the parts of a body; a large single part is passed on without a copy.
struct Collected {
    announced: usize,
    first: Option<Bytes>,
    rest: BytesMut,
}

impl Collected {
    fn new(announced: usize) -> Self {
        Self {
            announced,
            first: None,
            rest: BytesMut::new(),
        }
    }

    fn len(&self) -> usize {
        self.first.as_ref().map_or(0, Bytes::len) + self.rest.len()
    }

    fn push(&mut self, data: Bytes) {
        if self.first.is_none() && self.rest.is_empty() {
            self.first = Some(data);
            return;
        }
        if let Some(first) = self.first.take() {
            // A hostile client may announce much and send little: memory is taken for what came, up to doubling.
            self.rest.reserve(
                self.announced
                    .min(1024 * 1024)
                    .max(first.len() + data.len()),
            );
            self.rest.extend_from_slice(&first);
        }
        self.rest.extend_from_slice(&data);
    }

    fn finish(self) -> Bytes {
        match self.first {
            // Copied out of the connection's buffer, which could not be used again while the answer lives.
            Some(small) if small.len() <= SMALL => Bytes::copy_from_slice(&small),
            Some(only) => only,
            None => self.rest.freeze(),
        }
    }
}

/// Reads at most `limit` further bytes into nothing.
pub(super) async fn drain(body: &mut Incoming, limit: u64) {
    let mut drained = 0;
    while drained <= limit {
        let Some(Ok(frame)) = body.frame().await else {
            return;
        };
        drained += frame.data_ref().map_or(0, |data| data.len() as u64);
    }
}
