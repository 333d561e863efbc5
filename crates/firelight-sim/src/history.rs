//! What happened in a run, in order, and whether it was allowed to.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

/// How many lines a report shows.
const SHOWN: usize = 60;

/// A promise was broken.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{what}\n{story}")]
pub struct Violation {
    pub what: String,
    /// The last things that happened before.
    pub story: String,
}

/// The log of one run. Cheap to clone: all clones are one.
#[derive(Clone)]
pub(crate) struct History {
    began: Instant,
    shared: Arc<Mutex<Lines>>,
}

#[derive(Default)]
struct Lines {
    lines: Vec<String>,
    violation: Option<Violation>,
}

impl History {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            shared: Arc::default(),
        }
    }

    pub(crate) fn note(&self, what: impl AsRef<str>) {
        let at = self.began.elapsed().as_secs_f64();
        let line = format!("{at:>10.3} {}", what.as_ref());
        self.lock().lines.push(line);
    }

    /// Notes that a promise was broken. The first one counts.
    pub(crate) fn violated(&self, what: String) {
        self.note(format!("VIOLATION {what}"));
        let mut shared = self.lock();
        if shared.violation.is_none() {
            let first = shared.lines.len().saturating_sub(SHOWN);
            let story = shared.lines[first..].join("\n");
            shared.violation = Some(Violation { what, story });
        }
    }

    pub(crate) fn check(&self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.violated(what());
        }
    }

    /// Whether a promise was broken: what follows would only drown the report, or never end.
    pub(crate) fn is_violated(&self) -> bool {
        self.lock().violation.is_some()
    }

    /// The lines, or what was violated.
    pub(crate) fn end(&self) -> Result<Vec<String>, Violation> {
        let mut shared = self.lock();
        match shared.violation.take() {
            Some(violation) => Err(violation),
            None => Ok(std::mem::take(&mut shared.lines)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
