//! How fast and how much a streamed response may send: a token bucket and a cap.
//!
//! AWS lets the first 6 MiB pass at once, then 2 MiB a second, 200 MB in all (lambda-facts §4). Pure: time comes in.

use std::time::Duration;

use tokio::time::Instant;

/// The rule for one streamed response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamLimits {
    pub most_bytes: u64,
    /// `None` lets everything pass at once.
    pub rate: Option<StreamRate>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamRate {
    pub burst_bytes: u64,
    pub bytes_per_second: u64,
}

impl StreamLimits {
    /// AWS's numbers.
    pub const AWS: Self = Self {
        most_bytes: 200 * 1024 * 1024,
        rate: Some(StreamRate {
            burst_bytes: 6 * 1024 * 1024,
            bytes_per_second: 2 * 1024 * 1024,
        }),
    };
}

/// What a response has used of its limits.
#[derive(Clone, Debug)]
pub(crate) struct Bandwidth {
    limits: StreamLimits,
    sent_bytes: u64,
    /// When the bucket is full again, if nothing more is sent.
    full_at: Instant,
}

/// Whether a part may be sent.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    After(Instant),
    TooMuch,
}

impl Bandwidth {
    pub(crate) fn new(limits: StreamLimits, now: Instant) -> Self {
        Self {
            limits,
            sent_bytes: 0,
            full_at: now,
        }
    }

    /// Takes a part into account and tells when it may pass.
    pub(crate) fn take(&mut self, bytes: usize, now: Instant) -> Pass {
        self.sent_bytes += bytes as u64;
        if self.sent_bytes > self.limits.most_bytes {
            return Pass::TooMuch;
        }
        let Some(rate) = self.limits.rate else {
            return Pass::After(now);
        };
        let time =
            |bytes: u64| Duration::from_secs_f64(bytes as f64 / rate.bytes_per_second as f64);
        self.full_at = self.full_at.max(now) + time(bytes as u64);
        Pass::After(
            self.full_at
                .checked_sub(time(rate.burst_bytes))
                .map_or(now, |at| at.max(now)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;

    #[test]
    fn burst_passes_at_once_and_the_rest_at_the_rate() {
        let now = Instant::now();
        let mut bandwidth = Bandwidth::new(StreamLimits::AWS, now);

        assert_eq!(bandwidth.take(6 * MIB, now), Pass::After(now));
        assert_eq!(
            bandwidth.take(2 * MIB, now),
            Pass::After(now + Duration::from_secs(1))
        );
        assert_eq!(
            bandwidth.take(MIB, now),
            Pass::After(now + Duration::from_millis(1500))
        );
    }

    #[test]
    fn idle_time_fills_the_bucket_but_not_above_the_burst() {
        let now = Instant::now();
        let mut bandwidth = Bandwidth::new(StreamLimits::AWS, now);
        let _ = bandwidth.take(6 * MIB, now);
        let later = now + Duration::from_secs(100);

        assert_eq!(bandwidth.take(6 * MIB, later), Pass::After(later));
        assert_eq!(
            bandwidth.take(2 * MIB, later),
            Pass::After(later + Duration::from_secs(1))
        );
    }

    #[test]
    fn more_than_the_cap_does_not_pass() {
        let now = Instant::now();
        let limits = StreamLimits {
            most_bytes: 10,
            rate: None,
        };
        let mut bandwidth = Bandwidth::new(limits, now);

        assert_eq!(bandwidth.take(10, now), Pass::After(now));
        assert_eq!(bandwidth.take(1, now), Pass::TooMuch);
    }
}
