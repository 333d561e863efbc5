//! The data plane's settings, with AWS's numbers as defaults where AWS has one.

use std::time::Duration;

use firelight_sandbox::Egress;

use crate::admission::Paces;
use crate::bandwidth::StreamLimits;
use crate::host::Budget;

#[derive(Clone, Debug)]
pub struct Settings {
    /// For extensions, runtime and function together, ahead of the first invocation.
    pub init_timeout: Duration,
    /// An environment that nobody needed for this long is retired.
    pub idle_limit: Duration,
    /// How long an environment may run on after an invocation before it is frozen: back-to-back invocations then pay
    /// for no freeze.
    pub freeze_after: Duration,
    /// Requests of one version that may wait for environments.
    pub longest_line: usize,
    /// How long a request waits for room on the host.
    pub capacity_wait: Duration,
    pub budget: Budget,
    pub paces: Paces,
    pub stream_limits: StreamLimits,
    pub egress: Egress,
    /// CPU during init, in thousandths; the share that the memory size gives follows.
    pub init_milli_cpus: u32,
    /// Runtimes that are kept started before it is known for which function, all together; 0 keeps none.
    pub started_runtimes: u32,
    /// Lifts the CPU limit: a developer's machine may be used whole.
    pub unlimited_cpu: bool,
}

impl Settings {
    /// The CPU of a function after init, in thousandths: 1,769 MB are one CPU (lambda-facts §7).
    pub(crate) fn milli_cpus(&self, memory_mb: u32) -> u32 {
        if self.unlimited_cpu {
            self.init_milli_cpus
        } else {
            (memory_mb * 1000).div_ceil(1769).max(50)
        }
    }
}
