//! An external extension that keeps all telemetry it gets in `/tmp`, where the function sees it.

use std::fs;
use std::sync::Mutex;

use lambda_extension::{Error, Extension, LambdaTelemetry, LogBuffering, SharedService, service_fn};

static SEEN: Mutex<Vec<LambdaTelemetry>> = Mutex::new(Vec::new());

async fn keep(records: Vec<LambdaTelemetry>) -> Result<(), Error> {
    let mut seen = SEEN.lock().map_err(|broken| broken.to_string())?;
    seen.extend(records);
    fs::write("/tmp/telemetry.json.new", serde_json::to_vec(&*seen)?)?;
    fs::rename("/tmp/telemetry.json.new", "/tmp/telemetry.json")?;
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    Extension::new()
        .with_events(&["INVOKE", "SHUTDOWN"])
        .with_telemetry_types(&["platform", "function"])
        .with_telemetry_buffering(LogBuffering {
            timeout_ms: 25,
            max_bytes: 262_144,
            max_items: 1_000,
        })
        .with_telemetry_processor(SharedService::new(service_fn(keep)))
        .run()
        .await
}
