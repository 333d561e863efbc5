//! When the pool may be filled again after a sandbox was taken out of it. Pure: time comes in.
//!
//! ```text
//!  Due ── taken ──► Paused ── a short while, however many are taken meanwhile ──► Due
//! ```
//!
//! Building a sandbox keeps a processor busy for a millisecond, and the cgroup locks that starting a program needs. The
//! function whose sandbox was just taken would wait for that.

/// What was just taken, which says how long it must be left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// Long enough for a program to be started.
    Blank,
    /// Long enough for a program that waited to ask for its first event.
    WithProgram,
}

impl Taken {
    const fn pause_ns(self) -> i64 {
        match self {
            Self::Blank => 5_000_000,
            Self::WithProgram => 10_000_000,
        }
    }
}

/// A clock's reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Nanoseconds(pub(super) i64);

#[derive(Default)]
pub(super) struct Refill {
    paused_until: Option<Nanoseconds>,
}

impl Refill {
    /// Notes that a sandbox was taken. A pause that has begun is not made longer: the pool would stay empty under load.
    pub(super) fn taken(&mut self, what: Taken, now: Nanoseconds) {
        self.paused_until
            .get_or_insert(Nanoseconds(now.0 + what.pause_ns()));
    }

    /// Whether building is still put off.
    pub(super) fn is_paused(&mut self, now: Nanoseconds) -> bool {
        if self.paused_until.is_some_and(|until| until <= now) {
            self.paused_until = None;
        }
        self.paused_until.is_some()
    }

    /// How long the pause still lasts; never zero, which would have the launcher spin.
    pub(super) fn remaining(&self, now: Nanoseconds) -> Option<std::time::Duration> {
        let until = self.paused_until?;
        let left = u64::try_from(until.0 - now.0).ok();
        left.filter(|left| *left > 0)
            .map(std::time::Duration::from_nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_not_made_longer_by_what_is_taken_during_it() {
        let mut refill = Refill::default();
        assert!(!refill.is_paused(Nanoseconds(0)));

        let pause = Taken::Blank.pause_ns();
        refill.taken(Taken::Blank, Nanoseconds(100));
        refill.taken(Taken::WithProgram, Nanoseconds(100 + pause / 2));

        assert!(refill.is_paused(Nanoseconds(99 + pause)));
        assert_eq!(
            refill.remaining(Nanoseconds(100)),
            Some(std::time::Duration::from_millis(5))
        );
        assert_eq!(refill.remaining(Nanoseconds(100 + pause)), None);
        assert!(!refill.is_paused(Nanoseconds(100 + pause)));
    }
}
