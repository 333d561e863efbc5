//! What becomes of an event after an attempt: the rules of asynchronous invocation, pure.
//!
//! ```text
//!                 ┌── function error, retries left: 1 min, 2 min ──┐
//!  due ─► attempt ┼── did not run, or nobody knows: 1 s … 5 min ───┴──► due again, unless too old by then
//!                 ├── success ──► on-success destination
//!                 └── given up ──► on-failure destination, dead-letter queue
//! ```
//!
//! Only function errors count as attempts. Whatever kept the event from running may do so until the event is too old.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How an event is tried, from the event invoke config of the invoked qualifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `MaximumRetryAttempts`.
    pub retries: u32,
    /// `MaximumEventAgeInSeconds`.
    pub age: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            retries: 2,
            age: Duration::from_secs(21_600),
        }
    }
}

/// The waits between attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waits {
    /// After the first function error, the second, and so on; the last one stays.
    pub after_function_error: Vec<Duration>,
    /// After an attempt that did not run; doubled each time.
    pub back_off_first: Duration,
    /// What doubling stops at.
    pub back_off_most: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            after_function_error: vec![Duration::from_secs(60), Duration::from_secs(120)],
            back_off_first: Duration::from_secs(1),
            back_off_most: Duration::from_secs(300),
        }
    }
}

impl Waits {
    fn after_function_error(&self, errors: u32) -> Duration {
        let waits = &self.after_function_error;
        let at = (errors.saturating_sub(1) as usize).min(waits.len().saturating_sub(1));
        waits.get(at).copied().unwrap_or_default()
    }

    /// The wait after so many attempts in a row that did not run.
    pub(crate) fn back_off(&self, times: u32) -> Duration {
        let factor = 2_u32.saturating_pow(times.saturating_sub(1));
        self.back_off_first
            .saturating_mul(factor)
            .min(self.back_off_most)
    }
}

/// What an event has been through. Kept in the queue between attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Attempts in which the function ran, or may have.
    pub(crate) invokes: u32,
    /// Attempts that the function failed.
    pub(crate) errors: u32,
    /// Attempts in a row that did not run.
    pub(crate) back_offs: u32,
}

/// How an attempt ended, as far as it decides what comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Succeeded,
    FunctionError,
    /// Throttled, no capacity, or a failure of the platform before the function saw the event.
    NotRun,
    /// It may have run.
    Unknown,
}

/// Why an event was given up, with the names of AWS's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    RetriesExhausted,
    EventAgeExceeded,
    ZeroReservedConcurrency,
    /// The event is part of a loop. AWS publishes no name for it; this one is ours.
    RecursiveInvocation,
}

impl Condition {
    pub fn name(self) -> &'static str {
        match self {
            Self::RetriesExhausted => "RetriesExhausted",
            Self::EventAgeExceeded => "EventAgeExceeded",
            Self::ZeroReservedConcurrency => "ZeroReservedConcurrency",
            Self::RecursiveInvocation => "RecursiveInvocation",
        }
    }
}

/// What to do with the event now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    Success,
    RetryAfter(Duration),
    GiveUp(Condition),
}

/// Judges an attempt that ended when the event had this age.
pub(crate) fn judge(
    progress: &mut Progress,
    ended: Ended,
    age: Duration,
    limits: Limits,
    waits: &Waits,
) -> Judgement {
    progress.note(ended);
    let wait = match ended {
        Ended::Succeeded => return Judgement::Success,
        Ended::FunctionError if progress.errors > limits.retries => {
            return Judgement::GiveUp(Condition::RetriesExhausted);
        }
        Ended::FunctionError => waits.after_function_error(progress.errors),
        Ended::NotRun | Ended::Unknown => waits.back_off(progress.back_offs),
    };
    if is_too_old(age.saturating_add(wait), limits) {
        return Judgement::GiveUp(Condition::EventAgeExceeded);
    }
    Judgement::RetryAfter(wait)
}

/// Whether an event of this age is not run any more.
pub(crate) fn is_too_old(age: Duration, limits: Limits) -> bool {
    age >= limits.age
}

impl Progress {
    fn note(&mut self, ended: Ended) {
        if ended != Ended::NotRun {
            self.invokes += 1;
        }
        match ended {
            Ended::Succeeded => {}
            Ended::FunctionError => {
                self.errors += 1;
                self.back_offs = 0;
            }
            Ended::NotRun | Ended::Unknown => self.back_offs += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn judge_from(
        progress: Progress,
        ended: Ended,
        age_s: u64,
        limits: Limits,
    ) -> (Judgement, Progress) {
        let mut progress = progress;
        let age = Duration::from_secs(age_s);
        let judgement = judge(&mut progress, ended, age, limits, &Waits::default());
        (judgement, progress)
    }

    #[test]
    fn a_failing_event_is_tried_after_one_minute_then_two_then_given_up() {
        let start = Progress::default();
        let limits = Limits::default();

        let (first, progress) = judge_from(start, Ended::FunctionError, 0, limits);
        let (second, progress) = judge_from(progress, Ended::FunctionError, 60, limits);
        let (third, progress) = judge_from(progress, Ended::FunctionError, 180, limits);

        assert_eq!(first, Judgement::RetryAfter(60 * SECOND));
        assert_eq!(second, Judgement::RetryAfter(120 * SECOND));
        assert_eq!(third, Judgement::GiveUp(Condition::RetriesExhausted));
        assert_eq!(progress.invokes, 3);
    }

    #[test]
    fn an_age_of_60_s_leaves_no_room_for_the_first_retry() {
        let limits = Limits {
            retries: 2,
            age: 60 * SECOND,
        };

        let (judgement, progress) =
            judge_from(Progress::default(), Ended::FunctionError, 0, limits);

        assert_eq!(judgement, Judgement::GiveUp(Condition::EventAgeExceeded));
        assert_eq!(progress.invokes, 1);
    }

    #[test]
    fn throttles_back_off_to_five_minutes_and_do_not_count_as_attempts() {
        let limits = Limits {
            retries: 0,
            age: Duration::from_secs(21_600),
        };
        let mut progress = Progress::default();
        let mut waits = Vec::new();
        for _ in 0..12 {
            let (judgement, next) = judge_from(progress, Ended::NotRun, 0, limits);
            progress = next;
            let Judgement::RetryAfter(wait) = judgement else {
                panic!("{judgement:?}");
            };
            waits.push(wait.as_secs());
        }

        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        assert_eq!((progress.invokes, progress.errors), (0, 0));
    }

    #[test]
    fn an_unknown_end_is_tried_again_and_counts_as_an_invoke_but_not_as_an_error() {
        let (judgement, progress) =
            judge_from(Progress::default(), Ended::Unknown, 0, Limits::default());

        assert_eq!(judgement, Judgement::RetryAfter(SECOND));
        assert_eq!((progress.invokes, progress.errors), (1, 0));
    }

    fn ended() -> impl Strategy<Value = Ended> {
        prop_oneof![
            Just(Ended::FunctionError),
            Just(Ended::NotRun),
            Just(Ended::Unknown)
        ]
    }

    proptest! {
        #[test]
        fn every_event_ends_before_its_age_and_fails_at_most_once_more_than_it_may_be_retried(
            ends in proptest::collection::vec(ended(), 1..200),
            retries in 0..3_u32,
            age_s in 60..21_600_u64,
        ) {
            let limits = Limits { retries, age: Duration::from_secs(age_s) };
            let (mut progress, mut age) = (Progress::default(), Duration::ZERO);
            for ended in ends {
                match judge(&mut progress, ended, age, limits, &Waits::default()) {
                    Judgement::RetryAfter(wait) => age += wait,
                    Judgement::GiveUp(_) => break,
                    Judgement::Success => prop_assert!(false, "nothing succeeded"),
                }
            }
            prop_assert!(age < limits.age);
            prop_assert!(progress.errors <= retries + 1);
        }
    }
}
