//! Runtimes that are kept started before anybody asks for their function: which, and how many of each.
//!
//! ```text
//!  a cold start that such a runtime could have served ──► noted ──► as many wait as were asked for lately
//!       nobody asked for long, or environments need the room ──► none
//! ```
//!
//! [`Demand`] is pure; [`StartedRuntimes`] holds their part of the host's memory and tells the driver, which does the
//! work in the background.
//!
//! Deliberately absent: whether a function may have one; that is decided where its start is planned.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use firelight_sandbox::{SandboxDriver, WaitingProgram};
use tokio::time::Instant;

use crate::host::{Host, Share};

/// How far back "lately" reaches.
const WINDOW: Duration = Duration::from_secs(30);
/// A runtime that nobody asked for this long is forgotten.
const MEMORY: Duration = Duration::from_secs(600);
/// After environments took the room, it is left to them for so long.
const RESTRAINT: Duration = Duration::from_secs(60);
/// Wait of the runtime that was asked for last, even if that was some time ago.
const LEAST: usize = 2;
/// Runtimes that are remembered.
const MAX_RUNTIMES: usize = 8;

/// A runtime that can wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StartedRuntime {
    pub(crate) program: WaitingProgram,
    /// What it uses while it waits.
    pub(crate) memory_mb: u32,
}

/// What was asked for lately, the most recent first.
struct Demand {
    asked: Vec<(StartedRuntime, VecDeque<Instant>)>,
    most: usize,
}

impl Demand {
    fn new(most: u32) -> Self {
        Self {
            asked: Vec::new(),
            most: usize::try_from(most).unwrap_or(usize::MAX),
        }
    }

    fn note(&mut self, runtime: &StartedRuntime, now: Instant) {
        let known = self.asked.iter().position(|(known, _)| known == runtime);
        let (runtime, mut times) = known.map_or_else(
            || (runtime.clone(), VecDeque::new()),
            |index| self.asked.remove(index),
        );
        times.push_back(now);
        if times.len() > self.most.max(1) {
            times.pop_front();
        }
        self.asked.insert(0, (runtime, times));
        self.asked.truncate(MAX_RUNTIMES);
    }

    /// How many of each should wait: as many as were asked for lately, of one at least until it is forgotten, and all
    /// together no more than the most.
    fn targets(&mut self, now: Instant) -> Vec<(StartedRuntime, usize)> {
        let last = |times: &VecDeque<Instant>| times.back().copied();
        self.asked
            .retain(|(_, times)| last(times).is_some_and(|time| now - time < MEMORY));
        let mut left = self.most;
        let mut targets = Vec::with_capacity(self.asked.len());
        for (index, (runtime, times)) in self.asked.iter().enumerate() {
            let least = if index == 0 { LEAST } else { 1 };
            let lately = times.iter().filter(|time| now - **time < WINDOW).count();
            let count = lately.max(least).min(left);
            left -= count;
            targets.push((runtime.clone(), count));
        }
        targets.retain(|(_, count)| *count > 0);
        targets
    }
}

/// The started runtimes of this machine.
pub(crate) struct StartedRuntimes {
    state: Mutex<State>,
}

struct State {
    demand: Demand,
    /// One share for each runtime that waits, or shall.
    shares: Vec<(WaitingProgram, Share)>,
    restrained_until: Option<Instant>,
}

impl StartedRuntimes {
    pub(crate) fn new(most: u32) -> Self {
        Self {
            state: Mutex::new(State {
                demand: Demand::new(most),
                shares: Vec::new(),
                restrained_until: None,
            }),
        }
    }

    /// Notes that an environment of such a runtime was started.
    pub(crate) fn note<D: SandboxDriver>(
        &self,
        runtime: &StartedRuntime,
        host: &Host,
        driver: &D,
        now: Instant,
    ) {
        self.lock().demand.note(runtime, now);
        self.tidy(host, driver, now);
    }

    /// Has the driver keep what should wait now. Cheap when that is what waits already.
    pub(crate) fn tidy<D: SandboxDriver>(&self, host: &Host, driver: &D, now: Instant) {
        let mut state = self.lock();
        if state.restrained_until.is_some_and(|until| now < until) {
            return;
        }
        let targets = state.demand.targets(now);
        if state.takes_over(&targets, host) {
            driver.keep_waiting(state.wanted());
        }
    }

    /// Gives the memory back to environments. `false` if there is none to give.
    pub(crate) fn make_room<D: SandboxDriver>(&self, driver: &D, now: Instant) -> bool {
        let mut state = self.lock();
        if state.shares.is_empty() {
            return false;
        }
        state.shares.clear();
        state.restrained_until = Some(now + RESTRAINT);
        driver.keep_waiting(Vec::new());
        true
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes the shares of what is wanted, as far as the host has room, and gives back the others. Returns whether
    /// anything changed.
    fn takes_over(&mut self, targets: &[(StartedRuntime, usize)], host: &Host) -> bool {
        let mut before = std::mem::take(&mut self.shares);
        let mut changed = false;
        for (runtime, count) in targets {
            for _ in 0..*count {
                let held = before
                    .iter()
                    .position(|(program, _)| *program == runtime.program);
                let share = match held {
                    Some(index) => Some(before.swap_remove(index).1),
                    None => host.take_memory(runtime.memory_mb),
                };
                changed |= held.is_none() && share.is_some();
                self.shares
                    .extend(share.map(|share| (runtime.program.clone(), share)));
            }
        }
        changed || !before.is_empty()
    }

    /// What the driver shall keep, in the order it should begin.
    fn wanted(&self) -> Vec<(WaitingProgram, u32)> {
        let mut wanted: Vec<(WaitingProgram, u32)> = Vec::new();
        for (program, _) in &self.shares {
            match wanted.iter_mut().find(|(known, _)| known == program) {
                Some((_, count)) => *count += 1,
                None => wanted.push((program.clone(), 1)),
            }
        }
        wanted
    }
}

#[cfg(test)]
mod tests {
    use firelight_sandbox::fake::FakeDriver;
    use firelight_sandbox::{Egress, Exit, Limits, ListenAt, ProcessSpec};

    use super::*;
    use crate::host::Budget;

    fn runtime(name: &str) -> StartedRuntime {
        StartedRuntime {
            memory_mb: 16,
            program: WaitingProgram {
                mounts: Vec::new(),
                process: ProcessSpec {
                    program: name.into(),
                    arguments: Vec::new(),
                    variables: Vec::new(),
                    directory: "/".into(),
                },
                listen_at: ListenAt(([127, 0, 0, 1], 9001).into()),
                egress: Egress::None,
                host_name: "localhost".into(),
                limits: Limits {
                    memory_bytes: 1 << 27,
                    milli_cpus: 1000,
                    processes: 16,
                    open_files: 64,
                    tmp_bytes: 1 << 20,
                    tmp_inodes: 64,
                },
            },
        }
    }

    fn host(memory_mb: u64) -> Host {
        Host::new(Budget {
            memory_mb,
            environments: 1,
        })
    }

    fn driver() -> FakeDriver {
        FakeDriver::scripted(|_| std::future::ready(Exit::Code(0)))
    }

    fn counts(driver: &FakeDriver) -> Vec<(String, u32)> {
        let name = |program: &WaitingProgram| program.process.program.display().to_string();
        let waiting = driver.waiting();
        waiting
            .iter()
            .map(|(program, count)| (name(program), *count))
            .collect()
    }

    #[test]
    fn nothing_waits_before_anybody_asked() {
        let (started, driver) = (StartedRuntimes::new(8), driver());

        started.tidy(&host(1024), &driver, Instant::now());

        assert_eq!(counts(&driver), []);
    }

    #[test]
    fn a_runtime_waits_from_its_first_cold_start_until_it_is_forgotten() {
        let (started, driver, host) = (StartedRuntimes::new(8), driver(), host(1024));
        let t0 = Instant::now();

        started.note(&runtime("python"), &host, &driver, t0);
        assert_eq!(counts(&driver), [("python".into(), 2)]);

        started.tidy(&host, &driver, t0 + MEMORY - Duration::from_millis(1));
        assert_eq!(counts(&driver), [("python".into(), 2)]);
        started.tidy(&host, &driver, t0 + MEMORY);
        assert_eq!(counts(&driver), []);
        assert!(host.take_memory(1024).is_some());
    }

    #[test]
    fn more_wait_after_a_burst_but_never_more_than_the_most_together() {
        let (started, driver, host) = (StartedRuntimes::new(8), driver(), host(1024));
        let t0 = Instant::now();
        started.note(&runtime("node"), &host, &driver, t0);
        for _ in 0..6 {
            started.note(&runtime("python"), &host, &driver, t0);
        }
        assert_eq!(counts(&driver), [("python".into(), 6), ("node".into(), 1)]);

        for _ in 0..100 {
            started.note(&runtime("python"), &host, &driver, t0);
        }
        assert_eq!(counts(&driver), [("python".into(), 8)]);

        started.tidy(&host, &driver, t0 + WINDOW);
        assert_eq!(counts(&driver), [("python".into(), 2), ("node".into(), 1)]);
    }

    #[test]
    fn only_what_the_hosts_memory_allows_waits() {
        let (started, driver, host) = (StartedRuntimes::new(8), driver(), host(20));

        started.note(&runtime("python"), &host, &driver, Instant::now());

        assert_eq!(counts(&driver), [("python".into(), 1)]);
        assert!(host.take_memory(5).is_none());
    }

    #[test]
    fn environments_get_the_room_and_keep_it_for_a_while() {
        let (started, driver, host) = (StartedRuntimes::new(8), driver(), host(32));
        let t0 = Instant::now();
        started.note(&runtime("python"), &host, &driver, t0);

        assert!(started.make_room(&driver, t0));

        assert_eq!(counts(&driver), []);
        assert!(host.take_memory(32).is_some());
        assert!(!started.make_room(&driver, t0));
        started.note(&runtime("python"), &host, &driver, t0);
        assert_eq!(counts(&driver), []);
        started.tidy(&host, &driver, t0 + RESTRAINT);
        assert_eq!(counts(&driver), [("python".into(), 2)]);
    }

    #[test]
    fn switched_off_nothing_ever_waits() {
        let (started, driver) = (StartedRuntimes::new(0), driver());

        started.note(&runtime("python"), &host(1024), &driver, Instant::now());

        assert_eq!(counts(&driver), []);
    }
}
