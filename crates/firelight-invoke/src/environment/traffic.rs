//! What an environment sends and receives through its way out.
//!
//! The kernel counts; nobody pays for that per invocation. The counters are read when the environment comes to rest, now
//! and then while it does not, and once more at its end.

use std::time::Duration;

use firelight_sandbox::{Sandbox, SandboxDriver, Traffic};
use tokio::time::Instant;

use super::Environment;

/// How old the books may be while an environment never rests.
const LONGEST_UNTOLD: Duration = Duration::from_secs(5);

/// Takes what came to pass since it was last told.
pub(crate) type Tell = Box<dyn Fn(Traffic) + Send + Sync>;

/// What of the traffic of one environment was told already.
pub(super) struct Meter {
    tell: Tell,
    told: Traffic,
    told_at: Instant,
}

impl Meter {
    pub(super) fn new(tell: Tell) -> Self {
        Self {
            tell,
            told: Traffic::default(),
            told_at: Instant::now(),
        }
    }

    fn note(&mut self, all: Traffic) {
        let new = Traffic {
            sent_bytes: all.sent_bytes.saturating_sub(self.told.sent_bytes),
            received_bytes: all.received_bytes.saturating_sub(self.told.received_bytes),
        };
        if new != Traffic::default() {
            (self.tell)(new);
        }
        self.told = all;
    }
}

impl<D: SandboxDriver> Environment<D> {
    /// Tells what was not told yet.
    pub(super) async fn tell_traffic(&mut self) {
        self.traffic.told_at = Instant::now();
        // A sandbox that is gone has nothing more to tell.
        if let Ok(all) = self.sandbox.traffic().await {
            self.traffic.note(all);
        }
    }

    /// The same, if it has been long since.
    pub(crate) async fn tell_traffic_now_and_then(&mut self) {
        if self.traffic.told_at.elapsed() >= LONGEST_UNTOLD {
            self.tell_traffic().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn only_what_is_new_is_told() {
        let told = Arc::<Mutex<Vec<Traffic>>>::default();
        let sink = Arc::clone(&told);
        let mut meter = Meter::new(Box::new(move |new| sink.lock().unwrap().push(new)));
        let traffic = |sent_bytes, received_bytes| Traffic {
            sent_bytes,
            received_bytes,
        };

        meter.note(traffic(10, 1));
        meter.note(traffic(10, 1));
        meter.note(traffic(15, 4));

        assert_eq!(*told.lock().unwrap(), [traffic(10, 1), traffic(5, 3)]);
    }
}
