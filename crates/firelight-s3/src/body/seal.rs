//! The signatures of chunks: each covers its chunk and the signature before it.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::refusal::Refusal;

/// SHA-256 of nothing, which stands where a chunk's headers once were meant to.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// What the chunks of a body are signed with, taken from the signature of the request.
#[derive(Clone)]
pub struct ChunkSeal {
    /// The signing key of the day, region and service.
    pub key: [u8; 32],
    /// When the request was signed, `YYYYMMDDThhmmssZ`.
    pub time: String,
    /// `date/region/service/aws4_request`.
    pub scope: String,
    /// The signature before the next one; at first that of the request.
    pub signature: String,
    pub sealed: Sealed,
}

/// Which parts of a body carry signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealed {
    Nothing,
    Chunks,
    ChunksAndTrailers,
}

/// The digest of a chunk whose bytes are still arriving.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChunkHash(Sha256);

impl ChunkHash {
    pub(crate) fn update(&mut self, content: &[u8]) {
        self.0.update(content);
    }
}

impl ChunkSeal {
    pub(crate) fn seals_chunks(&self) -> bool {
        self.sealed != Sealed::Nothing
    }

    pub(crate) fn seals_trailers(&self) -> bool {
        self.sealed == Sealed::ChunksAndTrailers
    }

    pub(crate) fn check_chunk(&mut self, chunk: ChunkHash, signature: &str) -> Result<(), Refusal> {
        let digest = hex(&chunk.0.finalize());
        let text = format!(
            "AWS4-HMAC-SHA256-PAYLOAD\n{}\n{}\n{}\n{EMPTY}\n{digest}",
            self.time, self.scope, self.signature
        );
        self.check(&text, signature)
    }

    pub(crate) fn check_trailers(
        &mut self,
        trailers: &str,
        signature: &str,
    ) -> Result<(), Refusal> {
        let digest = hex(&Sha256::digest(trailers));
        let text = format!(
            "AWS4-HMAC-SHA256-TRAILER\n{}\n{}\n{}\n{digest}",
            self.time, self.scope, self.signature
        );
        self.check(&text, signature)
    }

    fn check(&mut self, text: &str, signature: &str) -> Result<(), Refusal> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of every length");
        mac.update(text.as_bytes());
        let given = unhex(signature).ok_or_else(Refusal::bad_chunk_signature)?;
        mac.verify_slice(&given)
            .map_err(|_| Refusal::bad_chunk_signature())?;
        signature.clone_into(&mut self.signature);
        Ok(())
    }
}

impl std::fmt::Debug for ChunkSeal {
    /// Leaves out the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChunkSeal")
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}
