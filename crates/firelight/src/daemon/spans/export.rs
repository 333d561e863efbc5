//! Export to a collector of OpenTelemetry.

use std::sync::Arc;

use bytes::Bytes;
use firelight_api::deliver::{HttpClient, NoTls};
use firelight_invoke::SpanSink;
use firelight_otlp::{Exporter, Post, PostError, Service};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::Full;

use crate::config::TracesConfig;
use crate::daemon::admin::SpanTotals;
use crate::daemon::outside;

const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");

/// The export of spans, if there is one.
pub struct Spans(Option<Exporter>);

impl Spans {
    /// Starts to export, where there is a collector.
    pub fn start(config: Option<&TracesConfig>) -> Result<Self, NoTls> {
        let Some(config) = config else {
            return Ok(Self(None));
        };
        let http = HttpClient::for_scheme(config.endpoint.scheme())?;
        let service = Service {
            name: config.service.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            instance: uuid(),
        };
        tracing::info!(endpoint = %config.endpoint, "spans of sampled invocations are exported");
        let exporter = Exporter::start(
            service,
            post(http, config.clone()),
            outside::unix_nanos,
            rand::random,
        );
        Ok(Self(Some(exporter)))
    }

    /// Where the data plane leaves its spans.
    pub fn sink(&self) -> Option<SpanSink> {
        self.0.as_ref().map(Exporter::sink)
    }

    /// How to read what became of them.
    pub fn totals(&self) -> Option<SpanTotals> {
        let totals = self.0.as_ref()?.totals();
        Some(Arc::new(move || {
            let totals = totals();
            (totals.exported, totals.dropped)
        }))
    }

    /// Sends what waits, and ends.
    pub async fn close(self) {
        if let Some(exporter) = self.0 {
            exporter.close().await;
        }
    }
}

fn uuid() -> String {
    format!("{:032x}", u128::from_be_bytes(outside::random()))
}

fn post(http: HttpClient, config: TracesConfig) -> Post {
    let config = Arc::new(config);
    Arc::new(move |body| {
        let (http, config) = (http.clone(), Arc::clone(&config));
        Box::pin(async move {
            let answer = http.exchange(request(&config, body)).await;
            let answer = answer.map_err(|error| PostError::Away(error.to_string()))?;
            judge(answer.status())
        })
    })
}

fn request(config: &TracesConfig, body: Bytes) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = config.endpoint.clone();
    *request.headers_mut() = config.headers.clone();
    request.headers_mut().insert(CONTENT_TYPE, PROTOBUF);
    request
}

/// OTLP names the answers after which a message may be sent again.
fn judge(status: StatusCode) -> Result<(), PostError> {
    let text = format!("it answered {status}");
    match status.as_u16() {
        200..=299 => Ok(()),
        429 | 502..=504 => Err(PostError::Away(text)),
        _ => Err(PostError::Refused(text)),
    }
}
