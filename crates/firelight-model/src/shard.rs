//! Shards: the unit in which ownership of functions is divided among machines.

use crate::{AccountId, FunctionName};

/// How many shards there are. Changing it moves every function, so it never changes.
pub const SHARD_COUNT: u16 = 4096;

/// One of the [`SHARD_COUNT`] shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard(u16);

impl Shard {
    pub fn index(self) -> u16 {
        self.0
    }
}

/// Returns the shard of a function. The same on every machine and in every release; pinned by golden vectors.
pub fn shard(account: AccountId, function: &FunctionName) -> Shard {
    let parts = [account.as_str(), "/", function.as_str()];
    let hash = parts
        .iter()
        .flat_map(|part| part.bytes())
        .fold(FNV_OFFSET, fnv_step);
    let index = mix(hash) % u64::from(SHARD_COUNT);
    Shard(u16::try_from(index).expect("a remainder of 4096 fits"))
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// One step of FNV-1a.
fn fnv_step(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME)
}

/// Spreads the entropy over all bits: the low bits of FNV alone are weak for names that differ in one digit.
fn mix(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(account: &str, function: &str) -> u16 {
        shard(account.parse().unwrap(), &function.parse().unwrap()).index()
    }

    #[test]
    fn golden_vectors_never_change() {
        assert_eq!(index("000000000000", "a"), GOLDEN[0]);
        assert_eq!(index("000000000000", "b"), GOLDEN[1]);
        assert_eq!(index("123456789012", "my-function"), GOLDEN[2]);
        assert_eq!(index("123456789012", "image_resizer-2"), GOLDEN[3]);
    }

    /// Computed once by a program in another language.
    const GOLDEN: [u16; 4] = [36, 2833, 2683, 2059];

    #[test]
    fn numbered_functions_spread_over_the_shards() {
        let mut seen = vec![0; usize::from(SHARD_COUNT)];
        for number in 0..40_960 {
            seen[usize::from(index("000000000000", &format!("f-{number}")))] += 1;
        }
        assert!(
            seen.iter().all(|&count| count < 40),
            "ten are expected in each"
        );
    }
}
