//! How often an account may call the control plane.
//!
//! AWS takes 15 requests a second of an account in a region, and beside them 100 of GetFunction and 15 of GetPolicy
//! (lambda-facts §4). Here there is no limit unless one is configured; GetFunction and GetPolicy then have budgets of
//! their own in the same proportions.
//!
//! Deliberately absent: invocations, which have limits of their own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use firelight_invoke::{Bucket, Pace};
use firelight_model::{AccountId, Region};
use firelight_wire::Operation;
use tokio::time::Instant;

/// What GetFunction gets for each request of the others.
const GET_FUNCTION_SHARE: (u32, u32) = (100, 15);
/// Accounts that are remembered before those are forgotten that rest.
const MANY: usize = 1000;

/// Operations that share a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Budget {
    GetFunction,
    GetPolicy,
    Others,
}

impl Budget {
    fn of(operation: Operation) -> Self {
        match operation {
            Operation::GetFunction => Self::GetFunction,
            Operation::GetPolicy => Self::GetPolicy,
            _ => Self::Others,
        }
    }

    /// A second's worth may come at once.
    fn pace(self, per_second: u32) -> Pace {
        let (share, of) = GET_FUNCTION_SHARE;
        let per_second = match self {
            Self::GetFunction => per_second.saturating_mul(share).div_ceil(of),
            Self::GetPolicy | Self::Others => per_second,
        };
        Pace {
            per_second,
            burst: per_second,
        }
    }
}

/// The budgets of all accounts. Cheap to clone: all clones count together.
#[derive(Clone, Debug)]
pub(super) struct CallerRates {
    per_second: u32,
    spent: Arc<Mutex<HashMap<Whose, Bucket>>>,
}

type Whose = (AccountId, Region, Budget);

impl CallerRates {
    pub(super) fn new(per_second: u32) -> Self {
        Self {
            per_second,
            spent: Arc::default(),
        }
    }

    /// Counts a request; `false` if it is one too many.
    pub(super) fn admits(
        &self,
        account: AccountId,
        region: &Region,
        operation: Operation,
        now: Instant,
    ) -> bool {
        let budget = Budget::of(operation);
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        if spent.len() >= MANY {
            spent.retain(|_, bucket| !bucket.is_full(now));
        }
        let bucket = spent.entry((account, region.clone(), budget)).or_default();
        bucket.take(budget.pace(self.per_second), now)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn admitted(rates: &CallerRates, account: &str, operation: Operation, now: Instant) -> usize {
        let (account, region) = (account.parse().unwrap(), "eu-west-1".parse().unwrap());
        let tries = 0..1000;
        tries
            .filter(|_| rates.admits(account, &region, operation, now))
            .count()
    }

    #[test]
    fn account_has_a_seconds_worth_and_then_what_flows_in() {
        let (rates, now) = (CallerRates::new(15), Instant::now());
        let one = "111111111111";

        assert_eq!(admitted(&rates, one, Operation::ListFunctions, now), 15);
        assert_eq!(admitted(&rates, one, Operation::CreateFunction, now), 0);
        let later = now + Duration::from_millis(200);
        assert_eq!(admitted(&rates, one, Operation::CreateFunction, later), 3);
    }

    #[test]
    fn budgets_of_get_function_and_get_policy_are_their_own() {
        let (rates, now) = (CallerRates::new(15), Instant::now());
        let one = "111111111111";
        let _ = admitted(&rates, one, Operation::ListFunctions, now);

        assert_eq!(admitted(&rates, one, Operation::GetFunction, now), 100);
        assert_eq!(admitted(&rates, one, Operation::GetPolicy, now), 15);
    }

    #[test]
    fn accounts_do_not_pay_for_each_other() {
        let (rates, now) = (CallerRates::new(1), Instant::now());
        let _ = admitted(&rates, "111111111111", Operation::ListFunctions, now);

        let other = admitted(&rates, "222222222222", Operation::ListFunctions, now);

        assert_eq!(other, 1);
    }

    #[test]
    fn accounts_that_rest_are_forgotten() {
        let (rates, now) = (CallerRates::new(1), Instant::now());
        for number in 0..=MANY {
            let account = format!("{number:012}");
            let later = now + Duration::from_secs(2) * u32::try_from(number).unwrap();
            let _ = admitted(&rates, &account, Operation::ListFunctions, later);
        }

        assert!(rates.spent.lock().unwrap().len() < MANY);
    }
}
