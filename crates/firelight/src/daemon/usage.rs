//! What the data plane meters, as the books take it.

use firelight_invoke::InvocationMeter;
use firelight_model::{FunctionVersion, WallTime};
use firelight_sandbox::Traffic;
use firelight_store::{UsageCounts, UsageHour, UsageKey, UsageStore};

/// Enters an invocation that ran.
pub fn record_invocation(books: &UsageStore, meter: &InvocationMeter, now: WallTime) {
    let key = UsageKey {
        account: meter.version.account,
        function: meter.version.function.clone(),
        version: meter.version.version,
        architecture: meter.architecture,
        memory_mb: meter.memory_mb,
        hour: UsageHour::of(now),
    };
    let init_ms = meter
        .init
        .map(|init| u64::try_from(init.as_millis()).unwrap_or(u64::MAX));
    let counts = UsageCounts {
        requests: 1,
        errors: u64::from(meter.error),
        cold_starts: u64::from(meter.init.is_some()),
        billed_ms: meter.billed_ms,
        billed_mb_ms: meter.billed_ms * u64::from(meter.memory_mb),
        init_ms: init_ms.unwrap_or(0),
        ..UsageCounts::default()
    };
    books.record(key, counts);
}

/// Enters an invocation that was refused.
pub fn record_throttle(books: &UsageStore, version: &FunctionVersion, now: WallTime) {
    let counts = UsageCounts {
        throttles: 1,
        ..UsageCounts::default()
    };
    books.record(key(version, now), counts);
}

/// Enters what went through the way out of an environment.
pub fn record_traffic(
    books: &UsageStore,
    version: &FunctionVersion,
    traffic: Traffic,
    now: WallTime,
) {
    let counts = UsageCounts {
        sent_bytes: traffic.sent_bytes,
        received_bytes: traffic.received_bytes,
        ..UsageCounts::default()
    };
    books.record(key(version, now), counts);
}

fn key(version: &FunctionVersion, now: WallTime) -> UsageKey {
    UsageKey {
        account: version.account(),
        function: version.arn.name.clone(),
        version: version.version,
        architecture: version.architecture,
        memory_mb: version.memory.mb(),
        hour: UsageHour::of(now),
    }
}
