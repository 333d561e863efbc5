//! The daemon's own log, on standard error.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::SystemTime;

use crate::config::{LogConfig, LogFormat};

/// Starts writing. A second start in one process changes nothing.
pub fn start(config: &LogConfig) {
    let filter =
        EnvFilter::try_new(filter(&config.filter)).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_timer(SystemTime)
        .with_writer(std::io::stderr);
    let started = match config.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    // Only a test starts two in one process.
    drop(started);
}

/// The S3 library logs what clients do wrong as errors of its own; that is not said unless it is asked for.
fn filter(configured: &str) -> String {
    if configured.contains("s3s") {
        configured.to_owned()
    } else {
        format!("{configured},s3s=off")
    }
}
