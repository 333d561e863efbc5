//! A bucket of tokens: how often something may happen.
//!
//! ```text
//!  empty ──(refills continuously)──► full: never more than `burst` tokens
//!    ▲ take                    take │
//!    └───────────────────────────────┘
//! ```
//!
//! Pure: the time comes with each question, and so does the pace, because limits change while the bucket lives. It is
//! kept as the one moment at which it will be full again.

use std::time::Duration;

use tokio::time::Instant;

/// So many in a second, after a burst of so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    pub per_second: u32,
    pub burst: u32,
}

impl Pace {
    fn interval(self) -> Duration {
        Duration::from_secs(1) / self.per_second.max(1)
    }

    /// What a full bucket is worth in time.
    fn depth(self) -> Duration {
        self.interval().saturating_mul(self.burst)
    }
}

/// Cheap to make; a new one is full.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bucket {
    full_at: Option<Instant>,
}

impl Bucket {
    /// Takes a token; `false` if there is none.
    #[must_use]
    pub fn take(&mut self, pace: Pace, now: Instant) -> bool {
        let full_at = self.refilled(now) + pace.interval();
        let fits = pace.per_second > 0 && full_at.duration_since(now) <= pace.depth();
        if fits {
            self.full_at = Some(full_at);
        }
        fits
    }

    /// Takes a token if there is one, for somebody who is let through either way.
    pub(crate) fn charge(&mut self, pace: Pace, now: Instant) {
        let _ = self.take(pace, now);
    }

    /// Nothing is remembered of a bucket that is full.
    pub fn is_full(&self, now: Instant) -> bool {
        self.refilled(now) == now
    }

    fn refilled(&self, now: Instant) -> Instant {
        self.full_at.map_or(now, |full_at| full_at.max(now))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SCALING: Pace = Pace {
        per_second: 100,
        burst: 1_000,
    };

    fn taken(bucket: &mut Bucket, pace: Pace, now: Instant, tries: u32) -> usize {
        (0..tries).filter(|_| bucket.take(pace, now)).count()
    }

    #[test]
    fn full_bucket_gives_a_burst_and_then_what_flows_in() {
        let mut bucket = Bucket::default();
        let t0 = Instant::now();

        assert_eq!(taken(&mut bucket, SCALING, t0, 2_000), 1_000);
        let later = t0 + Duration::from_millis(50);
        assert_eq!(taken(&mut bucket, SCALING, later, 2_000), 5);
    }

    #[test]
    fn bucket_that_rests_never_holds_more_than_a_burst() {
        let mut bucket = Bucket::default();
        let t0 = Instant::now();
        assert!(bucket.take(SCALING, t0));

        let later = t0 + Duration::from_secs(3_600);

        assert!(bucket.is_full(later));
        assert_eq!(taken(&mut bucket, SCALING, later, 5_000), 1_000);
    }

    #[test]
    fn pace_of_nothing_gives_nothing() {
        let nothing = Pace {
            per_second: 0,
            burst: 0,
        };

        assert!(!Bucket::default().take(nothing, Instant::now()));
    }

    proptest! {
        #[test]
        fn no_stretch_of_time_sees_more_than_its_burst_and_its_flow(
            per_second in 1_u32..2_000,
            burst in 1_u32..50,
            steps in prop::collection::vec(0_u64..2_000_000, 1..200),
        ) {
            let pace = Pace { per_second, burst };
            let mut bucket = Bucket::default();
            let mut now = Instant::now();
            let mut given = Vec::new();
            for micros in steps {
                now += Duration::from_micros(micros);
                if bucket.take(pace, now) {
                    given.push(now);
                }
            }
            for (first, began) in given.iter().enumerate() {
                for (last, ended) in given.iter().enumerate().skip(first) {
                    let flowed = ended.duration_since(*began).as_secs_f64() * f64::from(per_second);
                    let most = f64::from(burst) + flowed + 0.01;
                    let count = f64::from(u32::try_from(last - first + 1).unwrap());
                    prop_assert!(count <= most, "{count} in {flowed} of {pace:?}");
                }
            }
        }
    }
}
