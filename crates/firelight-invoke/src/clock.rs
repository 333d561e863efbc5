//! Wall time and randomness, brought in from outside so that tests and the simulator decide them.

use std::sync::Arc;
use std::time::Duration;

use firelight_model::WallTime;

/// Reads the wall clock. Cheap to clone.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> WallTime + Send + Sync>);

impl Clock {
    pub fn new(read: impl Fn() -> WallTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    pub fn now(&self) -> WallTime {
        (self.0)()
    }

    /// The moment that is `remaining` away, in milliseconds since the epoch, as functions are told it.
    pub(crate) fn deadline_ms(&self, remaining: Duration) -> u64 {
        let remaining_ms = u64::try_from(remaining.as_millis()).unwrap_or(u64::MAX);
        self.now().epoch_ms().saturating_add(remaining_ms)
    }
}

/// `2026-11-23T15:10:38.123Z`, as logs and telemetry show time.
pub(crate) fn iso(time: WallTime) -> String {
    let mut text = time.to_string();
    text.truncate("2026-11-23T15:10:38.123".len());
    text.push('Z');
    text
}
