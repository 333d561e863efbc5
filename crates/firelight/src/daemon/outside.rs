//! What the crates ask of the world: time, chance, and of each other.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use firelight_control::iam::Sources;
use firelight_control::sts::Sts;
use firelight_control::{Outside, RuntimeRefusal};
use firelight_model::{Architecture, FunctionArn, RoleArn, RuntimeIdentifier, WallTime};
use firelight_runtimes::{Date, Inventory, catalogue};
use firelight_store::WallClock;

use crate::config::{Mode, ServerConfig};

/// Reads the wall clock.
pub fn now() -> WallTime {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    WallTime::from_epoch_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Reads the wall clock, in nanoseconds since 1970.
#[cfg(feature = "otel")]
pub fn unix_nanos() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Makes 128 random bits.
pub fn random() -> [u8; 16] {
    rand::random()
}

pub fn store_clock() -> WallClock {
    Arc::new(now)
}

pub fn sources() -> Sources {
    Sources {
        now: Box::new(now),
        random: Box::new(random),
    }
}

/// The world of the control plane.
pub struct ControlOutside {
    mode: Mode,
    inventory: Arc<Inventory>,
    sts: Sts,
    account_concurrency: u32,
    code_storage_bytes: u64,
}

impl ControlOutside {
    pub fn new(config: &ServerConfig, inventory: Arc<Inventory>, sts: Sts) -> Self {
        Self {
            mode: config.mode,
            inventory,
            sts,
            account_concurrency: config.limits.concurrency,
            code_storage_bytes: config.limits.code_storage_bytes,
        }
    }
}

impl Outside for ControlOutside {
    fn now(&self) -> WallTime {
        now()
    }

    fn random(&self) -> [u8; 16] {
        random()
    }

    fn check_runtime(&self, runtime: &RuntimeIdentifier) -> Result<(), RuntimeRefusal> {
        let runtime = catalogue::find(runtime.as_str()).ok_or(RuntimeRefusal::Unknown)?;
        if !runtime.allows_create(today()) {
            return Err(RuntimeRefusal::Deprecated);
        }
        let interpreter = self.inventory.interpreter_for(runtime);
        let interpreter = interpreter.map_err(|missing| RuntimeRefusal::NotHere {
            text: missing.to_string(),
        })?;
        if interpreter.is_some() && !runtime.has_bootstrap() {
            let text = format!("Firelight has no bootstrap for {} yet.", runtime.identifier);
            return Err(RuntimeRefusal::NotHere { text });
        }
        Ok(())
    }

    /// Both machines are taken everywhere, as on AWS; who deploys for the other one should know what that means here.
    fn note_architecture(&self, function: &FunctionArn, architecture: Architecture) {
        if architecture != Architecture::HERE {
            tracing::info!(
                %function,
                "is for {}, and this host is {}: interpreters run as the host has them, and programs and native \
                 modules of the package start only where the host runs those of the other machine",
                architecture.as_str(),
                Architecture::HERE.as_str(),
            );
        }
    }

    fn account_concurrency(&self) -> u32 {
        self.account_concurrency
    }

    fn code_storage_limit_bytes(&self) -> u64 {
        self.code_storage_bytes
    }

    /// A developer's roles need not exist; an operator's must, and must trust Lambda.
    fn can_assume(&self, role: &RoleArn, function: &FunctionArn) -> bool {
        self.mode == Mode::Dev || self.sts.lambda_can_assume(role, function)
    }
}

/// The day it is, by which runtimes are still created.
pub fn today() -> Date {
    let date = jiff::Zoned::now()
        .with_time_zone(jiff::tz::TimeZone::UTC)
        .date();
    Date {
        year: u16::try_from(date.year()).unwrap_or(u16::MAX),
        month: u8::try_from(date.month()).unwrap_or(1),
        day: u8::try_from(date.day()).unwrap_or(1),
    }
}
