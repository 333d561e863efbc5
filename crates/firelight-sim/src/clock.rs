//! The wall clock of a simulation: it goes with tokio's paused clock.

use firelight_invoke::Clock;
use firelight_model::WallTime;
use tokio::time::Instant;

pub(crate) const START_MS: u64 = 1_700_000_000_000;

#[derive(Clone, Copy, Debug)]
pub(crate) struct SimClock {
    began: Instant,
}

impl SimClock {
    pub(crate) fn start() -> Self {
        Self {
            began: Instant::now(),
        }
    }

    pub(crate) fn began(self) -> Instant {
        self.began
    }

    pub(crate) fn now_ms(self) -> u64 {
        let elapsed_ms = u64::try_from(self.began.elapsed().as_millis());
        START_MS + elapsed_ms.expect("hours, not ages")
    }

    /// The clock that the code under test reads.
    pub(crate) fn port(self) -> Clock {
        Clock::new(move || WallTime::from_epoch_ms(self.now_ms()))
    }
}
