//! How many blank sandboxes of which kind to keep: as many as were asked for lately. Pure: time comes in.

use std::collections::VecDeque;

use super::resident::Kind;

/// How far back "lately" reaches.
const WINDOW_SECONDS: i64 = 10;
/// Kept ready of the kind that was asked for last, even when nobody has asked lately.
const LEAST: usize = 2;
/// Kinds that are remembered. A host uses a few: each size of `/tmp` is one.
const MAX_KINDS: usize = 8;
/// The longest pause after a blank sandbox failed: 64 seconds.
const MAX_DOUBLINGS: u32 = 6;

/// What was asked for lately, the most recent kind first.
pub(super) struct Demand {
    kinds: Vec<(Kind, VecDeque<i64>)>,
    most: usize,
    /// Blank sandboxes that failed since the last one that did not.
    failures: u32,
    not_before: i64,
}

impl Demand {
    /// Starts with `first` as the kind most likely to be asked for, and never wants more than `most` of a kind.
    pub(super) fn new(first: Kind, most: u32) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Self {
            kinds: vec![(first, VecDeque::new())],
            most,
            failures: 0,
            not_before: 0,
        }
    }

    /// Notes that a sandbox of this kind was asked for at this second.
    pub(super) fn note(&mut self, kind: Kind, now: i64) {
        let known = self.kinds.iter().position(|(known, _)| *known == kind);
        let (_, mut times) =
            known.map_or((kind, VecDeque::new()), |index| self.kinds.remove(index));
        times.push_back(now);
        if times.len() > self.most {
            times.pop_front();
        }
        self.kinds.insert(0, (kind, times));
        self.kinds.truncate(MAX_KINDS);
    }

    /// How many blank ones of each kind there should be now.
    pub(super) fn targets(&mut self, now: i64) -> Vec<(Kind, usize)> {
        let most = self.most;
        let count = |(index, (kind, times)): (usize, &mut (Kind, VecDeque<i64>))| {
            while times
                .front()
                .is_some_and(|time| *time <= now - WINDOW_SECONDS)
            {
                times.pop_front();
            }
            let least = if index == 0 { LEAST } else { 0 };
            (*kind, times.len().max(least).min(most))
        };
        self.kinds.iter_mut().enumerate().map(count).collect()
    }

    /// Whether time alone will change what is wanted: more than the least is now, or a pause will end.
    pub(super) fn will_change(&self) -> bool {
        let high = self.kinds.iter().any(|(_, times)| !times.is_empty());
        self.most > 0 && (high || self.failures > 0)
    }

    /// Notes that a blank sandbox could not be built. Returns how many seconds none is tried: on a host that is short
    /// of something, trying again at once makes it shorter.
    pub(super) fn failed(&mut self, now: i64) -> i64 {
        let pause = 1 << self.failures.min(MAX_DOUBLINGS);
        self.failures += 1;
        self.not_before = now + pause;
        pause
    }

    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// Whether a blank sandbox may be tried now.
    pub(super) fn is_due(&self, now: i64) -> bool {
        now >= self.not_before
    }
}

#[cfg(test)]
mod tests {
    use firelight_sandbox::{Egress, ListenAt};

    use super::*;

    fn kind(egress: Egress) -> Kind {
        Kind {
            listen_at: ListenAt(([127, 0, 0, 1], 9001).into()),
            egress,
            tmp: None,
        }
    }

    #[test]
    fn a_few_are_kept_before_anybody_asks() {
        let mut demand = Demand::new(kind(Egress::None), 16);

        assert_eq!(demand.targets(0), [(kind(Egress::None), LEAST)]);
    }

    #[test]
    fn a_burst_is_remembered_for_a_while_and_bounded() {
        let mut demand = Demand::new(kind(Egress::None), 16);
        for _ in 0..100 {
            demand.note(kind(Egress::None), 50);
        }

        assert_eq!(demand.targets(55), [(kind(Egress::None), 16)]);
        assert_eq!(demand.targets(60), [(kind(Egress::None), LEAST)]);
        assert!(!demand.will_change());
    }

    #[test]
    fn the_kind_asked_for_last_is_the_one_kept() {
        let mut demand = Demand::new(kind(Egress::None), 16);
        demand.note(kind(Egress::Nat), 1);

        assert_eq!(
            demand.targets(100),
            [(kind(Egress::Nat), LEAST), (kind(Egress::None), 0)]
        );
    }

    #[test]
    fn with_no_pool_nothing_is_wanted() {
        let mut demand = Demand::new(kind(Egress::None), 0);
        demand.note(kind(Egress::None), 1);

        assert_eq!(demand.targets(1), [(kind(Egress::None), 0)]);
        assert!(!demand.will_change());
    }

    #[test]
    fn after_a_failure_each_pause_is_twice_as_long_until_one_succeeds() {
        let mut demand = Demand::new(kind(Egress::None), 16);

        let pauses: Vec<_> = (0..8).map(|_| demand.failed(100)).collect();

        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 64]);
        assert!(!demand.is_due(163) && demand.is_due(164));
        assert!(demand.will_change());
        demand.succeeded();
        assert_eq!(demand.failed(200), 1);
    }
}
