//! Looks at the memory of sandboxes that run, now and then: what comes and goes within one long invocation leaves no
//! other trace than the kernel's one peak.
//!
//! One task for the driver. It sleeps while nothing runs, and looks at so many in one round: what it costs has a bound,
//! and where thousands run each is looked at less often.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::meters::Meters;
use crate::wire::FdTag;

const ROUND: Duration = Duration::from_millis(100);
const LOOKS_A_ROUND: usize = 128;

/// Dropping it ends the task.
#[derive(Debug)]
pub(super) struct Sampler {
    shared: Arc<Shared>,
    task: AbortHandle,
}

#[derive(Debug, Default)]
struct Shared {
    sandboxes: Mutex<Vec<Weak<Meters>>>,
    /// Something may run now.
    moved: Arc<Notify>,
}

impl Sampler {
    /// To be called inside a tokio runtime.
    pub(super) fn start() -> Self {
        let shared = Arc::new(Shared::default());
        let task = tokio::spawn(run(Arc::clone(&shared))).abort_handle();
        Self { shared, task }
    }

    /// The meters of a new sandbox, which are looked at from now on.
    pub(super) fn meters(&self, fds: HashMap<FdTag, OwnedFd>) -> Arc<Meters> {
        let meters = Arc::new(Meters::new(fds, Arc::clone(&self.shared.moved)));
        self.shared.lock().push(Arc::downgrade(&meters));
        self.shared.moved.notify_one();
        meters
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Weak<Meters>>> {
        self.sandboxes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets those that are gone, and picks the next ones that run: who was looked at goes to the end of the line.
    fn next_round(&self) -> Vec<Arc<Meters>> {
        let mut sandboxes = self.lock();
        sandboxes.retain(|sandbox| sandbox.strong_count() > 0);
        let mut picked = Vec::new();
        let mut passed = 0;
        for sandbox in sandboxes.iter() {
            passed += 1;
            picked.extend(sandbox.upgrade().filter(|meters| meters.is_running()));
            if picked.len() == LOOKS_A_ROUND {
                break;
            }
        }
        sandboxes.rotate_left(passed);
        picked
    }
}

async fn run(shared: Arc<Shared>) {
    loop {
        let round = shared.next_round();
        if round.is_empty() {
            shared.moved.notified().await;
        }
        for meters in &round {
            // A sandbox that cannot be read any more is about to be forgotten.
            let _ = meters.look();
        }
        drop(round);
        tokio::time::sleep(ROUND).await;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::meters::Motion;
    use super::*;

    const MIB: u64 = 1 << 20;

    /// The files of a cgroup as a test writes them.
    struct Files([tempfile::NamedTempFile; 3]);

    impl Files {
        fn new() -> Self {
            Self([(); 3].map(|()| tempfile::NamedTempFile::new().unwrap()))
        }

        fn handles(&self) -> HashMap<FdTag, OwnedFd> {
            let tags = [FdTag::MemoryUsage, FdTag::MemoryPeak, FdTag::MemoryStat];
            let fds = self.0.iter().map(|file| file.reopen().unwrap().into());
            tags.into_iter().zip(fds).collect()
        }

        fn say(&self, used_mib: u64, peak_mib: u64, files_mib: u64) {
            let stat = format!("inactive_file {}\n", files_mib * MIB);
            let texts = [
                (used_mib * MIB).to_string(),
                (peak_mib * MIB).to_string(),
                stat,
            ];
            for (file, text) in self.0.iter().zip(texts) {
                let mut file = file.reopen().unwrap();
                file.set_len(0).unwrap();
                file.write_all(text.as_bytes()).unwrap();
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_and_goes_while_nobody_asks_is_seen() {
        let (files, sampler) = (Files::new(), Sampler::start());
        files.say(30, 30, 0);
        let meters = sampler.meters(files.handles());

        files.say(430, 430, 400);
        tokio::time::sleep(ROUND * 3).await;
        files.say(30, 430, 0);

        assert_eq!(meters.memory_peak_bytes().unwrap(), 30 * MIB);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_frozen_is_left_alone_until_it_runs() {
        let (files, sampler) = (Files::new(), Sampler::start());
        files.say(430, 430, 400);
        let meters = sampler.meters(files.handles());
        meters.set_motion(Motion::Frozen).unwrap();
        let picked = |sampler: &Sampler| sampler.shared.next_round().len();

        assert_eq!(picked(&sampler), 0);
        meters.set_motion(Motion::Running).unwrap();
        assert_eq!(picked(&sampler), 1);
        drop(meters);

        assert_eq!(picked(&sampler), 0);
        assert!(sampler.shared.lock().is_empty());
    }

    #[tokio::test]
    async fn everybody_has_a_turn_where_many_run() {
        let (files, sampler) = (Files::new(), Sampler::start());
        let many = LOOKS_A_ROUND + 10;
        let meters: Vec<_> = (0..many).map(|_| sampler.meters(files.handles())).collect();

        let first = sampler.shared.next_round();
        let second = sampler.shared.next_round();

        assert_eq!(first.len(), LOOKS_A_ROUND);
        let turn = |wanted: &Arc<Meters>| {
            let rounds = first.iter().chain(&second);
            rounds.into_iter().any(|meters| Arc::ptr_eq(meters, wanted))
        };
        assert!(meters.iter().all(turn));
    }
}
