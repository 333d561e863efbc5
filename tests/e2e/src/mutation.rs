//! Changing bytes at random, by a seed: what a hostile or broken client might send instead.
//!
//! Deliberately absent: any idea of what the bytes mean. The caller says which of them may be changed.

/// Random numbers that are the same for the same seed everywhere (splitmix64).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `end`, or 0 if that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end.max(1)).expect("a length fits");
        usize::try_from(self.roll() % end).expect("less than a length")
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// What parsers stumble over.
const WORDS: &[&[u8]] = &[
    b"",
    b"\0",
    b"\r\n",
    b"\r\n\r\n",
    b"%",
    b"%00",
    b"%ff%fe",
    b"%2e%2e%2f",
    b"../../../../etc/passwd",
    b"\xff\xfe\xfd",
    b"\xf0\x9f\x94\xa5",
    b"\\ud800",
    b"-1",
    b"0",
    b"1e999",
    b"18446744073709551616",
    b"99999999999999999999999999999999999999",
    b"null",
    b"true",
    b"{}",
    b"[]",
    b"\"",
    b"{\"a\":",
    b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    b"$LATEST",
    b"arn:aws:lambda:us-east-1:000000000000:function:",
    b"*",
    b"?",
    b"&",
    b"=",
    b"+",
    b";",
    b"<!DOCTYPE a [<!ENTITY b \"c\">]>",
    b"<a>",
];

/// Changes `bytes` in a few places.
pub fn mutate(bytes: &mut Vec<u8>, dice: &mut Dice) {
    for _ in 0..=dice.below(4) {
        let (from, to) = range(bytes.len(), dice);
        match dice.below(7) {
            0 => {
                if let Some(byte) = bytes.get_mut(from) {
                    *byte ^= 1 << dice.below(8);
                }
            }
            1 => drop(bytes.drain(from..to)),
            2 => {
                let copy = bytes[from..to].to_vec();
                bytes.splice(to..to, copy);
            }
            3 => bytes.truncate(from),
            4 => {
                let many = dice.pick(WORDS).repeat(1 + dice.below(2000));
                bytes.splice(from..from, many);
            }
            5 => {
                bytes.splice(from..to, dice.pick(WORDS).iter().copied());
            }
            _ => {
                bytes.splice(from..from, dice.pick(WORDS).iter().copied());
            }
        }
    }
}

/// Returns a range of at most 32 bytes.
fn range(length: usize, dice: &mut Dice) -> (usize, usize) {
    let from = dice.below(length + 1);
    let to = (from + dice.below(32)).min(length);
    (from, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_makes_the_same_changes_and_another_seed_makes_others() {
        let changed = |seed| {
            let mut bytes = b"POST /2015-03-31/functions HTTP/1.1".to_vec();
            mutate(&mut bytes, &mut Dice::new(seed));
            bytes
        };

        assert_eq!(changed(7), changed(7));
        assert!((0..20).any(|seed| changed(seed) != changed(7)));
    }

    #[test]
    fn any_bytes_can_be_changed_even_none() {
        for seed in 0..2_000 {
            let mut dice = Dice::new(seed);
            let mut bytes = vec![b'x'; dice.below(40)];
            mutate(&mut bytes, &mut dice);
        }
    }
}
