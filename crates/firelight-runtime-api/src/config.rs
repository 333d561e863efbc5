//! What a session must know about its function, and how much it lets the inside do.

use std::time::Duration;

/// Facts of the function version, and the bounds of its session.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    pub function_name: String,
    pub function_version: String,
    pub handler: String,
    pub account_id: String,
    pub initialization_type: InitializationType,
    /// File names in `/opt/extensions`: who registers under one of these names is an external extension.
    pub external_extensions: Vec<String>,
    /// Invocations in flight at once; 1 except for multi-concurrency environments.
    pub max_concurrency: usize,
    pub limits: Limits,
}

/// How the environment came to be, as far as the endpoints differ by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitializationType {
    OnDemand,
    ProvisionedConcurrency,
    /// The restore and credentials endpoints exist only here.
    SnapStart,
}

/// Bounds on what the inside can make the platform hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Largest buffered response, and error report.
    pub answer_bytes: usize,
    /// Largest body of the other endpoints.
    pub control_bytes: usize,
    pub head_bytes: usize,
    pub headers: usize,
    /// From the first byte of a request head to its last.
    pub head_timeout: Duration,
    pub connections: usize,
    pub extensions: usize,
    /// Parts of a streamed response held between runtime and reader.
    pub stream_parts: usize,
    /// Read and thrown away after an oversized body was refused, so that the client can read the refusal.
    pub drain_bytes: u64,
}

impl Default for Limits {
    /// AWS's numbers where AWS has one.
    fn default() -> Self {
        Self {
            answer_bytes: 6 * 1024 * 1024 + 100,
            control_bytes: 256 * 1024,
            head_bytes: 64 * 1024,
            headers: 100,
            head_timeout: Duration::from_secs(10),
            connections: 256,
            extensions: 10,
            stream_parts: 4,
            drain_bytes: 64 * 1024 * 1024,
        }
    }
}
