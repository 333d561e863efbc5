//! Where a resource lives: in one region of one account.

use firelight_model::{AccountId, FunctionArn, FunctionName, Region};

/// A region of an account. Names are unique within it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    pub account: AccountId,
    pub region: Region,
}

impl Scope {
    /// Returns the scope a function lives in.
    pub fn of(arn: &FunctionArn) -> Self {
        Self {
            account: arn.account,
            region: arn.region.clone(),
        }
    }

    pub fn function(&self, name: FunctionName) -> FunctionArn {
        FunctionArn {
            region: self.region.clone(),
            account: self.account,
            name,
        }
    }
}
