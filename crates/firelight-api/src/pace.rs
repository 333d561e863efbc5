//! How slowly the body of a request may come.
//!
//! ```text
//!  the next piece is due  =  the earlier of   now + IDLE
//!                                             begin + GRACE + what came so far at the slowest rate
//! ```
//!
//! Without the second line a client could hold a request for as long as it likes with a byte now and then.

use std::time::Duration;

use tokio::time::Instant;

/// A client that sends nothing for this long has gone away.
const IDLE: Duration = Duration::from_secs(30);
/// How long a body may take whatever its size.
const GRACE: Duration = Duration::from_secs(60);
/// What a body brings on average, once its grace is over.
const MIN_BYTES_PER_SECOND: u64 = 512;

/// How far a body has come, and since when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    began: Instant,
    bytes: u64,
}

impl Pace {
    pub(crate) fn begin(now: Instant) -> Self {
        Self {
            began: now,
            bytes: 0,
        }
    }

    /// Returns when the next piece has to be there.
    pub(crate) fn due(&self, now: Instant) -> Instant {
        let earned = Duration::from_secs(self.bytes / MIN_BYTES_PER_SECOND);
        (now + IDLE).min(self.began + GRACE + earned)
    }

    /// Notes a piece that came.
    pub(crate) fn add(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn client_that_sends_nothing_is_given_up() {
        let begin = Instant::now();
        let mut pace = Pace::begin(begin);

        assert_eq!(pace.due(begin), begin + IDLE);
        pace.add(1 << 30);
        assert_eq!(
            pace.due(begin + 3600 * SECOND),
            begin + 3600 * SECOND + IDLE
        );
    }

    #[test]
    fn client_that_sends_a_byte_now_and_then_is_given_up() {
        let begin = Instant::now();
        let mut pace = Pace::begin(begin);

        pace.add(1);
        assert_eq!(pace.due(begin + 50 * SECOND), begin + GRACE);
        pace.add(5119);
        assert_eq!(pace.due(begin + 50 * SECOND), begin + GRACE + 10 * SECOND);
    }
}
