//! What the processes of an environment write: two pipes, read without blocking, cut into lines.
//!
//! The environment's own task reads the pipes. That gives the order AWS shows (what a function wrote before its answer
//! stands before `END`) without any barrier between tasks: after the answer, [`Output::drain`] reads what is in the
//! pipes and returns when they are empty.
//!
//! Deliberately absent: what becomes of a line.

use std::io;
use std::os::fd::OwnedFd;

use bytes::Bytes;
use rustix::io::Errno;
use tokio::net::unix::pipe::Receiver;

/// A line longer than this is cut into several, as Lambda cuts at 256 KB.
pub(crate) const LONGEST_LINE: usize = 256 * 1024;
/// How much is taken from a pipe before the other one gets its turn.
const CHUNK: usize = 8 * 1024;
/// What one drain takes at most, so that a flooding function cannot hold its environment's task.
const LONGEST_DRAIN: usize = 1024 * 1024;

/// One pipe and the piece of a line that has come so far.
#[derive(Debug)]
pub(crate) struct Output {
    pipe: Option<Receiver>,
    partial: Vec<u8>,
}

impl Output {
    /// Takes the read end of a pipe.
    pub(crate) fn new(pipe: Option<OwnedFd>) -> io::Result<Self> {
        let pipe = pipe.map(Receiver::from_owned_fd).transpose()?;
        Ok(Self {
            pipe,
            partial: Vec::new(),
        })
    }

    /// Waits until something can be read; never returns once the pipe is closed. Cancel-safe.
    pub(crate) async fn readable(&self) {
        let Some(pipe) = &self.pipe else {
            return std::future::pending().await;
        };
        if pipe.readable().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Reads what is there now and returns its complete lines.
    pub(crate) fn drain(&mut self) -> Vec<Bytes> {
        let mut lines = Vec::new();
        let mut taken = 0;
        while taken < LONGEST_DRAIN {
            match self.read_some() {
                Ok(0) => {
                    self.pipe = None;
                    break;
                }
                Ok(read) => {
                    taken += read;
                    take_lines(&mut self.partial, &mut lines);
                }
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                Err(_) => self.pipe = None,
            }
        }
        lines
    }

    /// Reads from the descriptor itself, because tokio's view of readiness may lag behind what was written; then
    /// through tokio, which notices that the pipe is empty and will wake us for more.
    fn read_some(&mut self) -> Result<usize, Errno> {
        let Some(pipe) = &self.pipe else {
            return Err(Errno::AGAIN);
        };
        // On the stack: an idle environment keeps no buffer.
        let mut chunk = [0; CHUNK];
        let read = match rustix::io::read(pipe, &mut chunk) {
            Err(Errno::AGAIN) => pipe
                .try_read(&mut chunk)
                .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::AGAIN)),
            result => result,
        }?;
        self.partial.extend_from_slice(&chunk[..read]);
        Ok(read)
    }

    /// Takes the unfinished line, at the end of an invocation or of the process.
    pub(crate) fn take_partial(&mut self) -> Option<Bytes> {
        if self.partial.is_empty() {
            return None;
        }
        Some(Bytes::from(std::mem::take(&mut self.partial)))
    }
}

/// Moves the complete lines out of the buffer, and pieces of a line that grows too long.
fn take_lines(buffer: &mut Vec<u8>, lines: &mut Vec<Bytes>) {
    let mut start = 0;
    while let Some(length) = buffer[start..].iter().position(|&byte| byte == b'\n') {
        let line = &buffer[start..start + length];
        cut(line.strip_suffix(b"\r").unwrap_or(line), lines);
        start += length + 1;
    }
    while buffer.len() - start >= LONGEST_LINE {
        lines.push(Bytes::copy_from_slice(&buffer[start..start + LONGEST_LINE]));
        start += LONGEST_LINE;
    }
    buffer.drain(..start);
}

fn cut(line: &[u8], lines: &mut Vec<Bytes>) {
    if line.is_empty() {
        lines.push(Bytes::new());
    }
    lines.extend(line.chunks(LONGEST_LINE).map(Bytes::copy_from_slice));
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn pipe() -> (std::io::PipeWriter, Output) {
        let (reader, writer) = std::io::pipe().unwrap();
        (writer, Output::new(Some(OwnedFd::from(reader))).unwrap())
    }

    #[tokio::test]
    async fn lines_split_across_reads_are_joined() {
        let (mut writer, mut output) = pipe();
        writer.write_all(b"one\r\ntw").unwrap();
        output.readable().await;
        assert_eq!(output.drain(), ["one"]);

        writer.write_all(b"o\n\nrest").unwrap();
        output.readable().await;

        assert_eq!(output.drain(), ["two", ""]);
        assert_eq!(output.take_partial().unwrap(), "rest");
        assert_eq!(output.take_partial(), None);
    }

    #[tokio::test]
    async fn drain_sees_what_was_written_before_anyone_awaited() {
        let (mut writer, mut output) = pipe();
        writer.write_all(b"early\n").unwrap();

        assert_eq!(output.drain(), ["early"]);
        assert_eq!(output.drain(), Vec::<Bytes>::new());
    }

    #[tokio::test]
    async fn overlong_line_is_cut() {
        let mut lines = Vec::new();
        let mut buffer = vec![b'x'; LONGEST_LINE + 3];
        buffer.push(b'\n');

        take_lines(&mut buffer, &mut lines);

        assert_eq!(
            lines.iter().map(Bytes::len).collect::<Vec<_>>(),
            [LONGEST_LINE, 3]
        );
    }

    #[tokio::test]
    async fn closed_pipe_ends_quietly() {
        let (writer, mut output) = pipe();
        drop(writer);

        output.readable().await;

        assert_eq!(output.drain(), Vec::<Bytes>::new());
    }
}
