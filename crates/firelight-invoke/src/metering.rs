//! Metering: what an invocation is billed for.

use std::time::Duration;

use firelight_model::{Architecture, FunctionVersion, VersionKey};

use crate::platform_event::{ReportMetrics, Status};

/// What one invocation used, for the books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvocationMeter {
    pub version: VersionKey,
    pub architecture: Architecture,
    pub memory_mb: u32,
    pub duration: Duration,
    pub billed_ms: u64,
    /// Set on a cold start.
    pub init: Option<Duration>,
    pub error: bool,
}

impl InvocationMeter {
    pub(crate) fn of(version: &FunctionVersion, metrics: &ReportMetrics, status: &Status) -> Self {
        Self {
            version: version.key(),
            architecture: version.architecture,
            memory_mb: metrics.memory_size_mb,
            duration: metrics.duration,
            billed_ms: metrics.billed_ms,
            init: metrics.init,
            error: *status != Status::Success,
        }
    }
}

/// Rounds up to whole milliseconds, and to one at least.
pub(crate) fn billed_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000))
        .unwrap_or(u64::MAX)
        .max(1)
}

/// Memory as REPORT shows it: whole MB, never above what is configured.
pub(crate) fn used_mb(peak_bytes: u64, memory_size_mb: u32) -> u32 {
    u32::try_from(peak_bytes.div_ceil(1024 * 1024))
        .unwrap_or(u32::MAX)
        .min(memory_size_mb)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duration_is_billed_up_to_the_next_millisecond() {
        assert_eq!(billed_ms(Duration::from_micros(3_010)), 4);
        assert_eq!(billed_ms(Duration::from_millis(3)), 3);
        assert_eq!(billed_ms(Duration::ZERO), 1);
    }

    #[test]
    fn memory_used_is_never_above_memory_configured() {
        assert_eq!(used_mb(1, 128), 1);
        assert_eq!(used_mb(129 * 1024 * 1024, 128), 128);
    }
}
