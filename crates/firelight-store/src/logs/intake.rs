//! The lines that wait for the writer: bounded, taken all at once.
//!
//! ```text
//!  offer(line) ──► first line, or enough for a write: the writer is woken ──► take_all()
//! ```
//!
//! A line costs its caller a lock that is held for a moment, and no wake-up: the writer has a look when it is time.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::LogLine;

/// Lines that may wait.
const MOST_LINES: usize = 32 * 1024;
/// Bytes that lines may hold while they wait.
const MOST_BYTES: usize = 32 * 1024 * 1024;
/// Bytes that are worth a write at once.
const ENOUGH_BYTES: usize = 1024 * 1024;
/// Lines that are worth a write at once.
const ENOUGH_LINES: usize = MOST_LINES / 2;

#[derive(Debug, Default)]
pub(super) struct Intake {
    waiting: Mutex<Waiting>,
    /// Told when the first line waits.
    some: Notify,
    /// Told when there is enough for a write.
    enough: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<LogLine>,
    bytes: usize,
    dropped: u64,
    closed: bool,
}

impl Waiting {
    fn is_enough(&self) -> bool {
        self.bytes >= ENOUGH_BYTES || self.lines.len() >= ENOUGH_LINES
    }
}

impl Intake {
    /// Takes a line in, or drops and counts it.
    pub(super) fn offer(&self, line: LogLine) {
        let mut waiting = self.lock();
        let bytes = waiting.bytes + line.cost_bytes();
        if waiting.closed || bytes > MOST_BYTES || waiting.lines.len() >= MOST_LINES {
            waiting.dropped += 1;
            return;
        }
        let was_enough = waiting.is_enough();
        waiting.lines.push(line);
        waiting.bytes = bytes;
        let (first, enough) = (waiting.lines.len() == 1, waiting.is_enough());
        drop(waiting);
        if first {
            self.some.notify_one();
        }
        if enough && !was_enough {
            self.enough.notify_one();
        }
    }

    /// Takes everything that waits, in the order of its arrival.
    pub(super) fn take_all(&self) -> Vec<LogLine> {
        let mut waiting = self.lock();
        waiting.bytes = 0;
        std::mem::take(&mut waiting.lines)
    }

    /// Waits until a line waits. Cancel-safe.
    pub(super) async fn some(&self) {
        self.some.notified().await;
    }

    /// Waits until there is enough for a write. Cancel-safe.
    pub(super) async fn enough(&self) {
        self.enough.notified().await;
    }

    /// How many lines were dropped since the start.
    pub(super) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// Takes no more lines in.
    pub(super) fn close(&self) {
        self.lock().closed = true;
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
