//! The log of one environment: its stream, its format and its levels, and the tail of the current invocation.
//!
//! ```text
//!  function line ──┐                            ┌─► log writer (batched, off the hot path)
//!  platform event ─┴─► format, level filter ────┴─► tail (the last 4 KB, for LogType=Tail)
//! ```
//!
//! With the text format everything passes. With the JSON format platform events become objects, and both they and
//! the function's own JSON lines are filtered by level (lambda-facts §6.7).
//!
//! Deliberately absent: storage.

use std::sync::Arc;

use bytes::Bytes;
use firelight_model::{ApplicationLogLevel, LogForm, SystemLogLevel, WallTime};
use firelight_store::{LogLine, StreamName};

use crate::clock::iso;
use crate::platform_event::{PlatformEvent, SystemLevel};
use crate::ports::LogSink;

/// How much of an invocation's log an answer can carry.
const TAIL_BYTES: usize = 4096;

pub(crate) struct Journal {
    stream: Arc<StreamName>,
    form: LogForm,
    sink: LogSink,
    tail: Option<Vec<u8>>,
}

impl Journal {
    pub(crate) fn new(stream: Arc<StreamName>, form: LogForm, sink: LogSink) -> Self {
        Self {
            stream,
            form,
            sink,
            tail: None,
        }
    }

    pub(crate) fn stream_name(&self) -> &str {
        &self.stream.stream
    }

    pub(crate) fn form(&self) -> LogForm {
        self.form
    }

    /// Starts keeping the tail of an invocation.
    pub(crate) fn start_tail(&mut self) {
        self.tail = Some(Vec::with_capacity(TAIL_BYTES));
    }

    /// Takes the last 4 KB written since [`Journal::start_tail`].
    pub(crate) fn take_tail(&mut self) -> Option<Bytes> {
        let mut tail = self.tail.take()?;
        let excess = tail.len().saturating_sub(TAIL_BYTES);
        tail.drain(..excess);
        Some(Bytes::from(tail))
    }

    /// Writes what the function (or an extension) printed.
    pub(crate) fn function_line(&mut self, line: Bytes, now: WallTime) {
        match self.form {
            LogForm::Json { application, .. } if !passes(&line, application) => return,
            LogForm::Json { .. } | LogForm::Text => {}
        }
        self.write(one_event(line), now);
    }

    pub(crate) fn platform(&mut self, event: &PlatformEvent, now: WallTime) {
        let line = match self.form {
            LogForm::Text => event.text(),
            LogForm::Json { system, .. } => {
                (event.level() >= lowest(system)).then(|| event.json(&iso(now)).to_string())
            }
        };
        if let Some(line) = line {
            self.write(Bytes::from(line), now);
        }
    }

    /// Writes a line of the platform that is no event: the text of a timeout or a crash.
    pub(crate) fn platform_text(&mut self, text: String, now: WallTime) {
        if self.form == LogForm::Text {
            self.write(Bytes::from(text), now);
        }
    }

    fn write(&mut self, message: Bytes, now: WallTime) {
        if let Some(tail) = &mut self.tail {
            tail.extend_from_slice(&message);
            tail.push(b'\n');
            if tail.len() > 16 * TAIL_BYTES {
                let excess = tail.len() - TAIL_BYTES;
                tail.drain(..excess);
            }
        }
        (self.sink)(LogLine {
            stream: Arc::clone(&self.stream),
            at: now,
            message,
        });
    }
}

/// A carriage return inside a line is a line break inside one event: that is how the bootstraps write a traceback.
fn one_event(line: Bytes) -> Bytes {
    if !line.contains(&b'\r') {
        return line;
    }
    line.iter()
        .map(|&byte| if byte == b'\r' { b'\n' } else { byte })
        .collect()
}

fn lowest(level: SystemLogLevel) -> SystemLevel {
    match level {
        SystemLogLevel::Debug => SystemLevel::Debug,
        SystemLogLevel::Info => SystemLevel::Info,
        SystemLogLevel::Warn => SystemLevel::Warn,
    }
}

/// Whether a line is at or above the level. A line that is not a JSON object passes as it is; an object without a
/// level that is known counts as INFO.
fn passes(line: &[u8], lowest: ApplicationLogLevel) -> bool {
    if line.first() != Some(&b'{') {
        return true;
    }
    let Ok(serde_json::Value::Object(fields)) = serde_json::from_slice(line) else {
        return true;
    };
    let level = fields
        .get("level")
        .and_then(|level| level.as_str())
        .and_then(level_named);
    level.unwrap_or(ApplicationLogLevel::Info) >= lowest
}

fn level_named(name: &str) -> Option<ApplicationLogLevel> {
    Some(match name.to_ascii_uppercase().as_str() {
        "TRACE" => ApplicationLogLevel::Trace,
        "DEBUG" => ApplicationLogLevel::Debug,
        "INFO" => ApplicationLogLevel::Info,
        "WARN" | "WARNING" => ApplicationLogLevel::Warn,
        "ERROR" => ApplicationLogLevel::Error,
        "FATAL" | "CRITICAL" => ApplicationLogLevel::Fatal,
        _ => return None,
    })
}
