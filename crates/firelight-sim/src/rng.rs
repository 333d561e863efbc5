//! Chance from a seed. The same seed gives the same numbers on every machine and in every release.

use std::ops::Range;
use std::time::Duration;

/// A stream of random numbers: SplitMix64.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    /// A stream of its own for one thing, whatever other streams were used for before.
    pub(crate) fn of(seed: u64, thing: &[u8]) -> Self {
        let hash = thing.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ hash)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number of the range, which must not be empty.
    pub(crate) fn within(&mut self, range: Range<u64>) -> u64 {
        range.start + self.next() % (range.end - range.start)
    }

    /// One of several.
    pub(crate) fn one_of<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        let index = self.within(0..things.len() as u64);
        &things[usize::try_from(index).expect("an index of the slice")]
    }

    pub(crate) fn within_u32(&mut self, range: Range<u32>) -> u32 {
        let range = u64::from(range.start)..u64::from(range.end);
        u32::try_from(self.within(range)).expect("the range is one of u32")
    }

    pub(crate) fn millis(&mut self, range: Range<u64>) -> Duration {
        Duration::from_millis(self.within(range))
    }

    /// A time of whole milliseconds up to a longest one.
    pub(crate) fn up_to(&mut self, longest: Duration) -> Duration {
        let longest_ms = u64::try_from(longest.as_millis()).expect("hours, not ages");
        self.millis(0..longest_ms + 1)
    }

    /// `true` in so many of a hundred cases.
    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.within(0..100) < percent
    }

    pub(crate) fn bytes(&mut self) -> [u8; 16] {
        let bits = u128::from(self.next()) << 64 | u128::from(self.next());
        bits.to_be_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_always_gives_the_same_numbers() {
        let mut rng = Rng(42);

        // The reference values of SplitMix64.
        assert_eq!(rng.next(), 13_679_457_532_755_275_413);
        assert_eq!(rng.next(), 2_949_826_092_126_892_291);
    }

    #[test]
    fn streams_of_different_things_differ() {
        assert_ne!(Rng::of(1, b"a").next(), Rng::of(1, b"b").next());
        assert_ne!(Rng::of(1, b"a").next(), Rng::of(2, b"a").next());
    }
}
