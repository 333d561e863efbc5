//! The prelude of a streamed response: JSON with status and headers, then eight NUL bytes, then the body.
//!
//! It may arrive in any number of parts. JSON holds no NUL byte, so the first one ends it.

use bytes::{Bytes, BytesMut};

use super::MalformedResult;
use super::head::{Head, WrittenHead};

/// The media type that announces a prelude.
pub(super) const INTEGRATION: &str = "application/vnd.awslambda.http-integration-response";

const END: [u8; 8] = [0; 8];
/// What is kept in memory while its end has not come.
const MOST_BYTES: usize = 64 * 1024;

/// A prelude that is still arriving.
#[derive(Debug, Default)]
pub(super) struct Prelude {
    arrived: BytesMut,
}

impl Prelude {
    /// Takes a part; returns the head and the beginning of the body once the prelude is complete.
    pub(super) fn push(&mut self, part: &[u8]) -> Result<Option<(Head, Bytes)>, MalformedResult> {
        let seen = self.arrived.len().saturating_sub(END.len() - 1);
        self.arrived.extend_from_slice(part);
        let new = &self.arrived[seen..];
        let end = new.windows(END.len()).position(|window| window == END);
        match end {
            Some(end) => self.complete(seen + end).map(Some),
            None if self.arrived.len() > MOST_BYTES => {
                Err(MalformedResult::PreludeTooLong { limit: MOST_BYTES })
            }
            None => Ok(None),
        }
    }

    fn complete(&mut self, length: usize) -> Result<(Head, Bytes), MalformedResult> {
        let json = self.arrived.split_to(length);
        let rest = self.arrived.split().freeze().slice(END.len()..);
        let head: WrittenHead = serde_json::from_slice(&json).map_err(MalformedResult::Member)?;
        Ok((head.read()?, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] = b"{\"statusCode\":418,\"headers\":{\"x-a\":\"b\"}}\0\0\0\0\0\0\0\0body";

    fn read(parts: &[&[u8]]) -> Result<Option<(Head, Bytes)>, MalformedResult> {
        let mut prelude = Prelude::default();
        for part in parts {
            if let Some(found) = prelude.push(part)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    #[test]
    fn prelude_ends_at_its_nul_bytes_however_it_is_cut() {
        for cut in 0..STREAM.len() - 4 {
            let (one, other) = STREAM.split_at(cut);

            let (head, body) = read(&[one, other]).unwrap().unwrap();

            assert_eq!(head.status, 418);
            assert_eq!(head.headers["x-a"], "b");
            assert_eq!(body, "body", "cut at {cut}");
        }
    }

    #[test]
    fn prelude_may_come_byte_by_byte() {
        let bytes: Vec<&[u8]> = STREAM.chunks(1).collect();

        let (head, body) = read(&bytes).unwrap().unwrap();

        assert_eq!((head.status.as_u16(), body.len()), (418, 0));
    }

    #[test]
    fn nul_bytes_of_the_body_belong_to_it() {
        let stream = b"{}\0\0\0\0\0\0\0\0\0\0";

        let (head, body) = read(&[stream]).unwrap().unwrap();

        assert_eq!((head.status.as_u16(), &body[..]), (200, &b"\0\0"[..]));
    }

    #[test]
    fn prelude_without_end_is_given_up() {
        let part = vec![b' '; 40 * 1024];

        assert!(read(&[&part]).unwrap().is_none());
        assert!(matches!(
            read(&[&part, &part]),
            Err(MalformedResult::PreludeTooLong { .. })
        ));
    }

    #[test]
    fn prelude_that_is_no_json_is_refused() {
        let stream = b"<html>\0\0\0\0\0\0\0\0";

        assert!(matches!(read(&[stream]), Err(MalformedResult::Member(_))));
    }
}
