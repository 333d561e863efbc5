//! The payloads that the platform answers when the runtime could not: timeout, exit, out of memory, too large.
//!
//! Texts as recorded from AWS (lambda-facts §5.3). What the runtime itself reported is passed through untouched and
//! never comes here.

use std::time::Duration;

use bytes::Bytes;
use firelight_sandbox::Exit;
use serde_json::json;

/// The largest response: 6 MiB and 100 bytes.
pub(crate) const LARGEST_RESPONSE: usize = 6_291_556;

/// A failure that the platform found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlatformError {
    pub error_type: String,
    pub message: String,
}

impl PlatformError {
    pub(crate) fn timed_out(request_id: &str, after: Duration) -> Self {
        Self {
            error_type: "Sandbox.Timedout".into(),
            message: format!(
                "RequestId: {request_id} Error: Task timed out after {:.2} seconds",
                after.as_secs_f64()
            ),
        }
    }

    /// The runtime's process ended in the middle of an invocation.
    pub(crate) fn runtime_exited(request_id: &str, exit: Exit) -> Self {
        let error_type = if exit == Exit::OutOfMemory {
            "Runtime.OutOfMemory"
        } else {
            "Runtime.ExitError"
        };
        Self {
            error_type: error_type.into(),
            message: format!("RequestId: {request_id} Error: {}", exit_reason(exit)),
        }
    }

    /// The program named by the function (its `bootstrap`) cannot be executed.
    pub(crate) fn invalid_entrypoint(request_id: &str, cause: &str) -> Self {
        Self {
            error_type: "Runtime.InvalidEntrypoint".into(),
            message: format!("RequestId: {request_id} Error: {cause}"),
        }
    }

    pub(crate) fn extension(error_type: &str, request_id: &str, cause: &str) -> Self {
        Self {
            error_type: error_type.into(),
            message: format!("RequestId: {request_id} Error: {cause}"),
        }
    }

    pub(crate) fn response_too_large() -> Self {
        Self {
            error_type: "Function.ResponseSizeTooLarge".into(),
            message: format!(
                "Response payload size exceeded maximum allowed payload size ({LARGEST_RESPONSE} bytes)."
            ),
        }
    }

    pub(crate) fn truncated_response(request_id: &str) -> Self {
        Self {
            error_type: "Runtime.TruncatedResponse".into(),
            message: format!("RequestId: {request_id} Error: Response was truncated"),
        }
    }

    pub(crate) fn sandbox_failed(request_id: &str, cause: &str) -> Self {
        Self {
            error_type: "Sandbox.Failure".into(),
            message: format!("RequestId: {request_id} Error: {cause}"),
        }
    }

    pub(crate) fn payload(&self) -> Bytes {
        let body = if self.error_type == "Function.ResponseSizeTooLarge" {
            // The one recorded answer with the message first.
            json!({"errorMessage": self.message, "errorType": self.error_type})
        } else {
            json!({"errorType": self.error_type, "errorMessage": self.message})
        };
        Bytes::from(body.to_string())
    }

    /// The lines that a crash leaves in the log before `END`.
    pub(crate) fn log_text(&self) -> String {
        format!("{}\n{}", self.message, self.error_type)
    }
}

fn exit_reason(exit: Exit) -> String {
    match exit {
        Exit::Code(0) => "Runtime exited without providing a reason".into(),
        Exit::Code(code) => format!("Runtime exited with error: exit status {code}"),
        Exit::Signal(signal) => {
            format!("Runtime exited with error: signal: {}", signal_name(signal))
        }
        Exit::OutOfMemory => "Runtime exited with error: signal: killed".into(),
        Exit::SandboxLost => "Runtime exited with error: sandbox lost".into(),
    }
}

/// The names Go gives to signals, because AWS's supervisor is written in Go.
fn signal_name(signal: i32) -> String {
    let name = match signal {
        1 => "hangup",
        2 => "interrupt",
        3 => "quit",
        4 => "illegal instruction",
        5 => "trace/breakpoint trap",
        6 => "aborted",
        7 => "bus error",
        8 => "floating point exception",
        9 => "killed",
        10 => "user defined signal 1",
        11 => "segmentation fault",
        12 => "user defined signal 2",
        13 => "broken pipe",
        14 => "alarm clock",
        15 => "terminated",
        31 => "bad system call",
        other => return format!("signal {other}"),
    };
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(error: &PlatformError) -> String {
        String::from_utf8(error.payload().to_vec()).unwrap()
    }

    #[test]
    fn timeout_reads_as_recorded_in_2025() {
        let error = PlatformError::timed_out("r1", Duration::from_secs(1));

        assert_eq!(
            text(&error),
            r#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: r1 Error: Task timed out after 1.00 seconds"}"#
        );
    }

    #[test]
    fn exit_names_status_or_signal() {
        let message = |exit| PlatformError::runtime_exited("r1", exit).message;

        assert_eq!(
            message(Exit::Code(0)),
            "RequestId: r1 Error: Runtime exited without providing a reason"
        );
        assert_eq!(
            message(Exit::Code(127)),
            "RequestId: r1 Error: Runtime exited with error: exit status 127"
        );
        assert_eq!(
            message(Exit::Signal(11)),
            "RequestId: r1 Error: Runtime exited with error: signal: segmentation fault"
        );
    }

    #[test]
    fn out_of_memory_has_its_own_type_and_the_text_of_a_kill() {
        let error = PlatformError::runtime_exited("r1", Exit::OutOfMemory);

        assert_eq!(error.error_type, "Runtime.OutOfMemory");
        assert_eq!(
            error.message,
            "RequestId: r1 Error: Runtime exited with error: signal: killed"
        );
    }

    #[test]
    fn too_large_response_reads_as_recorded() {
        assert_eq!(
            text(&PlatformError::response_too_large()),
            r#"{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}"#
        );
    }
}
