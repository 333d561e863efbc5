//! The way out: records and dead letters are handed to SQS, SNS, EventBridge and S3 by signed calls.
//!
//! ```text
//!  Delivery ─► endpoint of its service ─► call (pure) ─► signed ─► sent ─► answer (pure) ─► done, refused or away
//! ```
//!
//! An endpoint is ours or anyone's. At ours the function's execution role signs, with credentials made for the call, and
//! its policies decide; elsewhere the operator's key does.
//!
//! Deliberately absent: retries and their waits. They belong to the queue that the delivery lies in.

mod answer;
mod call;
mod http;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use ::http::Uri;
use ::http::uri::{Authority, Scheme};
use firelight_events::{Deliver, DeliverError, Delivery};
use firelight_model::FunctionArn;
use jiff::Timestamp;

use crate::sigv4::{Signer, SigningCredentials, SigningTime};

pub use self::answer::AwsError;
use self::call::ServiceCall;
pub use self::http::{ExchangeError, HttpClient, NoTls};

/// Makes credentials of a function's execution role; `None` if there is no such function any more.
pub type RoleCredentials = Arc<dyn Fn(&FunctionArn) -> Option<SigningCredentials> + Send + Sync>;

/// Where one service is found, and who signs there.
#[derive(Clone)]
pub struct ServiceEndpoint {
    pub address: EndpointAddress,
    pub signed_by: SignedBy,
}

/// Scheme, host and port of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointAddress {
    scheme: Scheme,
    authority: Authority,
}

/// The text is no `http://host` or `https://host`, with or without a port.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an endpoint is an address like http://127.0.0.1:9324 or https://sqs.eu-west-1.amazonaws.com"
)]
pub struct EndpointAddressError;

/// Whose key signs the calls to an endpoint.
#[derive(Clone)]
pub enum SignedBy {
    ExecutionRole,
    Key(SigningCredentials),
}

/// The endpoints of the services. What is for a service without one waits until there is one, or it is too old.
#[derive(Clone, Default)]
pub struct ServiceEndpoints {
    pub sqs: Option<ServiceEndpoint>,
    pub sns: Option<ServiceEndpoint>,
    pub events: Option<ServiceEndpoint>,
    pub s3: Option<ServiceEndpoint>,
}

/// Hands deliveries over to other services.
pub struct SignedDeliveries {
    endpoints: ServiceEndpoints,
    roles: RoleCredentials,
    http: HttpClient,
}

impl std::str::FromStr for EndpointAddress {
    type Err = EndpointAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let uri: Uri = text.parse().map_err(|_| EndpointAddressError)?;
        let parts = uri.into_parts();
        let bare = parts.path_and_query.is_none_or(|path| path == "/");
        match (parts.scheme, parts.authority) {
            (Some(scheme), Some(authority))
                if bare && (scheme == Scheme::HTTP || scheme == Scheme::HTTPS) =>
            {
                Ok(Self { scheme, authority })
            }
            _ => Err(EndpointAddressError),
        }
    }
}

impl std::fmt::Display for EndpointAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

impl EndpointAddress {
    fn is_encrypted(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }
}

impl ServiceEndpoints {
    fn all(&self) -> impl Iterator<Item = &ServiceEndpoint> {
        let Self {
            sqs,
            sns,
            events,
            s3,
        } = self;
        [sqs, sns, events, s3].into_iter().flatten()
    }

    fn of(&self, service: &str) -> Option<&ServiceEndpoint> {
        match service {
            "sqs" => self.sqs.as_ref(),
            "sns" => self.sns.as_ref(),
            "events" => self.events.as_ref(),
            "s3" => self.s3.as_ref(),
            _ => None,
        }
    }
}

impl SignedDeliveries {
    /// Prepares the client. It fails only where an endpoint wants TLS and this host has no root certificates.
    pub fn new(endpoints: ServiceEndpoints, roles: RoleCredentials) -> Result<Self, NoTls> {
        let encrypted = endpoints.all().any(|one| one.address.is_encrypted());
        let http = if encrypted {
            HttpClient::with_tls()?
        } else {
            HttpClient::plain()
        };
        Ok(Self {
            endpoints,
            roles,
            http,
        })
    }

    async fn send(&self, delivery: &Delivery) -> Result<(), DeliverError> {
        let service = delivery.request.service();
        let endpoint = self.endpoints.of(service).ok_or_else(|| {
            away(format!(
                "no endpoint is configured for {service}: set endpoints.{service}"
            ))
        })?;
        let credentials = self.credentials(endpoint, &delivery.function)?;
        let call = ServiceCall::of(delivery, &endpoint.address);
        let (mut head, body) = call.into_request(&endpoint.address).map_err(refused)?;
        let signer = Signer {
            credentials: &credentials,
            region: call::region(delivery),
            service,
            time: SigningTime::from_timestamp(Timestamp::now()),
        };
        signer.sign(&mut head, &body);
        let request = ::http::Request::from_parts(head, body.into());
        let answer = self
            .http
            .exchange(request)
            .await
            .map_err(|error| away(format!("{}: {error}", endpoint.address)))?;
        answer::judge(service, &answer)
    }

    fn credentials(
        &self,
        endpoint: &ServiceEndpoint,
        function: &FunctionArn,
    ) -> Result<SigningCredentials, DeliverError> {
        match &endpoint.signed_by {
            SignedBy::Key(key) => Ok(key.clone()),
            SignedBy::ExecutionRole => (self.roles)(function)
                .ok_or_else(|| refused("the function is gone, and nobody can sign for it")),
        }
    }
}

impl Deliver for SignedDeliveries {
    fn deliver<'a>(
        &'a self,
        delivery: &'a Delivery,
    ) -> Pin<Box<dyn Future<Output = Result<(), DeliverError>> + Send + 'a>> {
        Box::pin(self.send(delivery))
    }
}

fn away(reason: impl ToString) -> DeliverError {
    let reason = reason.to_string();
    DeliverError::Unavailable { reason }
}

fn refused(reason: impl ToString) -> DeliverError {
    let reason = reason.to_string();
    DeliverError::Refused { reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_scheme_a_host_and_maybe_a_port() {
        for text in [
            "http://127.0.0.1:9324",
            "https://sqs.eu-west-1.amazonaws.com",
        ] {
            assert_eq!(text.parse::<EndpointAddress>().unwrap().to_string(), text);
        }
        let slash: EndpointAddress = "http://localhost/".parse().unwrap();
        assert_eq!(slash.to_string(), "http://localhost");
    }

    #[test]
    fn other_texts_are_no_address() {
        for text in [
            "",
            "localhost:9324",
            "ftp://a",
            "http://a/queue",
            "http://a?b",
            "/",
        ] {
            assert_eq!(
                text.parse::<EndpointAddress>(),
                Err(EndpointAddressError),
                "{text}"
            );
        }
    }
}
