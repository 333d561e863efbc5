//! The HTTP client of deliveries, and of whatever else the daemon sends: plain, or with TLS where an endpoint wants it.

use std::time::Duration;

use ::http::uri::Scheme;
use ::http::{Request, Response};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// The longest a call may take, from connecting to the end of the answer.
const LONGEST_CALL: Duration = Duration::from_secs(30);
const LONGEST_CONNECT: Duration = Duration::from_secs(5);
/// No service answers with more.
const LARGEST_ANSWER: usize = 256 * 1024;

/// Cheap to clone: all clones share their connections.
#[derive(Clone)]
pub enum HttpClient {
    Plain(Client<HttpConnector, Full<Bytes>>),
    #[cfg(feature = "tls")]
    Tls(Client<hyper_rustls::HttpsConnector<HttpConnector>, Full<Bytes>>),
}

/// An endpoint wants TLS, and there is none.
#[derive(Debug, thiserror::Error)]
pub enum NoTls {
    #[error("this build of Firelight has no TLS, so endpoints must begin with http://")]
    NotBuilt,
    #[error("could not read the root certificates of this host")]
    NoRoots(#[source] std::io::Error),
}

/// A call got no answer.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    #[error("no answer within {LONGEST_CALL:?}")]
    TooSlow,
    #[error("{}", chain(.0))]
    Unreachable(hyper_util::client::legacy::Error),
    #[error("the answer broke off: {0}")]
    BrokenOff(Box<dyn std::error::Error + Send + Sync>),
}

impl HttpClient {
    /// Makes a client for addresses of a scheme.
    pub fn for_scheme(scheme: Option<&Scheme>) -> Result<Self, NoTls> {
        match scheme {
            Some(scheme) if *scheme == Scheme::HTTPS => Self::with_tls(),
            _ => Ok(Self::plain()),
        }
    }

    pub fn plain() -> Self {
        Self::Plain(Client::builder(TokioExecutor::new()).build(connector()))
    }

    #[cfg(feature = "tls")]
    pub fn with_tls() -> Result<Self, NoTls> {
        let mut connector = connector();
        connector.enforce_http(false);
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_native_roots()
            .map_err(NoTls::NoRoots)?
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        Ok(Self::Tls(
            Client::builder(TokioExecutor::new()).build(connector),
        ))
    }

    #[cfg(not(feature = "tls"))]
    pub fn with_tls() -> Result<Self, NoTls> {
        Err(NoTls::NotBuilt)
    }

    /// Sends a request and reads the whole answer.
    pub async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Bytes>, ExchangeError> {
        let answer = async {
            let answer = match self {
                Self::Plain(client) => client.request(request).await,
                #[cfg(feature = "tls")]
                Self::Tls(client) => client.request(request).await,
            };
            let (head, body) = answer.map_err(ExchangeError::Unreachable)?.into_parts();
            let body = Limited::new(body, LARGEST_ANSWER).collect().await;
            let body = body.map_err(ExchangeError::BrokenOff)?.to_bytes();
            Ok(Response::from_parts(head, body))
        };
        tokio::time::timeout(LONGEST_CALL, answer)
            .await
            .map_err(|_| ExchangeError::TooSlow)?
    }
}

fn connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(LONGEST_CONNECT));
    connector
}

/// The error and what is behind it: the first text alone says only that a request failed.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
