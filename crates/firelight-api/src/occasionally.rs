//! A warning that is due many times a second and said once in a while, with how often it was due.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long nothing is said after something was.
const SILENCE: Duration = Duration::from_secs(10);

pub(crate) struct Occasionally(Mutex<State>);

struct State {
    said: Option<Instant>,
    unsaid: u64,
}

impl Occasionally {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(State {
            said: None,
            unsaid: 0,
        }))
    }

    /// Counts one, and returns how many there were since the last time something was said, if it is time again.
    pub(crate) fn count(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.unsaid += 1;
        if state.said.is_some_and(|said| now < said + SILENCE) {
            return None;
        }
        state.said = Some(now);
        Some(std::mem::take(&mut state.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_one_line_and_the_next_says_how_many_it_was() {
        let (warning, t0) = (Occasionally::new(), Instant::now());

        assert_eq!(warning.count(t0), Some(1));
        for _ in 0..999 {
            assert_eq!(warning.count(t0), None);
        }

        assert_eq!(warning.count(t0 + SILENCE), Some(1000));
    }
}
