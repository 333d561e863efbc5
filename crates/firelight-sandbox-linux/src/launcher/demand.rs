//! How many blank sandboxes of which kind to keep: as many as were asked for lately. Pure: time comes in.

use std::collections::VecDeque;

use super::resident::Kind;

/// How far back "lately" reaches.
const WINDOW_SECONDS: i64 = 10;
/// Kept ready of the kind that was asked for last, even when nobody has asked lately.
const LEAST: usize = 2;
/// Kinds that are remembered. A host uses one or two.
const MAX_KINDS: usize = 4;

/// What was asked for lately, the most recent kind first.
pub(super) struct Demand {
    kinds: Vec<(Kind, VecDeque<i64>)>,
    most: usize,
}

impl Demand {
    /// Starts with `first` as the kind most likely to be asked for, and never wants more than `most` of a kind.
    pub(super) fn new(first: Kind, most: u32) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Self {
            kinds: vec![(first, VecDeque::new())],
            most,
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

    /// Whether more than the least is wanted, which time alone will change.
    pub(super) fn is_high(&self) -> bool {
        self.most > 0 && self.kinds.iter().any(|(_, times)| !times.is_empty())
    }

    /// Wants nothing any more.
    pub(super) fn give_up(&mut self) {
        self.most = 0;
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
        assert!(!demand.is_high());
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
        assert!(!demand.is_high());
    }
}
