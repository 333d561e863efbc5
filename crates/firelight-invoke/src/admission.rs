//! Admission: whether an invocation may run at all under the limits of concurrency and of requests per second.
//!
//! ```text
//!  acquire ──► provisioned for this version? ──► reserved for its function, or the account's unreserved rest
//!                  │ room                             │ room            │ none
//!                  ▼                                  ▼                 ▼
//!                Permit ──(drop)──► given back      Permit          Throttled { reason }
//! ```
//!
//! Concurrency is the number of invocations in flight. What is provisioned for a version serves that version first and
//! spills over; a function with *reserved* concurrency has its own ceiling, set aside from the account; everyone else
//! shares the unreserved rest (lambda-facts §7). Each of the three also has its requests per second, ten times its
//! concurrency. All requests count towards the account's, but what was set aside is never refused by it.
//!
//! Each pool holds the gates its invocations pass, so that passing them needs no look-up and no allocation.
//!
//! Deliberately absent: environments and waiting. An invocation over a limit is refused at once.

mod gate;
mod limits;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use firelight_model::{AccountId, FunctionArn, Region, Version, VersionKey};
use tokio::sync::Notify;
use tokio::time::Instant;

use self::gate::{Full, Gate};
pub use self::limits::{Ceiling, Paces, Quota, ThrottleReason};

/// What a gate counts for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Subject {
    /// Each region of an account by itself.
    Account(AccountId, Region),
    Function(FunctionArn),
    Version(FunctionArn, Version),
}

impl Subject {
    fn account(&self) -> AccountId {
        match self {
            Self::Account(account, _) => *account,
            Self::Function(function) | Self::Version(function, _) => function.account,
        }
    }
}

/// The gates that invocations of one version pass.
#[derive(Clone, Debug)]
pub(crate) struct Gates {
    account: Arc<Gate>,
    function: Arc<Gate>,
    version: Arc<Gate>,
}

/// Counts invocations in flight. Cheap to clone: every clone counts together.
#[derive(Clone, Debug)]
pub(crate) struct Admission {
    paces: Paces,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    gates: Mutex<HashMap<Subject, Arc<Gate>>>,
    in_flight: AtomicUsize,
    given_back: Notify,
}

impl Admission {
    pub(crate) fn new(paces: Paces) -> Self {
        Self {
            paces,
            shared: Arc::default(),
        }
    }

    /// Returns the gates of a version, for its pool to keep.
    pub(crate) fn gates(&self, version: &VersionKey) -> Gates {
        let mut gates = self.lock();
        let mut gate = |subject| Arc::clone(gates.entry(subject).or_default());
        Gates {
            account: gate(Subject::Account(version.account, version.region.clone())),
            function: gate(Subject::Function(version.arn())),
            version: gate(Subject::Version(version.arn(), version.version)),
        }
    }

    /// Takes a permit, or says which limit is reached.
    pub(crate) fn acquire(
        &self,
        gates: &Gates,
        quota: Quota,
        now: Instant,
    ) -> Result<Permit, ThrottleReason> {
        let gate = Arc::clone(self.enter(gates, quota, now)?);
        self.shared.in_flight.fetch_add(1, Ordering::AcqRel);
        Ok(Permit {
            shared: Arc::clone(&self.shared),
            gate,
        })
    }

    /// Finds the gate that lets an invocation in.
    fn enter<'a>(
        &self,
        gates: &'a Gates,
        quota: Quota,
        now: Instant,
    ) -> Result<&'a Arc<Gate>, ThrottleReason> {
        let of_account = self.paces.requests(quota.account);
        let set_aside = |gate: &'a Arc<Gate>, limit| {
            let entered = gate.lock().enter(limit, self.paces.requests(limit), now);
            if let (Ok(()), Some(pace)) = (entered, of_account) {
                gates.account.lock().requests.charge(pace, now);
            }
            entered.map(|()| gate)
        };
        if quota.provisioned > 0
            && let Ok(gate) = set_aside(&gates.version, quota.provisioned)
        {
            return Ok(gate);
        }
        match quota.ceiling {
            Ceiling::Reserved(limit) => {
                set_aside(&gates.function, limit).map_err(|full| match full {
                    Full::Concurrency => {
                        ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded
                    }
                    Full::Requests => ThrottleReason::ReservedFunctionInvocationRateLimitExceeded,
                })
            }
            Ceiling::Unreserved(limit) => {
                let entered = gates.account.lock().enter(limit, of_account, now);
                entered.map_err(|full| match full {
                    Full::Concurrency => ThrottleReason::ConcurrentInvocationLimitExceeded,
                    Full::Requests => ThrottleReason::FunctionInvocationRateLimitExceeded,
                })?;
                Ok(&gates.account)
            }
        }
    }

    /// Whether the function may get one more environment now; if so, it counts.
    pub(crate) fn may_scale(&self, gates: &Gates, now: Instant) -> bool {
        let mut counter = gates.function.lock();
        counter.new_environments.take(self.paces.scaling, now)
    }

    /// Counts an environment that replaces a lost one, whatever the pace.
    pub(crate) fn note_scaled(&self, gates: &Gates, now: Instant) {
        let mut counter = gates.function.lock();
        counter.new_environments.charge(self.paces.scaling, now);
    }

    /// Forgets what counts nothing any more.
    pub(crate) fn tidy(&self, now: Instant) {
        // A gate that only this map holds can get no new holder while the map is locked.
        self.lock()
            .retain(|_, gate| Arc::strong_count(gate) > 1 || !gate.lock().is_idle(now));
    }

    /// Waits until no invocation is in flight.
    pub(crate) async fn all_given_back(&self) {
        loop {
            let given_back = self.shared.given_back.notified();
            if self.shared.in_flight.load(Ordering::Acquire) == 0 {
                return;
            }
            given_back.await;
        }
    }

    /// Invocations in flight, over all accounts.
    pub(crate) fn all_in_flight(&self) -> usize {
        self.shared.in_flight.load(Ordering::Acquire)
    }

    /// Invocations in flight in an account, over all regions, provisioned, reserved and unreserved together.
    pub(crate) fn in_flight(&self, account: AccountId) -> u32 {
        let gates = self.lock();
        let own = gates
            .iter()
            .filter(|(subject, _)| subject.account() == account);
        own.map(|(_, gate)| gate.lock().in_flight).sum()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Subject, Arc<Gate>>> {
        self.shared
            .gates
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to run one invocation. Dropping it gives the right back.
#[derive(Debug)]
pub(crate) struct Permit {
    shared: Arc<Shared>,
    gate: Arc<Gate>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.gate.lock().in_flight -= 1;
        self.shared.in_flight.fetch_sub(1, Ordering::AcqRel);
        self.shared.given_back.notify_waiters();
    }
}

#[cfg(test)]
mod tests;
