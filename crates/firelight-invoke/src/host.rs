//! The host's budget: how many environments may live on this machine, by memory and by count.
//!
//! Every environment holds a [`Share`] from before it is launched until nothing of it is left. When the budget is
//! spent, the data plane retires idle environments of other functions; when there is none, the request stays in line
//! until a share comes back.
//!
//! Deliberately absent: which environment is retired.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// What the machine may spend on environments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    pub memory_mb: u64,
    pub environments: u32,
}

/// Why no share was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Some of the budget is held by others and may come back.
    Spent,
    /// The whole budget would not be enough.
    NeverEnough,
}

/// How much of the budget is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostUse {
    pub budget: Budget,
    pub memory_mb: u64,
    pub environments: u32,
}

#[derive(Debug, Default)]
struct Held {
    memory_mb: u64,
    environments: u32,
}

/// Cheap to clone: every clone counts together.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    budget: Budget,
    held: Arc<Mutex<Held>>,
    given_back: Arc<Notify>,
}

impl Host {
    pub(crate) fn new(budget: Budget) -> Self {
        Self {
            budget,
            held: Arc::default(),
            given_back: Arc::default(),
        }
    }

    pub(crate) fn budget(&self) -> Budget {
        self.budget
    }

    pub(crate) fn in_use(&self) -> HostUse {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        HostUse {
            budget: self.budget,
            memory_mb: held.memory_mb,
            environments: held.environments,
        }
    }

    /// Takes the share of one environment.
    pub(crate) fn take(&self, memory_mb: u32) -> Result<Share, Refusal> {
        self.hold(memory_mb, 1)
    }

    fn hold(&self, memory_mb: u32, environments: u32) -> Result<Share, Refusal> {
        let memory_mb = u64::from(memory_mb);
        if memory_mb > self.budget.memory_mb || environments > self.budget.environments {
            return Err(Refusal::NeverEnough);
        }
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.memory_mb + memory_mb > self.budget.memory_mb
            || held.environments + environments > self.budget.environments
        {
            return Err(Refusal::Spent);
        }
        held.memory_mb += memory_mb;
        held.environments += environments;
        drop(held);
        Ok(Share {
            host: self.clone(),
            memory_mb,
            environments,
        })
    }

    /// Takes memory alone, for what is no environment.
    pub(crate) fn take_memory(&self, memory_mb: u32) -> Result<Share, Refusal> {
        self.hold(memory_mb, 0)
    }

    /// Waits for the next share that comes back after this call.
    pub(crate) async fn given_back(&self) {
        self.given_back.notified().await;
    }
}

/// One environment's part of the budget, or that of a runtime that waits for one. Dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Share {
    host: Host,
    memory_mb: u64,
    environments: u32,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self
            .host
            .held
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        held.memory_mb -= self.memory_mb;
        held.environments -= self.environments;
        drop(held);
        self.host.given_back.notify_waiters();
        self.host.given_back.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn share_comes_back_when_it_is_dropped() {
        let host = Host::new(Budget {
            memory_mb: 256,
            environments: 10,
        });
        let first = host.take(128).unwrap();
        let second = host.take(128).unwrap();
        assert_eq!(host.take(128).unwrap_err(), Refusal::Spent);

        drop(first);

        assert!(host.take(128).is_ok());
        drop(second);
    }

    #[test]
    fn more_than_the_whole_budget_is_refused_for_ever() {
        let host = Host::new(Budget {
            memory_mb: 256,
            environments: 10,
        });

        assert_eq!(host.take(512).unwrap_err(), Refusal::NeverEnough);
    }

    #[test]
    fn environments_are_counted_beside_memory() {
        let host = Host::new(Budget {
            memory_mb: 1024,
            environments: 1,
        });
        let _share = host.take(128).unwrap();

        assert_eq!(host.take(128).unwrap_err(), Refusal::Spent);
    }
}
