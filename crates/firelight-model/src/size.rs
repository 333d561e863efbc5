//! Memory, time and disk that a function is given.

use std::time::Duration;

/// A number lies outside the range of its setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{value} is not between {min} and {max}")]
pub struct OutOfRange {
    pub value: u32,
    pub min: u32,
    pub max: u32,
}

/// A whole number of some unit, which lies between two bounds: what all settings of this file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Bounded<const MIN: u32, const MAX: u32>(u32);

impl<const MIN: u32, const MAX: u32> Bounded<MIN, MAX> {
    fn new(value: u32) -> Result<Self, OutOfRange> {
        if (MIN..=MAX).contains(&value) {
            return Ok(Self(value));
        }
        let (min, max) = (MIN, MAX);
        Err(OutOfRange { value, min, max })
    }

    /// Returns the bytes of as many mebibytes, which AWS calls MB.
    fn mebibytes(self) -> u64 {
        u64::from(self.0) << 20
    }
}

/// Memory configured for a function version, between 128 and 10 240 MB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemorySize(Bounded<{ Self::MIN_MB }, { Self::MAX_MB }>);

impl MemorySize {
    pub const DEFAULT: Self = Self(Bounded(128));
    pub const MIN_MB: u32 = 128;
    pub const MAX_MB: u32 = 10_240;

    pub fn from_mb(mb: u32) -> Result<Self, OutOfRange> {
        Bounded::new(mb).map(Self)
    }

    pub fn mb(self) -> u32 {
        self.0.0
    }

    pub fn bytes(self) -> u64 {
        self.0.mebibytes()
    }
}

/// How long one invocation may take, between 1 and 900 seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FunctionTimeout(Bounded<{ Self::MIN_SECONDS }, { Self::MAX_SECONDS }>);

impl FunctionTimeout {
    pub const DEFAULT: Self = Self(Bounded(3));
    pub const MIN_SECONDS: u32 = 1;
    pub const MAX_SECONDS: u32 = 900;

    pub fn from_seconds(seconds: u32) -> Result<Self, OutOfRange> {
        Bounded::new(seconds).map(Self)
    }

    pub fn seconds(self) -> u32 {
        self.0.0
    }

    pub fn duration(self) -> Duration {
        Duration::from_secs(u64::from(self.seconds()))
    }
}

/// Size of `/tmp`, between 512 and 10 240 MB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EphemeralStorage(Bounded<{ Self::MIN_MB }, { Self::MAX_MB }>);

impl EphemeralStorage {
    pub const DEFAULT: Self = Self(Bounded(512));
    pub const MIN_MB: u32 = 512;
    pub const MAX_MB: u32 = 10_240;

    pub fn from_mb(mb: u32) -> Result<Self, OutOfRange> {
        Bounded::new(mb).map(Self)
    }

    pub fn mb(self) -> u32 {
        self.0.0
    }

    pub fn bytes(self) -> u64 {
        self.0.mebibytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_each_range_fit_and_their_neighbours_do_not() {
        assert!(MemorySize::from_mb(127).is_err());
        assert_eq!(MemorySize::from_mb(128).unwrap().bytes(), 134_217_728);
        assert!(MemorySize::from_mb(10_240).is_ok());
        assert!(MemorySize::from_mb(10_241).is_err());
        assert!(FunctionTimeout::from_seconds(0).is_err());
        assert_eq!(
            FunctionTimeout::from_seconds(900)
                .unwrap()
                .duration()
                .as_secs(),
            900
        );
        assert!(FunctionTimeout::from_seconds(901).is_err());
        assert!(EphemeralStorage::from_mb(511).is_err());
        assert!(EphemeralStorage::from_mb(512).is_ok());
        assert!(EphemeralStorage::from_mb(10_241).is_err());
    }
}
