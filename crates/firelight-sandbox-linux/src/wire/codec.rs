//! The encoding: little-endian integers, byte strings and lists with a length before them.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// The bytes are not a message: something is missing, left over, or out of range.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed message: {0}")]
pub(crate) struct Malformed(pub(crate) &'static str);

#[derive(Default)]
pub(crate) struct Encoder {
    bytes: Vec<u8>,
}

impl Encoder {
    pub(crate) fn new(kind: u8) -> Self {
        Self { bytes: vec![kind] }
    }

    pub(crate) fn u8(&mut self, value: u8) -> &mut Self {
        self.bytes.push(value);
        self
    }

    pub(crate) fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub(crate) fn i32(&mut self, value: i32) -> &mut Self {
        self.bytes.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub(crate) fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub(crate) fn u128(&mut self, value: u128) -> &mut Self {
        self.bytes.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub(crate) fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.length(value.len());
        self.bytes.extend_from_slice(value);
        self
    }

    pub(crate) fn text(&mut self, value: &OsStr) -> &mut Self {
        self.bytes(value.as_bytes())
    }

    pub(crate) fn path(&mut self, value: &Path) -> &mut Self {
        self.text(value.as_os_str())
    }

    pub(crate) fn list<T>(
        &mut self,
        items: &[T],
        mut each: impl FnMut(&mut Self, &T),
    ) -> &mut Self {
        self.length(items.len());
        for item in items {
            each(self, item);
        }
        self
    }

    /// A length that does not fit makes a message that is far over the packet limit, which `send` refuses.
    fn length(&mut self, length: usize) {
        self.u32(u32::try_from(length).unwrap_or(u32::MAX));
    }

    pub(crate) fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }
}

pub(crate) struct Decoder<'a> {
    rest: &'a [u8],
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (head, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(Malformed("too short"))?;
        self.rest = rest;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn i32(&mut self) -> Result<i32, Malformed> {
        Ok(i32::from_le_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Malformed> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(crate) fn u128(&mut self) -> Result<u128, Malformed> {
        Ok(u128::from_le_bytes(self.array()?))
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.length()?;
        let (head, rest) = self.rest.split_at(length);
        self.rest = rest;
        Ok(head)
    }

    pub(crate) fn text(&mut self) -> Result<OsString, Malformed> {
        Ok(OsString::from_vec(self.bytes()?.to_vec()))
    }

    pub(crate) fn path(&mut self) -> Result<PathBuf, Malformed> {
        self.text().map(PathBuf::from)
    }

    pub(crate) fn string(&mut self) -> Result<String, Malformed> {
        String::from_utf8(self.bytes()?.to_vec()).map_err(|_| Malformed("not UTF-8"))
    }

    pub(crate) fn list<T>(
        &mut self,
        mut each: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let count = self.length()?;
        (0..count).map(|_| each(self)).collect()
    }

    /// Reads a length; each item takes a byte at least, so none can exceed what is left.
    fn length(&mut self) -> Result<usize, Malformed> {
        let length = usize::try_from(self.u32()?).map_err(|_| Malformed("length too large"))?;
        if length > self.rest.len() {
            return Err(Malformed("length beyond the end"));
        }
        Ok(length)
    }

    pub(crate) fn finish(self) -> Result<(), Malformed> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Malformed("bytes left over"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded_in_the_same_order() {
        let bytes = Encoder::new(7)
            .u64(1 << 40)
            .path(Path::new("/var/task"))
            .i32(-2)
            .finish();

        let mut decoder = Decoder::new(&bytes);
        assert_eq!(decoder.u8(), Ok(7));
        assert_eq!(decoder.u64(), Ok(1 << 40));
        assert_eq!(decoder.path(), Ok(PathBuf::from("/var/task")));
        assert_eq!(decoder.i32(), Ok(-2));
        assert_eq!(decoder.finish(), Ok(()));
    }

    #[test]
    fn a_length_beyond_the_end_is_refused_without_allocating_it() {
        let bytes = Encoder::default().u32(u32::MAX).finish();

        let result = Decoder::new(&bytes).list(Decoder::u8);

        assert_eq!(result, Err(Malformed("length beyond the end")));
    }

    #[test]
    fn bytes_left_over_are_refused() {
        assert_eq!(
            Decoder::new(&[1]).finish(),
            Err(Malformed("bytes left over"))
        );
    }
}
