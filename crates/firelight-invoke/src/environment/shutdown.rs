//! The shutdown phase: how much time each process gets to end in good order (lambda-facts §6.4).
//!
//! | extensions | time in all | the runtime |
//! |---|---|---|
//! | none | 0 | killed at once |
//! | internal only | 500 ms | SIGTERM |
//! | external | 2,000 ms | SIGTERM, 30 % of the time; then SHUTDOWN to the extensions |

use std::time::Duration;

use firelight_runtime_api::ShutdownReason;
use firelight_sandbox::{Sandbox, SandboxDriver};
use tokio::time::{Instant, timeout_at};

use super::Environment;
use super::processes::ProcessHappening;

const SIGTERM: i32 = 15;

/// How long the processes get, and the runtime's part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Allowance {
    all: Duration,
    runtime: Duration,
}

fn allowance(external: bool, internal: bool) -> Allowance {
    match (external, internal) {
        (true, _) => Allowance {
            all: Duration::from_millis(2000),
            runtime: Duration::from_millis(600),
        },
        (false, true) => Allowance {
            all: Duration::from_millis(500),
            runtime: Duration::from_millis(500),
        },
        (false, false) => Allowance {
            all: Duration::ZERO,
            runtime: Duration::ZERO,
        },
    }
}

impl<D: SandboxDriver> Environment<D> {
    /// Ends the processes: in good order where extensions want that, and by force in the end.
    pub(super) async fn shut_down_processes(&mut self, reason: ShutdownReason) {
        self.thaw().await;
        let allowance = allowance(
            !self.program.extensions.is_empty(),
            self.internal_extensions,
        );
        if allowance.all > Duration::ZERO && self.processes.any_alive() {
            self.ask_to_end(reason, allowance).await;
        }
        if self.sandbox.kill_processes().await.is_err() {
            self.lost = true;
        }
        self.collect_all();
        self.processes.clear();
    }

    /// Shuts the environment down for good and returns when nothing of it is left.
    pub(crate) async fn destroy(mut self, reason: ShutdownReason) {
        self.shut_down_processes(reason).await;
        self.tell_traffic().await;
        self.session.close().await;
        if let Err(error) = self.sandbox.destroy().await {
            tracing::warn!(function = %self.version.arn, error = &error as &dyn std::error::Error, "sandbox was not destroyed cleanly");
        }
    }

    async fn ask_to_end(&mut self, reason: ShutdownReason, allowance: Allowance) {
        let began = Instant::now();
        // Extensions are still there to take it.
        self.session.flush_telemetry();
        self.processes.signal_runtime(SIGTERM).await;
        self.wait_for_exits(began + allowance.runtime).await;
        let deadline = began + allowance.all;
        let deadline_ms = self.clock.deadline_ms(allowance.all);
        self.session.flush_telemetry();
        self.session.shutdown(reason, deadline_ms);
        self.wait_for_exits(deadline).await;
    }

    async fn wait_for_exits(&mut self, deadline: Instant) {
        while self.processes.any_alive() {
            match timeout_at(deadline, self.processes.happening()).await {
                Ok(ProcessHappening::Printed) => self.collect_lines(),
                Ok(ProcessHappening::Exited(..)) => {}
                Err(_) => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtime_without_extensions_is_killed_at_once() {
        assert_eq!(allowance(false, false).all, Duration::ZERO);
    }

    #[test]
    fn external_extensions_get_two_seconds_of_which_the_runtime_gets_a_third() {
        let allowance = allowance(true, true);

        assert_eq!(allowance.all, Duration::from_secs(2));
        assert_eq!(allowance.runtime, Duration::from_millis(600));
    }
}
