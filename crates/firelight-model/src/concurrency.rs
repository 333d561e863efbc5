//! The arithmetic of concurrency: what an account can set aside for single functions.

/// What must stay unreserved in every account.
pub const UNRESERVED_MINIMUM: u32 = 100;

/// What one account has, and what all functions *but the one being changed* already set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountConcurrency {
    pub limit: u32,
    /// Sum of the reservations of the other functions.
    pub reserved: u32,
    /// Sum of the provisioned concurrency of the other functions that have no reservation.
    pub provisioned: u32,
}

/// The concurrency cannot be set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReserveError {
    #[error("less than {minimum} would stay unreserved")]
    BelowMinimum { minimum: u32 },
    #[error("{reserved} is less than the {provisioned} that are provisioned")]
    BelowProvisioned { reserved: u32, provisioned: u32 },
    #[error("more than the reserved concurrency of the function")]
    AboveReserved,
    #[error("more than the {unreserved} that are unreserved")]
    AboveUnreserved { unreserved: u32 },
}

impl AccountConcurrency {
    /// Returns what no function has for itself.
    pub fn unreserved(&self) -> u32 {
        self.limit.saturating_sub(self.reserved)
    }

    /// Checks a reservation for a function whose versions have `provisioned` in sum.
    pub fn check_reserved(&self, wanted: u32, provisioned: u32) -> Result<(), ReserveError> {
        if wanted < provisioned {
            return Err(ReserveError::BelowProvisioned {
                reserved: wanted,
                provisioned,
            });
        }
        self.check_minimum(wanted)
    }

    /// Checks provisioned concurrency for one version of a function that has `others` on its other versions.
    pub fn check_provisioned(
        &self,
        wanted: u32,
        others: u32,
        reserved: Option<u32>,
    ) -> Result<(), ReserveError> {
        let total = wanted.saturating_add(others);
        match reserved {
            Some(reserved) if total > reserved => Err(ReserveError::AboveReserved),
            Some(_) => Ok(()),
            None if wanted > self.unreserved() => Err(ReserveError::AboveUnreserved {
                unreserved: self.unreserved(),
            }),
            None => self.check_minimum(total),
        }
    }

    /// Checks that enough stays for everybody when this function takes so much out of the pool.
    fn check_minimum(&self, taken: u32) -> Result<(), ReserveError> {
        let left = self.unreserved().saturating_sub(self.provisioned);
        if left < taken.saturating_add(UNRESERVED_MINIMUM) {
            return Err(ReserveError::BelowMinimum {
                minimum: UNRESERVED_MINIMUM,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: AccountConcurrency = AccountConcurrency {
        limit: 1000,
        reserved: 500,
        provisioned: 50,
    };

    #[test]
    fn a_reservation_leaves_one_hundred_unreserved() {
        assert_eq!(ACCOUNT.check_reserved(350, 0), Ok(()));
        let error = ACCOUNT.check_reserved(351, 0).unwrap_err();
        assert_eq!(error, ReserveError::BelowMinimum { minimum: 100 });
    }

    #[test]
    fn a_reservation_covers_what_is_provisioned() {
        let error = ACCOUNT.check_reserved(1, 2).unwrap_err();
        assert_eq!(
            error,
            ReserveError::BelowProvisioned {
                reserved: 1,
                provisioned: 2
            }
        );
    }

    #[test]
    fn provisioned_concurrency_comes_out_of_the_reservation_if_there_is_one() {
        assert_eq!(ACCOUNT.check_provisioned(5, 5, Some(10)), Ok(()));
        assert_eq!(
            ACCOUNT.check_provisioned(6, 5, Some(10)),
            Err(ReserveError::AboveReserved)
        );
    }

    #[test]
    fn provisioned_concurrency_without_reservation_comes_out_of_the_pool() {
        assert_eq!(ACCOUNT.check_provisioned(350, 0, None), Ok(()));
        let below = ReserveError::BelowMinimum { minimum: 100 };
        assert_eq!(ACCOUNT.check_provisioned(351, 0, None), Err(below));
        assert_eq!(ACCOUNT.check_provisioned(340, 10, None), Ok(()));
        assert_eq!(ACCOUNT.check_provisioned(341, 10, None), Err(below));
        let above = ReserveError::AboveUnreserved { unreserved: 500 };
        assert_eq!(ACCOUNT.check_provisioned(501, 0, None), Err(above));
    }
}
