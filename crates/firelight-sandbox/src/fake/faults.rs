//! Failures to come: each hits the next call of its kind, in the order they were asked for.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::{LaunchError, SandboxError, SpawnError};

#[derive(Debug, Default)]
pub struct Faults {
    pending: Mutex<Pending>,
}

#[derive(Debug, Default)]
struct Pending {
    launch: VecDeque<LaunchError>,
    spawn: VecDeque<SpawnError>,
    freeze: VecDeque<SandboxError>,
    thaw: VecDeque<SandboxError>,
    kill_processes: VecDeque<SandboxError>,
    launch_takes: Duration,
}

impl Faults {
    pub fn fail_next_launch(&self, error: LaunchError) {
        self.with(|pending| pending.launch.push_back(error));
    }

    pub fn fail_next_spawn(&self, error: SpawnError) {
        self.with(|pending| pending.spawn.push_back(error));
    }

    pub fn fail_next_freeze(&self, error: SandboxError) {
        self.with(|pending| pending.freeze.push_back(error));
    }

    pub fn fail_next_thaw(&self, error: SandboxError) {
        self.with(|pending| pending.thaw.push_back(error));
    }

    pub fn fail_next_kill_processes(&self, error: SandboxError) {
        self.with(|pending| pending.kill_processes.push_back(error));
    }

    /// Makes every launch from now on take this long.
    pub fn delay_launches(&self, delay: Duration) {
        self.with(|pending| pending.launch_takes = delay);
    }

    pub(crate) fn launch_delay(&self) -> Duration {
        self.with(|pending| pending.launch_takes)
    }

    pub(crate) fn take_launch(&self) -> Option<LaunchError> {
        self.with(|pending| pending.launch.pop_front())
    }

    pub(crate) fn take_spawn(&self) -> Option<SpawnError> {
        self.with(|pending| pending.spawn.pop_front())
    }

    pub(crate) fn take_freeze(&self) -> Option<SandboxError> {
        self.with(|pending| pending.freeze.pop_front())
    }

    pub(crate) fn take_thaw(&self) -> Option<SandboxError> {
        self.with(|pending| pending.thaw.pop_front())
    }

    pub(crate) fn take_kill_processes(&self) -> Option<SandboxError> {
        self.with(|pending| pending.kill_processes.pop_front())
    }

    fn with<T>(&self, act: impl FnOnce(&mut Pending) -> T) -> T {
        act(&mut self.pending.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
