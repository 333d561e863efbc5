//! Admission: each limit by example, then any order of calls against limits that are never passed. Time is made up; nothing
//! runs.

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
