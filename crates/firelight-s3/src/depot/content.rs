//! The content of objects as a row of blobs.
//!
//! A blob is checked as a whole before any of it is given out. Content is cut into segments so that a range of a large
//! object, or its first byte, does not wait for the whole of it.

use std::io::SeekFrom;
use std::ops::Range;

use bytes::{Bytes, BytesMut};
use firelight_store::Blobs;
use futures_util::Stream;
use futures_util::stream::poll_fn;
use s3s::StdError;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::sync::mpsc;

use crate::intake::{Intake, Promise, Sums};
use crate::record::Segment;
use crate::refusal::Refusal;

/// The longest segment. A power of two that a client's own parts (8 MiB and more) divide into evenly.
const SEGMENT_BYTES: u64 = 8 * 1024 * 1024;
/// The most that comes in one request.
pub(crate) const MAX_PUT_BYTES: u64 = 5 * 1024 * 1024 * 1024;
/// How much is read from a blob at once.
const CHUNK_BYTES: usize = 128 * 1024;
/// How many chunks wait for a slow reader.
const CHUNKS_AHEAD: usize = 4;

/// Stores content; what was stored of content that is refused in the end is left to the sweep.
pub(crate) async fn store<B, S>(
    blobs: &B,
    source: S,
    promise: Promise,
) -> Result<(Vec<Segment>, Sums), Refusal>
where
    B: Blobs,
    S: Stream<Item = Result<Bytes, StdError>> + Send + Unpin,
{
    let mut intake = Intake::new(source, promise, MAX_PUT_BYTES);
    let mut segments = Vec::new();
    while intake.has_more().await? {
        let stored = blobs.put((&mut intake).take(SEGMENT_BYTES)).await?;
        segments.push(Segment {
            digest: stored.digest,
            size: stored.size,
        });
    }
    let sums = intake.sums().ok_or_else(Refusal::incomplete_body)?;
    Ok((segments, sums))
}

/// Gives out a range of some content. An error ends the stream, which breaks off the answer.
pub(crate) fn stream<B: Blobs>(
    blobs: &B,
    content: &[Segment],
    range: Range<u64>,
) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send + Sync + Unpin + 'static {
    let (sender, mut receiver) = mpsc::channel(CHUNKS_AHEAD);
    let (blobs, pieces) = (blobs.clone(), pieces(content, range));
    // Ends with its reader: nobody is left to send to.
    tokio::spawn(async move {
        for (segment, range) in pieces {
            if let Err(error) = send(&blobs, segment, range, &sender).await {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "an object cannot be read"
                );
                let _ = sender.send(Err(std::io::Error::other(error))).await;
                return;
            }
        }
    });
    poll_fn(move |cx| receiver.poll_recv(cx))
}

async fn send<B: Blobs>(
    blobs: &B,
    segment: Segment,
    range: Range<u64>,
    sender: &mpsc::Sender<Result<Bytes, std::io::Error>>,
) -> Result<(), Refusal> {
    let blob = blobs.open(segment.digest).await?;
    let mut file = tokio::fs::File::from_std(blob.file);
    file.seek(SeekFrom::Start(range.start)).await?;
    let mut file = file.take(range.end - range.start);
    loop {
        let mut chunk = BytesMut::with_capacity(CHUNK_BYTES);
        if file.read_buf(&mut chunk).await? == 0 {
            return Ok(());
        }
        if sender.send(Ok(chunk.freeze())).await.is_err() {
            return Ok(());
        }
    }
}

/// Cuts a range of the whole into ranges of its segments.
fn pieces(content: &[Segment], range: Range<u64>) -> Vec<(Segment, Range<u64>)> {
    let mut start = 0;
    let mut pieces = Vec::new();
    for segment in content {
        let end = start + segment.size;
        let (from, to) = (range.start.max(start), range.end.min(end));
        if from < to {
            pieces.push((*segment, from - start..to - start));
        }
        start = end;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use firelight_store::BlobDigest;

    use super::*;

    #[test]
    fn a_range_touches_only_the_segments_it_lies_in() {
        let content = [5, 5, 5].map(|size| Segment {
            digest: BlobDigest::of(b""),
            size,
        });
        let ranges = |range| pieces(&content, range).into_iter().map(|(_, range)| range);

        assert_eq!(ranges(0..15).collect::<Vec<_>>(), [0..5, 0..5, 0..5]);
        assert_eq!(ranges(4..6).collect::<Vec<_>>(), [4..5, 0..1]);
        assert_eq!(ranges(5..11).collect::<Vec<_>>(), [0..5, 0..1]);
        assert_eq!(ranges(0..0).count(), 0);
    }
}
