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

fn check(value: u32, min: u32, max: u32) -> Result<u32, OutOfRange> {
    if (min..=max).contains(&value) {
        Ok(value)
    } else {
        Err(OutOfRange { value, min, max })
    }
}

/// Memory configured for a function version, between 128 and 10 240 MB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemorySize {
    mb: u32,
}

impl MemorySize {
    pub const DEFAULT: Self = Self { mb: 128 };
    pub const MIN_MB: u32 = 128;
    pub const MAX_MB: u32 = 10_240;

    pub fn from_mb(mb: u32) -> Result<Self, OutOfRange> {
        check(mb, Self::MIN_MB, Self::MAX_MB).map(|mb| Self { mb })
    }

    pub fn mb(self) -> u32 {
        self.mb
    }

    pub fn bytes(self) -> u64 {
        u64::from(self.mb) << 20
    }
}

/// How long one invocation may take, between 1 and 900 seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FunctionTimeout {
    seconds: u32,
}

impl FunctionTimeout {
    pub const DEFAULT: Self = Self { seconds: 3 };
    pub const MIN_SECONDS: u32 = 1;
    pub const MAX_SECONDS: u32 = 900;

    pub fn from_seconds(seconds: u32) -> Result<Self, OutOfRange> {
        check(seconds, Self::MIN_SECONDS, Self::MAX_SECONDS).map(|seconds| Self { seconds })
    }

    pub fn seconds(self) -> u32 {
        self.seconds
    }

    pub fn duration(self) -> Duration {
        Duration::from_secs(u64::from(self.seconds))
    }
}

/// Size of `/tmp`, between 512 and 10 240 MB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EphemeralStorage {
    mb: u32,
}

impl EphemeralStorage {
    pub const DEFAULT: Self = Self { mb: 512 };
    pub const MIN_MB: u32 = 512;
    pub const MAX_MB: u32 = 10_240;

    pub fn from_mb(mb: u32) -> Result<Self, OutOfRange> {
        check(mb, Self::MIN_MB, Self::MAX_MB).map(|mb| Self { mb })
    }

    pub fn mb(self) -> u32 {
        self.mb
    }

    pub fn bytes(self) -> u64 {
        u64::from(self.mb) << 20
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
