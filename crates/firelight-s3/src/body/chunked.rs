//! The encoding `aws-chunked`: a body in chunks that are signed one by one, with headers behind the last.
//!
//! ```text
//!  size[;chunk-signature=…] CRLF data CRLF … 0[;chunk-signature=…] CRLF [trailers] CRLF
//!
//!  Head ──► Data ──► DataEnd ──► Head … ──► Trailers ──► Done
//! ```
//!
//! A decoder is fed what arrives and gives back content. Content of a chunk is given out before its signature can be
//! checked; whoever stores it must wait for the end.

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::seal::{ChunkHash, ChunkSeal};
use crate::refusal::Refusal;

/// The longest line that begins a chunk: a size, a signature and their names.
const MAX_HEAD: usize = 256;
/// The most that may stand behind the last chunk.
const MAX_TRAILERS: usize = 16 * 1024;

const TRAILER_SIGNATURE: &str = "x-amz-trailer-signature";

/// Decodes one body.
#[derive(Debug)]
pub(crate) struct Decoder {
    state: State,
    /// What arrived of a line that is not complete yet.
    line: BytesMut,
    seal: Option<ChunkSeal>,
    trailers: HeaderMap,
    /// The trailers as they are signed.
    signed_trailers: String,
}

#[derive(Debug)]
enum State {
    Head,
    Data {
        left: u64,
        hash: Option<(ChunkHash, String)>,
    },
    DataEnd,
    Trailers,
    Done,
}

impl Decoder {
    /// Makes a decoder; without a seal signatures are not looked at.
    pub(crate) fn new(seal: Option<ChunkSeal>) -> Self {
        Self {
            state: State::Head,
            line: BytesMut::new(),
            seal,
            trailers: HeaderMap::new(),
            signed_trailers: String::new(),
        }
    }

    /// Takes what arrived; calls `give` for each piece of content in it.
    pub(crate) fn push(
        &mut self,
        mut input: Bytes,
        mut give: impl FnMut(Bytes),
    ) -> Result<(), Refusal> {
        while !input.is_empty() {
            match &mut self.state {
                State::Data { left, hash } => {
                    let length =
                        usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
                    let content = input.split_to(length);
                    *left -= length as u64;
                    if let Some((hash, _)) = hash {
                        hash.update(&content);
                    }
                    give(content);
                    self.end_data_if_complete()?;
                }
                State::Done => return Err(Refusal::incomplete_body()),
                State::Head | State::DataEnd | State::Trailers => {
                    if let Some(line) = self.take_line(&mut input)? {
                        self.line(&line)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Returns the trailers once the body has ended where it should.
    pub(crate) fn finish(self) -> Result<HeaderMap, Refusal> {
        match self.state {
            State::Done => Ok(self.trailers),
            // Some clients leave out the empty line behind the last chunk.
            State::Trailers if self.line.is_empty() && self.trailers.is_empty() => {
                Ok(self.trailers)
            }
            _ => Err(Refusal::incomplete_body()),
        }
    }

    fn end_data_if_complete(&mut self) -> Result<(), Refusal> {
        let State::Data { left: 0, hash } = &mut self.state else {
            return Ok(());
        };
        if let (Some(seal), Some((hash, signature))) = (&mut self.seal, hash.take()) {
            seal.check_chunk(hash, &signature)?;
        }
        self.state = State::DataEnd;
        Ok(())
    }

    /// Takes a line without its end, if all of it has arrived.
    fn take_line(&mut self, input: &mut Bytes) -> Result<Option<String>, Refusal> {
        let limit = match self.state {
            State::Trailers => MAX_TRAILERS,
            _ => MAX_HEAD,
        };
        let end = input.iter().position(|byte| *byte == b'\n');
        let length = end.map_or(input.len(), |end| end + 1);
        if self.line.len() + length > limit {
            return Err(Refusal::malformed_trailer());
        }
        self.line.extend_from_slice(&input[..length]);
        input.advance(length);
        if end.is_none() {
            return Ok(None);
        }
        let line = std::mem::take(&mut self.line);
        let text = std::str::from_utf8(&line).map_err(|_| Refusal::malformed_trailer())?;
        Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
    }

    fn line(&mut self, line: &str) -> Result<(), Refusal> {
        match self.state {
            State::DataEnd if line.is_empty() => {
                self.state = State::Head;
                Ok(())
            }
            State::Head => self.head(line),
            State::Trailers => self.trailer(line),
            _ => Err(Refusal::incomplete_body()),
        }
    }

    fn head(&mut self, line: &str) -> Result<(), Refusal> {
        let (size, extension) = line.split_once(';').unwrap_or((line, ""));
        let left = u64::from_str_radix(size.trim(), 16).map_err(|_| Refusal::incomplete_body())?;
        let signature = extension
            .trim()
            .strip_prefix("chunk-signature=")
            .unwrap_or_default();
        let is_signed = self.seal.as_ref().is_some_and(ChunkSeal::seals_chunks);
        if left > 0 {
            let hash = is_signed.then(|| (ChunkHash::default(), signature.to_owned()));
            self.state = State::Data { left, hash };
            return Ok(());
        }
        if let (Some(seal), true) = (&mut self.seal, is_signed) {
            seal.check_chunk(ChunkHash::default(), signature)?;
        }
        self.state = State::Trailers;
        Ok(())
    }

    fn trailer(&mut self, line: &str) -> Result<(), Refusal> {
        if line.is_empty() {
            self.state = State::Done;
            return self.check_unsigned_trailers();
        }
        let (name, value) = line
            .split_once(':')
            .ok_or_else(Refusal::malformed_trailer)?;
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        if name == TRAILER_SIGNATURE {
            if let Some(seal) = &mut self.seal {
                seal.check_trailers(&self.signed_trailers, value)?;
            }
            self.signed_trailers.clear();
            return Ok(());
        }
        self.signed_trailers += &format!("{name}:{value}\n");
        if self.signed_trailers.len() > MAX_TRAILERS {
            return Err(Refusal::malformed_trailer());
        }
        let name = HeaderName::try_from(name).map_err(|_| Refusal::malformed_trailer())?;
        let value = HeaderValue::try_from(value).map_err(|_| Refusal::malformed_trailer())?;
        self.trailers.insert(name, value);
        Ok(())
    }

    /// Where trailers are signed, none may come without a signature behind it.
    fn check_unsigned_trailers(&self) -> Result<(), Refusal> {
        let must_be_signed = self.seal.as_ref().is_some_and(ChunkSeal::seals_trailers);
        if must_be_signed && !self.signed_trailers.is_empty() {
            return Err(Refusal::bad_chunk_signature());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::seal::Sealed;
    use super::*;

    /// The example of AWS's documentation of `STREAMING-AWS4-HMAC-SHA256-PAYLOAD`: 65 KiB of `a` in two chunks.
    fn documented_seal() -> ChunkSeal {
        let hex = "dbb893acc010964918f1fd433add87c70e8b0db6be30c1fbeafefa5ec6ba8378";
        let mut key = [0; 32];
        for (byte, pair) in key.iter_mut().zip(hex.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        }
        ChunkSeal {
            key,
            time: "20130524T000000Z".to_owned(),
            scope: "20130524/us-east-1/s3/aws4_request".to_owned(),
            signature: "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
                .to_owned(),
            sealed: Sealed::Chunks,
        }
    }

    fn documented_body(first: &str) -> Vec<u8> {
        let mut body = format!("10000;chunk-signature={first}\r\n").into_bytes();
        body.extend_from_slice(&[b'a'; 65536]);
        body.extend_from_slice(
            b"\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n",
        );
        body.extend_from_slice(&[b'a'; 1024]);
        body.extend_from_slice(
            b"\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n",
        );
        body
    }

    const FIRST: &str = "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648";

    fn decode(
        seal: Option<ChunkSeal>,
        body: &[u8],
        step: usize,
    ) -> Result<(Vec<u8>, HeaderMap), Refusal> {
        let mut decoder = Decoder::new(seal);
        let mut content = Vec::new();
        for piece in body.chunks(step) {
            decoder.push(Bytes::copy_from_slice(piece), |bytes| {
                content.extend_from_slice(&bytes)
            })?;
        }
        Ok((content, decoder.finish()?))
    }

    #[test]
    fn the_documented_example_is_accepted_however_it_is_cut() {
        for step in [1, 7, 4096, usize::MAX] {
            let (content, _) =
                decode(Some(documented_seal()), &documented_body(FIRST), step).unwrap();

            assert_eq!(content, vec![b'a'; 66560], "step {step}");
        }
    }

    #[test]
    fn a_chunk_that_was_changed_is_refused() {
        let mut body = documented_body(FIRST);
        body[200] = b'b';

        let refusal = decode(Some(documented_seal()), &body, 1000).unwrap_err();

        assert_eq!(refusal.code, "SignatureDoesNotMatch");
    }

    #[test]
    fn trailers_of_an_unsigned_body_are_given_back() {
        let body = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n";

        let (content, trailers) = decode(None, body, 3).unwrap();

        assert_eq!(content, b"hello");
        assert_eq!(trailers["x-amz-checksum-crc32"], "NhCmhg==");
    }

    #[test]
    fn a_body_that_breaks_off_or_goes_on_is_incomplete() {
        for body in [
            "5\r\nhel",
            "5\r\nhello\r\n",
            "5\r\nhello\r\n0\r\n\r\nmore",
            "5\r\nhelloX\r\n",
        ] {
            let refusal = decode(None, body.as_bytes(), 4).unwrap_err();

            assert_eq!(refusal.code, "IncompleteBody", "{body:?}");
        }
    }

    #[test]
    fn a_line_without_an_end_is_not_kept_in_memory() {
        let refusal = decode(None, &[b'1'; 1000], 100).unwrap_err();

        assert_eq!(refusal.code, "MalformedTrailerError");
    }
}
