//! The daemon's own log, on standard error.

use std::ffi::OsStr;
use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::SystemTime;

use crate::config::{LogConfig, LogFormat};

/// Starts writing. A second start in one process changes nothing.
pub fn start(config: &LogConfig) {
    let filter =
        EnvFilter::try_new(filter(&config.filter)).unwrap_or_else(|_| EnvFilter::new("info"));
    let on_terminal = std::io::stderr().is_terminal();
    let coloured = is_coloured(on_terminal, std::env::var_os("NO_COLOR").as_deref());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(coloured)
        .with_timer(SystemTime)
        .with_writer(std::io::stderr);
    let started = match config.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    // Only a test starts two in one process.
    drop(started);
}

/// Colours are for a person who watches and has not asked for none (<https://no-color.org>); a file gets plain text.
fn is_coloured(on_terminal: bool, no_color: Option<&OsStr>) -> bool {
    on_terminal && no_color.is_none_or(OsStr::is_empty)
}

/// The S3 library logs what clients do wrong as errors of its own; that is not said unless it is asked for.
fn filter(configured: &str) -> String {
    if configured.contains("s3s") {
        configured.to_owned()
    } else {
        format!("{configured},s3s=off")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_a_terminal_whose_owner_did_not_ask_for_none() {
        assert!(is_coloured(true, None));
        assert!(is_coloured(true, Some(OsStr::new(""))));

        assert!(!is_coloured(true, Some(OsStr::new("1"))));
        assert!(!is_coloured(false, None));
    }
}
