//! Which endpoint a path names.

use http::Method;

use crate::telemetry::TelemetryApi;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Ping,
    Next,
    Response(String),
    Error(String),
    InitError,
    RestoreNext,
    RestoreError,
    Credentials,
    Register,
    ExtensionNext,
    ExtensionInitError,
    ExtensionExitError,
    Subscribe(TelemetryApi),
}

impl Route {
    pub(super) fn of(path: &str) -> Option<Self> {
        let (version, rest) = path.strip_prefix('/')?.split_once('/')?;
        match version {
            "2018-06-01" => Self::of_runtime(rest),
            "2020-01-01" => Self::of_extension(rest),
            "2022-07-01" if rest == "telemetry" => Some(Self::Subscribe(TelemetryApi::Telemetry)),
            "2020-08-15" if rest == "logs" => Some(Self::Subscribe(TelemetryApi::Logs)),
            "2021-04-23" if rest == "credentials" => Some(Self::Credentials),
            _ => None,
        }
    }

    fn of_runtime(rest: &str) -> Option<Self> {
        match rest {
            "runtime/invocation/next" => Some(Self::Next),
            "runtime/init/error" => Some(Self::InitError),
            "runtime/restore/next" => Some(Self::RestoreNext),
            "runtime/restore/error" => Some(Self::RestoreError),
            "ping" => Some(Self::Ping),
            _ => Self::of_invocation(rest.strip_prefix("runtime/invocation/")?),
        }
    }

    fn of_invocation(rest: &str) -> Option<Self> {
        match rest.split_once('/')? {
            ("", _) => None,
            (id, "response") => Some(Self::Response(id.to_owned())),
            (id, "error") => Some(Self::Error(id.to_owned())),
            _ => None,
        }
    }

    fn of_extension(rest: &str) -> Option<Self> {
        match rest {
            "extension/register" => Some(Self::Register),
            "extension/event/next" => Some(Self::ExtensionNext),
            "extension/init/error" => Some(Self::ExtensionInitError),
            "extension/exit/error" => Some(Self::ExtensionExitError),
            _ => None,
        }
    }

    pub(super) fn method(&self) -> Method {
        match self {
            Self::Ping
            | Self::Next
            | Self::RestoreNext
            | Self::Credentials
            | Self::ExtensionNext => Method::GET,
            Self::Subscribe(_) => Method::PUT,
            _ => Method::POST,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_their_endpoint_only_under_the_right_version() {
        assert_eq!(
            Route::of("/2018-06-01/runtime/invocation/next"),
            Some(Route::Next)
        );
        assert_eq!(
            Route::of("/2018-06-01/runtime/invocation/a-b/response"),
            Some(Route::Response("a-b".to_owned()))
        );
        assert_eq!(Route::of("/2018-06-01/runtime/invocation//response"), None);
        assert_eq!(
            Route::of("/2018-06-01/runtime/invocation/a/b/response"),
            None
        );
        assert_eq!(Route::of("/2018-06-02/runtime/invocation/next"), None);
        assert_eq!(Route::of("/2020-08-15/telemetry"), None);
        assert_eq!(Route::of("*"), None);
    }
}
