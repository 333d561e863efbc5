//! Where spans of invocations go.

use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use super::layers::{Source, Sourced};
use super::resolve::invalid;
use super::{ConfigError, Layers};

const ENDPOINT: &str = "traces.endpoint";
const HEADERS: &str = "traces.headers";

/// A collector that speaks OTLP over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracesConfig {
    /// With the path for traces.
    pub endpoint: Uri,
    /// Sent with every message; often a secret.
    pub headers: HeaderMap,
    /// `service.name` of the spans.
    pub service: String,
}

impl TracesConfig {
    /// Reads where spans go; `None` where nobody collects them.
    pub(super) fn resolve(layers: &Layers) -> Result<Option<Self>, ConfigError> {
        Self::resolve_for(layers, cfg!(feature = "otel"))
    }

    /// The same for a build that can export them, or cannot.
    fn resolve_for(layers: &Layers, can_export: bool) -> Result<Option<Self>, ConfigError> {
        let set = |key| layers.get(key).filter(|sourced| !sourced.value.is_empty());
        let Some(endpoint) = set(ENDPOINT) else {
            return Ok(None);
        };
        if !can_export {
            // What is meant for other programs too is no mistake.
            return match &endpoint.source {
                Source::Variable(name) if name.starts_with("OTEL_") => Ok(None),
                _ => Err(ConfigError::NotBuilt { key: ENDPOINT }),
            };
        }
        let service = layers.get("traces.service");
        Ok(Some(Self {
            endpoint: endpoint_of(endpoint)?,
            headers: set(HEADERS).map_or_else(|| Ok(HeaderMap::new()), headers_of)?,
            service: service.map_or_else(String::new, |sourced| sourced.value.clone()),
        }))
    }
}

/// The base address and `/v1/traces`, as OpenTelemetry's exporters put them together.
fn endpoint_of(sourced: &Sourced) -> Result<Uri, ConfigError> {
    let whole = format!("{}/v1/traces", sourced.value.trim_end_matches('/'));
    let uri = whole.parse::<Uri>().ok().filter(|uri| {
        let scheme = uri.scheme_str();
        uri.authority().is_some() && matches!(scheme, Some("http" | "https"))
    });
    let expected = "the base address of a collector, like http://127.0.0.1:4318";
    uri.ok_or_else(|| invalid(ENDPOINT, sourced, expected))
}

/// `name=value,name=value`, with values percent-encoded where they need it.
fn headers_of(sourced: &Sourced) -> Result<HeaderMap, ConfigError> {
    let header = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        let value = percent_encoding::percent_decode_str(value.trim()).decode_utf8();
        let name = HeaderName::try_from(name.trim()).ok()?;
        Some((name, HeaderValue::try_from(value.ok()?.as_ref()).ok()?))
    };
    let pairs = sourced
        .value
        .split(',')
        .filter(|pair| !pair.trim().is_empty());
    let headers: Option<HeaderMap> = pairs.map(header).collect();
    headers.ok_or_else(|| invalid(HEADERS, sourced, "pairs like name=value,other=value"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn resolve(variables: &[(&str, &str)]) -> Result<Option<TracesConfig>, ConfigError> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let variables: BTreeMap<_, _> = variables.iter().map(owned).collect();
        let layers = Layers::read(None, variables, Vec::new()).unwrap();
        TracesConfig::resolve_for(&layers, true)
    }

    #[test]
    fn build_that_cannot_export_refuses_the_setting_and_ignores_what_is_meant_for_others() {
        let resolve = |variable: &str| {
            let variables = [(variable.to_owned(), "http://c:4318".to_owned())];
            let layers = Layers::read(None, variables.into(), Vec::new()).unwrap();
            TracesConfig::resolve_for(&layers, false)
        };

        let refused = resolve("FIRELIGHT_TRACES_ENDPOINT");
        assert!(matches!(refused, Err(ConfigError::NotBuilt { .. })));
        assert_eq!(resolve("OTEL_EXPORTER_OTLP_ENDPOINT").unwrap(), None);
    }

    #[test]
    fn nobody_collects_unless_it_is_said() {
        assert_eq!(resolve(&[]).unwrap(), None);
    }

    #[test]
    fn variables_of_opentelemetry_are_understood() {
        let traces = resolve(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/otlp/"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b, x=y"),
            ("OTEL_SERVICE_NAME", "lambda"),
        ]);

        let traces = traces.unwrap().unwrap();
        assert_eq!(traces.endpoint, "http://collector:4318/otlp/v1/traces");
        assert_eq!(traces.headers["api-key"], "a b");
        assert_eq!(traces.headers["x"], "y");
        assert_eq!(traces.service, "lambda");
    }

    #[test]
    fn own_setting_goes_before_that_of_others() {
        let traces = resolve(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://theirs:4318"),
            ("FIRELIGHT_TRACES_ENDPOINT", "http://ours:4318"),
        ]);

        assert_eq!(
            traces.unwrap().unwrap().endpoint,
            "http://ours:4318/v1/traces"
        );
    }

    #[test]
    fn what_is_no_address_or_no_header_is_refused() {
        for (name, value) in [
            ("FIRELIGHT_TRACES_ENDPOINT", "collector:4318"),
            ("FIRELIGHT_TRACES_ENDPOINT", "grpc://collector:4317"),
        ] {
            assert!(resolve(&[(name, value)]).is_err(), "{value}");
        }
        let endpoint = ("FIRELIGHT_TRACES_ENDPOINT", "http://c:4318");
        for headers in ["novalue", "bad name=x"] {
            assert!(resolve(&[endpoint, ("FIRELIGHT_TRACES_HEADERS", headers)]).is_err());
        }
    }
}
