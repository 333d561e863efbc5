//! The HTTP client of the commands: signed calls over the public AWS API, and a few admin calls.
//!
//! Commands use nothing that any other client could not use too: what they can do, `curl` can do.
//!
//! Deliberately absent: TLS. The commands talk to a daemon on this machine or through a tunnel.

mod credentials;
mod iam;
mod lambda;
mod logs;

use std::time::Duration;

use bytes::Bytes;
use firelight_api::deliver::AwsError;
use firelight_api::sigv4::{Signer, SigningCredentials, SigningTime};
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::config::ClientConfig;
use crate::failure::{Exit, Failure};

pub use credentials::{CredentialsError, credentials};
pub use lambda::{Invocation, InvokeRequest};
pub use logs::{LogEvent, LogQuery};

/// The longest a call may take: a function's own limit, and room for its cold start.
const LONGEST_CALL: Duration = Duration::from_secs(900 + 60);

/// One request before it is signed.
#[derive(Debug)]
pub struct Call<'a> {
    /// The signing name of the service.
    pub service: &'a str,
    pub method: Method,
    /// Path and query, percent-encoded.
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl<'a> Call<'a> {
    pub fn new(service: &'a str, method: Method, path: impl Into<String>) -> Self {
        let (headers, body) = (HeaderMap::new(), Bytes::new());
        Self {
            service,
            method,
            path: path.into(),
            headers,
            body,
        }
    }

    pub fn with_json(mut self, body: &Value) -> Self {
        self.body = body.to_string().into();
        self.with_header(CONTENT_TYPE, "application/json")
    }

    /// Adds a header whose value is known to be legal.
    pub fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        let value = value
            .parse()
            .expect("header values made here are plain text");
        self.headers.insert(name, value);
        self
    }
}

/// A call did not give the answer it was made for.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("nothing answers at {endpoint}")]
    Unreachable {
        endpoint: String,
        #[source]
        source: hyper_util::client::legacy::Error,
    },
    #[error("{endpoint} did not answer within {limit:?}")]
    TooSlow { endpoint: String, limit: Duration },
    #[error("the connection broke while the answer was read")]
    Broken(#[source] hyper::Error),
    #[error("{code}: {message}")]
    Refused {
        status: StatusCode,
        code: String,
        message: String,
    },
    #[error("the answer is not what this call returns: {reason}")]
    Unexpected { reason: String },
}

impl CallError {
    /// Tells whether the thing that was named does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                status: StatusCode::NOT_FOUND,
                ..
            }
        ) || matches!(self, Self::Refused { code, .. } if code == "ResourceNotFoundException")
    }

    /// Clients are not told what went wrong inside; whoever runs the daemon is.
    fn is_fault_of_the_daemon(&self) -> bool {
        matches!(self, Self::Refused { status, .. } if status.is_server_error())
    }

    /// Turns the error into the end of a command.
    pub fn while_doing(self, what: impl Into<String>) -> Failure {
        let failure = Failure::because(self.exit(), what, &self);
        match self.remedy() {
            Some(remedy) => failure.with_remedy(remedy),
            None => failure,
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Unreachable { .. } | Self::TooSlow { .. } => Exit::Unreachable,
            Self::Refused {
                status: StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED,
                ..
            } => Exit::Denied,
            _ if self.is_not_found() => Exit::NotFound,
            _ => Exit::Failure,
        }
    }

    fn remedy(&self) -> Option<&'static str> {
        match self.exit() {
            Exit::Unreachable => Some(
                "start `firelight dev` in another terminal, or name a running one with --endpoint",
            ),
            Exit::Denied => Some(
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name the daemon's own \
                 --data-dir, whose root key is then used",
            ),
            Exit::NotFound => Some("`firelight ls` shows what is deployed"),
            _ if self.is_fault_of_the_daemon() => {
                Some("what the daemon writes to its standard error says why")
            }
            _ => None,
        }
    }
}

/// A client of one daemon. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    http: HttpClient<HttpConnector, Full<Bytes>>,
    endpoint: String,
    region: String,
    credentials: SigningCredentials,
}

impl Client {
    pub fn new(config: &ClientConfig) -> Result<Self, CredentialsError> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(Duration::from_secs(5)));
        Ok(Self {
            http: HttpClient::builder(TokioExecutor::new()).build(connector),
            endpoint: config.endpoint.clone(),
            region: config.region.to_string(),
            credentials: credentials(&config.data_dir)?,
        })
    }

    /// Sends a signed request and returns an answer that is not an error.
    pub async fn send(&self, call: Call<'_>) -> Result<Response<Bytes>, CallError> {
        let request = self.signed(call)?;
        let answer = tokio::time::timeout(LONGEST_CALL, self.exchange(request)).await;
        let answer = answer.map_err(|_| self.too_slow())??;
        if answer.status().is_success() {
            Ok(answer)
        } else {
            Err(refusal(&answer))
        }
    }

    /// Sends a signed request whose answer is a JSON document.
    pub async fn send_for_json(&self, call: Call<'_>) -> Result<Value, CallError> {
        let answer = self.send(call).await?;
        serde_json::from_slice(answer.body()).map_err(|error| CallError::Unexpected {
            reason: error.to_string(),
        })
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, CallError> {
        let answer = self
            .http
            .request(request)
            .await
            .map_err(|source| CallError::Unreachable {
                endpoint: self.endpoint.clone(),
                source,
            })?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.map_err(CallError::Broken)?.to_bytes();
        Ok(Response::from_parts(parts, body))
    }

    fn signed(&self, call: Call<'_>) -> Result<Request<Full<Bytes>>, CallError> {
        let uri: Uri = format!("{}{}", self.endpoint, call.path)
            .parse()
            .map_err(|error| CallError::Unexpected {
                reason: format!("{error}"),
            })?;
        let mut request = Request::new(());
        *request.method_mut() = call.method;
        *request.uri_mut() = uri;
        *request.headers_mut() = call.headers;
        let (mut parts, ()) = request.into_parts();
        let signer = Signer {
            credentials: &self.credentials,
            region: &self.region,
            service: call.service,
            time: SigningTime::from_timestamp(jiff::Timestamp::now()),
        };
        signer.sign(&mut parts, &call.body);
        Ok(Request::from_parts(parts, Full::new(call.body)))
    }

    fn too_slow(&self) -> CallError {
        CallError::TooSlow {
            endpoint: self.endpoint.clone(),
            limit: LONGEST_CALL,
        }
    }
}

fn refusal(answer: &Response<Bytes>) -> CallError {
    let AwsError { code, message } = AwsError::read(answer);
    CallError::Refused {
        status: answer.status(),
        code,
        message,
    }
}

/// Encodes a path label or a query value.
pub fn encode(text: &str) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const LABEL: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'~');
    utf8_percent_encode(text, LABEL).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, error_type: Option<&str>, body: &str) -> Response<Bytes> {
        let mut builder = Response::builder().status(status);
        if let Some(error_type) = error_type {
            builder = builder.header("x-amzn-ErrorType", error_type);
        }
        builder.body(Bytes::from(body.to_owned())).unwrap()
    }

    #[test]
    fn the_code_comes_from_the_header_or_the_body_and_the_message_from_either_case() {
        let lambda = answer(
            404,
            Some("ResourceNotFoundException"),
            r#"{"Message":"gone"}"#,
        );
        let logs = answer(
            400,
            None,
            r#"{"__type":"ns#ResourceNotFoundException","message":"no"}"#,
        );

        assert_eq!(
            refusal(&lambda).to_string(),
            "ResourceNotFoundException: gone"
        );
        assert_eq!(refusal(&logs).to_string(), "ResourceNotFoundException: no");
        assert!(refusal(&lambda).is_not_found() && refusal(&logs).is_not_found());
    }

    #[test]
    fn an_answer_that_is_no_aws_error_is_shown_as_it_is() {
        let error = refusal(&answer(502, None, "bad gateway"));

        assert_eq!(error.to_string(), "502 Bad Gateway: bad gateway");
    }

    #[test]
    fn fault_of_the_daemon_points_to_what_it_writes() {
        let remedy = |status| refusal(&answer(status, Some("ServiceException"), "{}")).remedy();

        assert!(remedy(500).unwrap().contains("standard error"));
        assert_eq!(remedy(400), None);
    }

    #[test]
    fn each_kind_of_error_has_its_exit_code() {
        let exit = |status, code| refusal(&answer(status, Some(code), "{}")).exit();

        assert_eq!(exit(403, "AccessDeniedException"), Exit::Denied);
        assert_eq!(exit(404, "ResourceNotFoundException"), Exit::NotFound);
        assert_eq!(exit(500, "ServiceException"), Exit::Failure);
    }
}
