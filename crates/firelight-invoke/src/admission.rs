//! Admission: whether an invocation may run at all under the concurrency limits.
//!
//! ```text
//!  acquire ──► Permit ──(drop)──► given back
//!         └──► Throttled { reason }
//! ```
//!
//! Concurrency is the number of invocations in flight. A function with *reserved* concurrency has its own ceiling,
//! set aside from the account; everyone else shares the unreserved rest (lambda-facts §7).
//!
//! Deliberately absent: environments and waiting. An invocation over the limit is refused at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use firelight_model::{AccountId, FunctionArn, Region, VersionKey};
use tokio::sync::Notify;

/// Why an invocation was throttled, with the names that AWS puts in `Reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThrottleReason {
    ReservedFunctionConcurrentInvocationLimitExceeded,
    ConcurrentInvocationLimitExceeded,
}

impl ThrottleReason {
    pub fn name(self) -> &'static str {
        match self {
            Self::ReservedFunctionConcurrentInvocationLimitExceeded => {
                "ReservedFunctionConcurrentInvocationLimitExceeded"
            }
            Self::ConcurrentInvocationLimitExceeded => "ConcurrentInvocationLimitExceeded",
        }
    }
}

/// The ceiling that applies to one invocation, from the control plane's view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ceiling {
    /// The function's reserved concurrency.
    Reserved(u32),
    /// What the account has left after all reservations.
    Unreserved(u32),
}

/// Where concurrency is counted: each region of an account by itself.
type Place = (AccountId, Region);

#[derive(Debug, Default)]
struct InFlight {
    unreserved: HashMap<Place, u32>,
    reserved: HashMap<FunctionArn, u32>,
}

/// Counts invocations in flight. Cheap to clone: every clone counts together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Admission {
    in_flight: Arc<Mutex<InFlight>>,
    given_back: Arc<Notify>,
}

impl Admission {
    /// Takes a permit, or says which limit is reached.
    pub(crate) fn acquire(
        &self,
        version: &VersionKey,
        ceiling: Ceiling,
    ) -> Result<Permit, ThrottleReason> {
        let key = match ceiling {
            Ceiling::Reserved(_) => Key::Reserved(version.arn()),
            Ceiling::Unreserved(_) => Key::Unreserved((version.account, version.region.clone())),
        };
        let mut in_flight = self
            .in_flight
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let count = in_flight.count_mut(&key);
        match ceiling {
            Ceiling::Reserved(limit) if *count >= limit => {
                Err(ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded)
            }
            Ceiling::Unreserved(limit) if *count >= limit => {
                Err(ThrottleReason::ConcurrentInvocationLimitExceeded)
            }
            _ => {
                *count += 1;
                drop(in_flight);
                Ok(Permit {
                    admission: self.clone(),
                    key,
                })
            }
        }
    }

    /// Waits until no invocation is in flight.
    pub(crate) async fn all_given_back(&self) {
        loop {
            let given_back = self.given_back.notified();
            if self.is_empty() {
                return;
            }
            given_back.await;
        }
    }

    fn is_empty(&self) -> bool {
        let in_flight = self
            .in_flight
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        in_flight.unreserved.is_empty() && in_flight.reserved.is_empty()
    }

    /// Invocations in flight in an account, over all regions, reserved and unreserved together.
    pub(crate) fn in_flight(&self, account: AccountId) -> u32 {
        let in_flight = self
            .in_flight
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let unreserved = in_flight
            .unreserved
            .iter()
            .filter(|((owner, _), _)| *owner == account);
        let reserved = in_flight
            .reserved
            .iter()
            .filter(|(arn, _)| arn.account == account);
        unreserved.map(|(_, count)| count).sum::<u32>()
            + reserved.map(|(_, count)| count).sum::<u32>()
    }
}

#[derive(Debug)]
enum Key {
    Reserved(FunctionArn),
    Unreserved(Place),
}

impl InFlight {
    fn count_mut(&mut self, key: &Key) -> &mut u32 {
        match key {
            Key::Reserved(function) => self.reserved.entry(function.clone()).or_default(),
            Key::Unreserved(place) => self.unreserved.entry(place.clone()).or_default(),
        }
    }

    fn give_back(&mut self, key: &Key) {
        let count = self.count_mut(key);
        *count -= 1;
        if *count > 0 {
            return;
        }
        match key {
            Key::Reserved(function) => {
                self.reserved.remove(function);
            }
            Key::Unreserved(place) => {
                self.unreserved.remove(place);
            }
        }
    }
}

/// The right to run one invocation. Dropping it gives the right back.
#[derive(Debug)]
pub(crate) struct Permit {
    admission: Admission,
    key: Key,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut in_flight = self
            .admission
            .in_flight
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        in_flight.give_back(&self.key);
        drop(in_flight);
        self.admission.given_back.notify_waiters();
    }
}
