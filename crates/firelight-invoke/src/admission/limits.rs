//! What limits there are: ceilings and paces, and the names of the reasons for a throttle.

use crate::bucket::Pace;

/// Why an invocation was throttled, with the names that AWS puts in `Reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThrottleReason {
    ReservedFunctionConcurrentInvocationLimitExceeded,
    ReservedFunctionInvocationRateLimitExceeded,
    ConcurrentInvocationLimitExceeded,
    FunctionInvocationRateLimitExceeded,
}

impl ThrottleReason {
    pub const ALL: [Self; 4] = [
        Self::ReservedFunctionConcurrentInvocationLimitExceeded,
        Self::ReservedFunctionInvocationRateLimitExceeded,
        Self::ConcurrentInvocationLimitExceeded,
        Self::FunctionInvocationRateLimitExceeded,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::ReservedFunctionConcurrentInvocationLimitExceeded => {
                "ReservedFunctionConcurrentInvocationLimitExceeded"
            }
            Self::ReservedFunctionInvocationRateLimitExceeded => {
                "ReservedFunctionInvocationRateLimitExceeded"
            }
            Self::ConcurrentInvocationLimitExceeded => "ConcurrentInvocationLimitExceeded",
            Self::FunctionInvocationRateLimitExceeded => "FunctionInvocationRateLimitExceeded",
        }
    }
}

/// What an invocation of a version may count on at this moment, from the control plane's view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// What all functions of the account may run at once.
    pub account: u32,
    /// What is kept ready for this version, beside the ceiling.
    pub provisioned: u32,
    /// Where it runs on demand.
    pub ceiling: Ceiling,
}

/// The ceiling of invocations on demand. What is provisioned is taken off already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ceiling {
    /// The function's reserved concurrency.
    Reserved(u32),
    /// What the account has left after all that is set aside.
    Unreserved(u32),
}

/// The paces at which things may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paces {
    /// Requests in a second for each unit of concurrency; `None` lifts the limit.
    pub requests: Option<u32>,
    /// New environments of one function.
    pub scaling: Pace,
}

impl Paces {
    pub const AWS: Self = Self {
        requests: Some(10),
        scaling: Pace {
            per_second: 100,
            burst: 1_000,
        },
    };

    /// The requests that so much concurrency allows.
    pub(super) fn requests(self, concurrency: u32) -> Option<Pace> {
        let per_second = self.requests?.saturating_mul(concurrency);
        Some(Pace {
            per_second,
            burst: per_second,
        })
    }
}
