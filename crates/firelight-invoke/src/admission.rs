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

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use firelight_model::{AccountId, FunctionArn, Region, Version, VersionKey};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::bucket::{Bucket, Pace};

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
    fn requests(self, concurrency: u32) -> Option<Pace> {
        let per_second = self.requests?.saturating_mul(concurrency);
        Some(Pace {
            per_second,
            burst: per_second,
        })
    }
}

/// What is counted at one gate. Pure: it is told the limits and the time.
#[derive(Debug, Default)]
struct Counter {
    in_flight: u32,
    requests: Bucket,
    new_environments: Bucket,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Full {
    Concurrency,
    Requests,
}

impl Counter {
    fn enter(&mut self, limit: u32, requests: Option<Pace>, now: Instant) -> Result<(), Full> {
        if self.in_flight >= limit {
            return Err(Full::Concurrency);
        }
        if requests.is_some_and(|pace| !self.requests.take(pace, now)) {
            return Err(Full::Requests);
        }
        self.in_flight += 1;
        Ok(())
    }

    fn is_idle(&self, now: Instant) -> bool {
        self.in_flight == 0 && self.requests.is_full(now) && self.new_environments.is_full(now)
    }
}

/// A counter that several pools share.
#[derive(Debug, Default)]
struct Gate(Mutex<Counter>);

impl Gate {
    fn lock(&self) -> MutexGuard<'_, Counter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

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
mod tests {
    use std::time::Duration;

    use firelight_model::{ConfigIdentity, VersionNumber};
    use proptest::prelude::*;

    use super::*;

    fn version(function: &str, number: u64) -> VersionKey {
        VersionKey {
            account: AccountId::DEFAULT,
            region: "us-east-1".parse().unwrap(),
            function: function.parse().unwrap(),
            version: VersionNumber::new(number).map_or(Version::Latest, Version::Number),
            revision: ConfigIdentity::from_random([0; 16]),
        }
    }

    fn quota(provisioned: u32, ceiling: Ceiling) -> Quota {
        Quota {
            account: 100,
            provisioned,
            ceiling,
        }
    }

    #[test]
    fn provisioned_concurrency_is_used_first_and_spills_over() {
        let admission = Admission::new(Paces::AWS);
        let gates = admission.gates(&version("f", 1));
        let (quota, now) = (quota(2, Ceiling::Reserved(1)), Instant::now());

        let permits: Vec<_> = (0..3)
            .map(|_| admission.acquire(&gates, quota, now).unwrap())
            .collect();

        assert_eq!(gates.version.lock().in_flight, 2);
        assert_eq!(
            admission.acquire(&gates, quota, now).unwrap_err(),
            ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded
        );
        drop(permits);
        assert_eq!(admission.in_flight(AccountId::DEFAULT), 0);
    }

    #[test]
    fn what_is_provisioned_for_one_version_serves_no_other() {
        let admission = Admission::new(Paces::AWS);
        let latest = admission.gates(&version("f", 0));

        // All of the reservation is provisioned for version 1.
        let refused = admission.acquire(&latest, quota(0, Ceiling::Reserved(0)), Instant::now());

        assert_eq!(
            refused.unwrap_err(),
            ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded
        );
    }

    #[test]
    fn versions_of_a_function_share_its_reservation_and_functions_the_rest() {
        let admission = Admission::new(Paces::AWS);
        let now = Instant::now();
        let reserved = quota(0, Ceiling::Reserved(1));
        let one = admission.gates(&version("f", 1));
        let two = admission.gates(&version("f", 2));
        let _held = admission.acquire(&one, reserved, now).unwrap();
        assert!(admission.acquire(&two, reserved, now).is_err());

        let unreserved = quota(0, Ceiling::Unreserved(1));
        let other = admission.gates(&version("g", 0));
        let another = admission.gates(&version("h", 0));
        let _held_too = admission.acquire(&other, unreserved, now).unwrap();
        assert_eq!(
            admission.acquire(&another, unreserved, now).unwrap_err(),
            ThrottleReason::ConcurrentInvocationLimitExceeded
        );
    }

    #[test]
    fn ten_requests_a_second_fit_into_a_reservation_of_one() {
        let admission = Admission::new(Paces::AWS);
        let gates = admission.gates(&version("f", 0));
        let (quota, t0) = (quota(0, Ceiling::Reserved(1)), Instant::now());

        for _ in 0..10 {
            drop(admission.acquire(&gates, quota, t0).unwrap());
        }

        assert_eq!(
            admission.acquire(&gates, quota, t0).unwrap_err(),
            ThrottleReason::ReservedFunctionInvocationRateLimitExceeded
        );
        let later = t0 + Duration::from_millis(100);
        assert!(admission.acquire(&gates, quota, later).is_ok());
    }

    #[test]
    fn account_has_ten_requests_a_second_for_each_of_its_limit() {
        let admission = Admission::new(Paces::AWS);
        let gates = admission.gates(&version("f", 0));
        let (quota, now) = (quota(0, Ceiling::Unreserved(100)), Instant::now());

        for _ in 0..1_000 {
            drop(admission.acquire(&gates, quota, now).unwrap());
        }

        assert_eq!(
            admission.acquire(&gates, quota, now).unwrap_err(),
            ThrottleReason::FunctionInvocationRateLimitExceeded
        );
    }

    #[test]
    fn reservation_is_served_while_the_rest_of_the_account_is_over_its_rate() {
        let admission = Admission::new(Paces::AWS);
        let now = Instant::now();
        let greedy = admission.gates(&version("greedy", 0));
        for _ in 0..1_000 {
            drop(admission.acquire(&greedy, quota(0, Ceiling::Unreserved(50)), now));
        }

        let modest = admission.gates(&version("modest", 0));

        assert!(
            admission
                .acquire(&modest, quota(0, Ceiling::Reserved(50)), now)
                .is_ok()
        );
    }

    #[test]
    fn function_gets_a_thousand_environments_at_once_and_a_hundred_a_second() {
        let admission = Admission::new(Paces::AWS);
        let (one, two) = (
            admission.gates(&version("f", 1)),
            admission.gates(&version("f", 2)),
        );
        let t0 = Instant::now();

        let started = (0..1_500)
            .filter(|n| admission.may_scale(if n % 2 == 0 { &one } else { &two }, t0))
            .count();
        assert_eq!(started, 1_000, "versions scale together");

        let later = t0 + Duration::from_secs(1);
        let started = (0..500)
            .filter(|_| admission.may_scale(&one, later))
            .count();
        assert_eq!(started, 100);
    }

    #[test]
    fn gates_that_count_nothing_are_forgotten() {
        let admission = Admission::new(Paces::AWS);
        let gates = admission.gates(&version("f", 0));
        let (quota, t0) = (quota(0, Ceiling::Reserved(1)), Instant::now());
        drop(admission.acquire(&gates, quota, t0).unwrap());
        drop(gates);

        admission.tidy(t0);
        assert!(!admission.lock().is_empty(), "its second is not over");
        admission.tidy(t0 + Duration::from_secs(1));

        assert!(admission.lock().is_empty());
    }

    proptest! {
        #[test]
        fn no_ceiling_is_ever_passed_and_every_permit_comes_back(
            provisioned in 0_u32..4,
            reserved in 0_u32..4,
            unreserved in 0_u32..4,
            steps in prop::collection::vec((0_u8..4, any::<bool>(), 0_u64..300), 1..200),
        ) {
            let admission = Admission::new(Paces::AWS);
            let kinds = [
                (admission.gates(&version("a", 1)), quota(provisioned, Ceiling::Reserved(reserved))),
                (admission.gates(&version("a", 0)), quota(0, Ceiling::Reserved(reserved))),
                (admission.gates(&version("b", 0)), quota(0, Ceiling::Unreserved(unreserved))),
                (admission.gates(&version("c", 0)), quota(0, Ceiling::Unreserved(unreserved))),
            ];
            let mut now = Instant::now();
            let mut held = Vec::new();
            for (kind, takes, millis) in steps {
                now += Duration::from_millis(millis);
                let (gates, quota) = &kinds[usize::from(kind)];
                if takes {
                    held.extend(admission.acquire(gates, *quota, now));
                } else if !held.is_empty() {
                    held.swap_remove(usize::from(kind) % held.len());
                }
                let in_flight = |gate: &Gate| gate.lock().in_flight;
                prop_assert!(in_flight(&kinds[0].0.version) <= provisioned);
                prop_assert!(in_flight(&kinds[0].0.function) <= reserved);
                prop_assert!(in_flight(&kinds[0].0.account) <= unreserved);
                prop_assert_eq!(admission.in_flight(AccountId::DEFAULT) as usize, held.len());
            }
            held.clear();
            prop_assert_eq!(admission.in_flight(AccountId::DEFAULT), 0);
        }
    }
}
