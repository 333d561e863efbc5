//! Forms as browsers send them (`multipart/form-data`): fields first, then one file, which is not held in memory.
//!
//! ```text
//!  preamble ──► field ──► field … ──► file ──► whatever else, not read
//! ```

use std::io;
use std::pin::Pin;

use bytes::{Buf, Bytes, BytesMut};
use firelight_s3::Refusal;
use futures_util::stream::try_unfold;
use futures_util::{Stream, StreamExt};

/// How long all that stands before the file may be.
const MAX_BYTES_BEFORE_FILE: usize = 20 * 1024;
/// The longest boundary of a form (RFC 2046).
const MAX_BOUNDARY_BYTES: usize = 70;

type Pieces = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// A form of which nothing but the beginning was read.
pub(super) struct Form {
    /// Names in lower case, in the order of the form.
    pub(super) fields: Vec<(String, String)>,
    /// The name that the browser gives the file.
    pub(super) filename: String,
    file: Reader,
}

impl Form {
    /// Reads the fields that stand before the file.
    pub(super) async fn open(boundary: &str, pieces: Pieces) -> Result<Self, Refusal> {
        let mut reader = Reader::new(boundary, pieces);
        reader.until_delimiter().await?;
        let mut fields = Vec::new();
        while reader.has_part().await? {
            let part = reader.head().await?;
            if part.name.eq_ignore_ascii_case("file") {
                return Ok(Self {
                    fields,
                    filename: part.filename,
                    file: reader,
                });
            }
            let value = reader.until_delimiter().await?;
            let value = String::from_utf8(value).map_err(|_| malformed())?;
            fields.push((part.name.to_ascii_lowercase(), value));
        }
        Err(Refusal::invalid_argument(
            "file",
            "0",
            "POST requires exactly one file upload per request.",
        ))
    }

    /// Returns the content of the file as it comes.
    pub(super) fn into_file(self) -> impl Stream<Item = Result<Bytes, Refusal>> + Send {
        try_unfold(self.file, |mut reader| async move {
            let piece = reader.piece().await?;
            Ok(piece.map(|piece| (piece, reader)))
        })
    }
}

/// Returns what the parts of a form are told apart by; `None` if it is none.
pub(super) fn boundary(content_type: &str) -> Option<String> {
    let (media_type, parameters) = content_type.split_once(';')?;
    if !media_type
        .trim()
        .eq_ignore_ascii_case("multipart/form-data")
    {
        return None;
    }
    let boundary = parameter(parameters, "boundary")?;
    (1..=MAX_BOUNDARY_BYTES)
        .contains(&boundary.len())
        .then_some(boundary)
}

/// Returns a parameter of a header, without its quotes.
fn parameter(parameters: &str, name: &str) -> Option<String> {
    let mut rest = parameters;
    loop {
        let (key, value) = rest.split_once('=')?;
        let key = key.trim_start_matches([';', ' ', '\t']).trim_end();
        let (text, after) = match value.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => match value.split_once(';') {
                Some((text, after)) => (text.trim().to_owned(), after),
                None => (value.trim().to_owned(), ""),
            },
        };
        if key.eq_ignore_ascii_case(name) {
            return Some(text);
        }
        rest = after;
    }
}

/// Reads to the closing quote; browsers write a quote within as `%22`, others escape it.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((text, &quoted[at + 1..])),
            '\\' if quoted[at + 1..].starts_with('"') => {
                text.push('"');
                characters.next();
            }
            other => text.push(other),
        }
    }
    None
}

fn malformed() -> Refusal {
    Refusal::malformed_form()
}

/// What a part says of itself.
struct Head {
    name: String,
    filename: String,
}

/// The body, of which as little as possible is held.
struct Reader {
    pieces: Pieces,
    held: BytesMut,
    delimiter: Vec<u8>,
    /// How much of the form was read before the file.
    before_file: usize,
    is_done: bool,
}

impl Reader {
    fn new(boundary: &str, pieces: Pieces) -> Self {
        Self {
            pieces,
            // The first delimiter begins the body, as if there were a line before it.
            held: BytesMut::from(&b"\r\n"[..]),
            delimiter: format!("\r\n--{boundary}").into_bytes(),
            before_file: 0,
            is_done: false,
        }
    }

    /// Waits for more; the form must not end yet.
    async fn fill(&mut self) -> Result<(), Refusal> {
        match self.pieces.next().await {
            Some(Ok(piece)) => {
                self.held.extend_from_slice(&piece);
                Ok(())
            }
            Some(Err(error)) if error.kind() == io::ErrorKind::TimedOut => Err(Refusal::idle()),
            Some(Err(_)) => Err(Refusal::incomplete_body()),
            None => Err(malformed()),
        }
    }

    /// Takes bytes that stand before the file.
    fn take(&mut self, length: usize) -> Result<Vec<u8>, Refusal> {
        self.before_file += length;
        if self.before_file > MAX_BYTES_BEFORE_FILE {
            return Err(Refusal::too_long_before_file());
        }
        Ok(self.held.split_to(length).to_vec())
    }

    /// Returns what stands before `end`, and skips both.
    async fn until(&mut self, end: &[u8]) -> Result<Vec<u8>, Refusal> {
        loop {
            if let Some(at) = find(&self.held, end) {
                let found = self.take(at)?;
                self.held.advance(end.len());
                return Ok(found);
            }
            if self.held.len() > MAX_BYTES_BEFORE_FILE {
                return Err(Refusal::too_long_before_file());
            }
            self.fill().await?;
        }
    }

    async fn until_delimiter(&mut self) -> Result<Vec<u8>, Refusal> {
        let delimiter = self.delimiter.clone();
        self.until(&delimiter).await
    }

    /// Reads to the end of a delimiter's line; `false` if it was the last one.
    async fn has_part(&mut self) -> Result<bool, Refusal> {
        while self.held.len() < 2 {
            self.fill().await?;
        }
        if self.held.starts_with(b"--") {
            return Ok(false);
        }
        let padding = self.until(b"\r\n").await?;
        match padding.iter().all(|byte| matches!(byte, b' ' | b'\t')) {
            true => Ok(true),
            false => Err(malformed()),
        }
    }

    async fn head(&mut self) -> Result<Head, Refusal> {
        let mut disposition = None;
        loop {
            let line = self.until(b"\r\n").await?;
            if line.is_empty() {
                break;
            }
            let line = String::from_utf8(line).map_err(|_| malformed())?;
            let (name, value) = line.split_once(':').ok_or_else(malformed)?;
            if name.trim().eq_ignore_ascii_case("content-disposition") {
                disposition = Some(value.trim().to_owned());
            }
        }
        let disposition = disposition.ok_or_else(malformed)?;
        let (_, parameters) = disposition.split_once(';').ok_or_else(malformed)?;
        Ok(Head {
            name: parameter(parameters, "name").ok_or_else(malformed)?,
            filename: parameter(parameters, "filename").unwrap_or_default(),
        })
    }

    /// Returns the next piece of the file; `None` at its end.
    async fn piece(&mut self) -> Result<Option<Bytes>, Refusal> {
        if self.is_done {
            return Ok(None);
        }
        loop {
            if let Some(at) = find(&self.held, &self.delimiter) {
                self.is_done = true;
                let last = self.held.split_to(at).freeze();
                return Ok((!last.is_empty()).then_some(last));
            }
            // The end of what is held may be the beginning of a delimiter.
            let certain = (self.held.len() + 1).saturating_sub(self.delimiter.len());
            if certain > 0 {
                return Ok(Some(self.held.split_to(certain).freeze()));
            }
            self.fill().await?;
        }
    }
}

fn find(held: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = wanted.first()?;
    let mut from = 0;
    while let Some(at) = held[from..].iter().position(|byte| byte == first) {
        let at = from + at;
        if held[at..].starts_with(wanted) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt;

    use super::*;

    const FORM: &str = "preamble\r\n--xyz\r\nContent-Disposition: form-data; name=\"Key\"\r\n\r\n\
        a/${filename}\r\n--xyz \r\ncontent-disposition: form-data; name=\"file\"; \
        filename=\"my \\\"cat\\\".txt\"\r\nContent-Type: text/plain\r\n\r\none\r\n--xy\r\n--\r\n\
        --xyz--\r\n";

    async fn read(
        form: &str,
        piece: usize,
    ) -> Result<(Vec<(String, String)>, String, Vec<u8>), Refusal> {
        let pieces: Vec<_> = form
            .as_bytes()
            .chunks(piece)
            .map(|piece| Ok(Bytes::copy_from_slice(piece)))
            .collect();
        let pieces = Box::pin(futures_util::stream::iter(pieces));
        let form = Form::open("xyz", pieces).await?;
        let (fields, filename) = (form.fields.clone(), form.filename.clone());
        let content: Vec<Bytes> = form.into_file().try_collect().await?;
        Ok((fields, filename, content.concat()))
    }

    #[tokio::test]
    async fn form_is_read_however_it_is_cut() {
        for piece in [1, 2, 7, 1000] {
            let (fields, filename, content) = read(FORM, piece).await.unwrap();

            assert_eq!(fields, [("key".to_owned(), "a/${filename}".to_owned())]);
            assert_eq!(filename, "my \"cat\".txt");
            assert_eq!(content, b"one\r\n--xy\r\n--", "{piece}");
        }
    }

    #[tokio::test]
    async fn broken_forms_are_refused() {
        let long = format!(
            "--xyz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n{:30000}",
            ""
        );
        for (form, code) in [
            ("", "MalformedPOSTRequest"),
            ("no delimiter at all", "MalformedPOSTRequest"),
            ("--xyz\r\nno header\r\n\r\n", "MalformedPOSTRequest"),
            ("--xyz--\r\n", "InvalidArgument"),
            (&long, "MaxPostPreDataLengthExceeded"),
            (&FORM[..FORM.len() - 12], "MalformedPOSTRequest"),
        ] {
            let refusal = read(form, 10).await.unwrap_err();
            assert_eq!(refusal.code, code, "{form:.40}");
        }
    }

    #[test]
    fn boundary_may_be_quoted_and_has_a_limit() {
        let found = |text: &str| boundary(text);
        assert_eq!(
            found("multipart/form-data; boundary=abc").as_deref(),
            Some("abc")
        );
        assert_eq!(
            found("Multipart/Form-Data; charset=utf-8; boundary=\"a;c\"").as_deref(),
            Some("a;c")
        );
        assert_eq!(found("multipart/form-data"), None);
        assert_eq!(found("multipart/mixed; boundary=abc"), None);
        assert_eq!(
            found(&format!("multipart/form-data; boundary={:a>71}", "")),
            None
        );
    }
}
