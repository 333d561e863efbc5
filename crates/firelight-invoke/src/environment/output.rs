//! What the processes of an environment write: a pipe for each, read without blocking, cut into lines.
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
use tokio::time::{Instant, sleep_until};

use crate::bandwidth::{Bandwidth, Pass, StreamLimits, StreamRate};

/// A line longer than this is cut into several, as Lambda cuts at 256 KB.
pub(crate) const LONGEST_LINE: usize = 256 * 1024;
/// How much is taken from a pipe at first: most invocations print nothing, or little.
const LITTLE: usize = 512;
/// How much is taken at once from a pipe that holds more.
const MUCH: usize = 8 * 1024;
/// What one drain takes at most, so that a flooding function cannot hold its environment's task.
const LONGEST_DRAIN: usize = 1024 * 1024;

/// How fast a process may print. One that prints faster finds its pipe full and waits, as it would for a slow disk;
/// nothing is lost, and who reads and stores the lines is not kept from others.
const PACE: StreamLimits = StreamLimits {
    most_bytes: u64::MAX,
    rate: Some(StreamRate {
        burst_bytes: 8 * 1024 * 1024,
        bytes_per_second: 4 * 1024 * 1024,
    }),
};

/// One pipe and the piece of a line that has come so far.
#[derive(Debug)]
pub(crate) struct Output {
    pipe: Option<Receiver>,
    bandwidth: Bandwidth,
    /// Not looked at before, because it was read faster than its pace.
    not_before: Option<Instant>,
    partial: Vec<u8>,
}

impl Output {
    /// Takes the read end of a pipe.
    pub(crate) fn new(pipe: Option<OwnedFd>) -> io::Result<Self> {
        let pipe = pipe.map(Receiver::from_owned_fd).transpose()?;
        Ok(Self {
            pipe,
            bandwidth: Bandwidth::new(PACE, Instant::now()),
            not_before: None,
            partial: Vec::new(),
        })
    }

    /// Waits until something can be read and may be; never returns once the pipe is closed. Cancel-safe.
    pub(crate) async fn readable(&self) {
        let Some(pipe) = &self.pipe else {
            return std::future::pending().await;
        };
        if let Some(not_before) = self.not_before {
            sleep_until(not_before).await;
        }
        if pipe.readable().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Reads what is there now and returns its complete lines.
    pub(crate) fn drain(&mut self) -> Vec<Bytes> {
        let mut lines = Vec::new();
        let mut taken = 0;
        while taken < LONGEST_DRAIN {
            let read = match taken {
                0 => self.read_some::<LITTLE>(),
                _ => self.read_some::<MUCH>(),
            };
            match read {
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
        if taken > 0 {
            self.note_pace(taken);
        }
        lines
    }

    /// What was read is read; what comes after may have to wait.
    fn note_pace(&mut self, taken: usize) {
        let now = Instant::now();
        self.not_before = match self.bandwidth.take(taken, now) {
            Pass::After(at) if at > now => Some(at),
            Pass::After(_) | Pass::TooMuch => None,
        };
    }

    /// Reads from the descriptor itself, because tokio's view of readiness may lag behind what was written; then
    /// through tokio, which notices that the pipe is empty and will wake us for more.
    fn read_some<const CHUNK: usize>(&mut self) -> Result<usize, Errno> {
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

    #[tokio::test(start_paused = true)]
    async fn process_that_floods_is_read_at_its_pace_and_loses_nothing() {
        const MIB: usize = 1024 * 1024;
        let (mut writer, mut output) = pipe();
        let flood = std::thread::spawn(move || {
            let line = [&[b'x'; 1023][..], b"\n"].concat();
            (0..20 * MIB / line.len()).for_each(|_| writer.write_all(&line).unwrap());
        });
        let (began, mut read) = (Instant::now(), 0);

        while read < 20 * MIB {
            output.readable().await;
            read += output
                .drain()
                .iter()
                .map(|line| line.len() + 1)
                .sum::<usize>();
        }

        flood.join().unwrap();
        // 8 MiB at once, 12 MiB at 4 MiB a second; the last piece is read before it is counted.
        let took = began.elapsed().as_secs_f64();
        assert!((2.7..=3.1).contains(&took), "{took}");
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
