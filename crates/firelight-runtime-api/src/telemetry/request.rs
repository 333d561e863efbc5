//! What a subscriber asks for: parsed and checked, nothing else.

use std::time::Duration;

use serde::Deserialize;

use super::{Category, TelemetryApi};

/// A valid subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SubscriptionRequest {
    pub(crate) categories: Vec<Category>,
    pub(crate) destination: Destination,
    pub(crate) buffering: Buffering,
}

/// Where the records go, inside the sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    Http {
        port: u16,
        host: String,
        path: String,
    },
    Tcp {
        port: u16,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Buffering {
    pub(crate) max_items: usize,
    pub(crate) max_bytes: usize,
    pub(crate) timeout: Duration,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SubscriptionError {
    #[error("{0}")]
    Json(String),
    #[error("schemaVersion is not supported: {0}")]
    SchemaVersion(String),
    #[error("types must name at least one of platform, function, extension")]
    Types,
    #[error("{name} must be between {min} and {max}, not {value}")]
    Range {
        name: &'static str,
        min: u64,
        max: u64,
        value: u64,
    },
    #[error("protocol must be HTTP or TCP, not {0}")]
    Protocol(String),
    #[error("destination port should be between 1 and 65535")]
    Port,
    #[error("destination URI is not valid: {0}")]
    Uri(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    schema_version: Option<String>,
    types: Vec<String>,
    destination: RawDestination,
    #[serde(default)]
    buffering: RawBuffering,
}

#[derive(Deserialize)]
struct RawDestination {
    protocol: String,
    #[serde(rename = "URI")]
    uri: Option<String>,
    port: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawBuffering {
    max_items: Option<u64>,
    max_bytes: Option<u64>,
    timeout_ms: Option<u64>,
}

const TELEMETRY_SCHEMAS: [&str; 3] = ["2022-07-01", "2022-12-13", "2025-01-29"];
const LOGS_SCHEMAS: [&str; 2] = ["2020-08-15", "2021-03-18"];

impl SubscriptionRequest {
    pub(crate) fn parse(api: TelemetryApi, body: &[u8]) -> Result<Self, SubscriptionError> {
        let raw: Raw = serde_json::from_slice(body)
            .map_err(|error| SubscriptionError::Json(error.to_string()))?;
        check_schema(api, raw.schema_version.as_deref())?;
        Ok(Self {
            categories: categories(&raw.types)?,
            destination: destination(&raw.destination)?,
            buffering: buffering(&raw.buffering)?,
        })
    }
}

fn check_schema(api: TelemetryApi, version: Option<&str>) -> Result<(), SubscriptionError> {
    let known: &[&str] = match api {
        TelemetryApi::Telemetry => &TELEMETRY_SCHEMAS,
        TelemetryApi::Logs => &LOGS_SCHEMAS,
    };
    match version {
        // Only the older API lets it be absent.
        None if api == TelemetryApi::Logs => Ok(()),
        Some(version) if known.contains(&version) => Ok(()),
        other => Err(SubscriptionError::SchemaVersion(
            other.unwrap_or("none").to_owned(),
        )),
    }
}

fn categories(types: &[String]) -> Result<Vec<Category>, SubscriptionError> {
    let mut categories = Vec::new();
    for name in types {
        let category = [Category::Platform, Category::Function, Category::Extension]
            .into_iter()
            .find(|category| category.as_str() == name)
            .ok_or(SubscriptionError::Types)?;
        if !categories.contains(&category) {
            categories.push(category);
        }
    }
    if categories.is_empty() {
        Err(SubscriptionError::Types)
    } else {
        Ok(categories)
    }
}

fn destination(raw: &RawDestination) -> Result<Destination, SubscriptionError> {
    match raw.protocol.as_str() {
        "HTTP" => http_destination(raw.uri.as_deref().unwrap_or_default()),
        "TCP" => {
            let port = raw
                .port
                .and_then(|port| u16::try_from(port).ok())
                .filter(|port| *port > 0);
            Ok(Destination::Tcp {
                port: port.ok_or(SubscriptionError::Port)?,
            })
        }
        other => Err(SubscriptionError::Protocol(other.to_owned())),
    }
}

/// Only the sandbox itself can be a destination.
fn http_destination(raw: &str) -> Result<Destination, SubscriptionError> {
    let invalid = || SubscriptionError::Uri(raw.to_owned());
    let uri: http::Uri = raw.parse().map_err(|_| invalid())?;
    let host = uri.host().unwrap_or_default();
    let is_ours = matches!(host, "sandbox.localdomain" | "sandbox");
    if uri.scheme_str() != Some("http") || !is_ours {
        return Err(invalid());
    }
    let port = uri.port_u16().unwrap_or(80);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    Ok(Destination::Http {
        port,
        host: format!("{host}:{port}"),
        path: path.to_owned(),
    })
}

fn buffering(raw: &RawBuffering) -> Result<Buffering, SubscriptionError> {
    let max_items = in_range("maxItems", raw.max_items, 1_000, 10_000, 10_000)?;
    let max_bytes = in_range("maxBytes", raw.max_bytes, 262_144, 1_048_576, 262_144)?;
    let timeout_ms = in_range("timeoutMs", raw.timeout_ms, 25, 30_000, 1_000)?;
    Ok(Buffering {
        max_items: usize::try_from(max_items).unwrap_or(usize::MAX),
        max_bytes: usize::try_from(max_bytes).unwrap_or(usize::MAX),
        timeout: Duration::from_millis(timeout_ms),
    })
}

fn in_range(
    name: &'static str,
    value: Option<u64>,
    min: u64,
    max: u64,
    default: u64,
) -> Result<u64, SubscriptionError> {
    match value {
        None => Ok(default),
        Some(value) if (min..=max).contains(&value) => Ok(value),
        Some(value) => Err(SubscriptionError::Range {
            name,
            min,
            max,
            value,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> Result<SubscriptionRequest, SubscriptionError> {
        SubscriptionRequest::parse(TelemetryApi::Telemetry, body.as_bytes())
    }

    #[test]
    fn subscription_without_buffering_gets_the_defaults() {
        let request = parse(
            r#"{"schemaVersion":"2022-12-13","types":["function","platform"],
                "destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:8080/x?y"}}"#,
        )
        .unwrap();

        assert_eq!(request.categories, [Category::Function, Category::Platform]);
        assert_eq!(
            request.destination,
            Destination::Http {
                port: 8080,
                host: "sandbox.localdomain:8080".to_owned(),
                path: "/x?y".to_owned()
            }
        );
        assert_eq!(request.buffering.max_items, 10_000);
        assert_eq!(request.buffering.timeout, Duration::from_secs(1));
    }

    #[test]
    fn destination_outside_the_sandbox_is_refused() {
        let refused = parse(
            r#"{"schemaVersion":"2022-12-13","types":["function"],
                "destination":{"protocol":"HTTP","URI":"http://10.0.0.1:8080/"}}"#,
        );

        assert_eq!(
            refused,
            Err(SubscriptionError::Uri("http://10.0.0.1:8080/".to_owned()))
        );
    }

    #[test]
    fn buffering_out_of_range_is_refused_with_the_range() {
        let refused = parse(
            r#"{"schemaVersion":"2022-12-13","types":["function"],"buffering":{"timeoutMs":24},
                "destination":{"protocol":"TCP","port":9999}}"#,
        );

        let expected = SubscriptionError::Range {
            name: "timeoutMs",
            min: 25,
            max: 30_000,
            value: 24,
        };
        assert_eq!(refused, Err(expected));
    }

    #[test]
    fn empty_or_unknown_types_are_refused() {
        for types in ["[]", r#"["everything"]"#] {
            let body = format!(
                r#"{{"schemaVersion":"2022-12-13","types":{types},
                     "destination":{{"protocol":"TCP","port":9999}}}}"#
            );
            assert_eq!(parse(&body), Err(SubscriptionError::Types));
        }
    }
}
