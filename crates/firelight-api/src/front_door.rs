//! The front door: one request from its head to the answer of its handler.
//!
//! ```text
//!  request ──► service ──► caller ──► handler of the service ──► answer in the service's protocol
//! ```
//!
//! It holds no state of its own: the services it opens to are handed to it.

use std::future::Future;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use firelight_control::iam::Iam;
use firelight_control::logs::Logs;
use firelight_control::ssm::Ssm;
use firelight_control::sts::{CredentialBook, Sts};
use firelight_control::usage::Books;
use firelight_model::{AccountId, Region, RequestId};
use futures_util::FutureExt;
use http::request::Parts;
use http::{Request, StatusCode};
use hyper::body::Incoming;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::arrival::Arrival;
use crate::authentication::{self, Authentication, AuthenticationError};
use crate::authorization::{
    Authorizer, Occasion, iam_permission, lambda_permissions, logs_permissions, ssm_permissions,
    sts_permission,
};
use crate::body::{ReadBodyError, RequestBody, Response};
use crate::body_budget::BodyBudget;
use crate::browser::Page;
use crate::context::RequestContext;
use crate::error::ApiError;
use crate::function_url::{self, FunctionUrls, Gate, UrlDomain, Visit};
use crate::head::{add_host, base_url, check_host, sending};
use crate::lambda::Handled;
use crate::memo::Memo;
use crate::protocol::Protocol;
use crate::protocol::query::Form;
use crate::service::{Service, target};
use crate::sigv4::Claim;
use crate::{admin, iam, lambda, logs, s3, ssm, sts};

mod to_s3;

/// What services other than Lambda and S3 take in one request.
const SMALL_BODY: usize = 4 * 1024 * 1024;

/// How the front door behaves.
#[derive(Clone, Debug)]
pub struct FrontDoorConfig {
    pub authentication: Authentication,
    /// The account of requests that name none.
    pub account: AccountId,
    /// The region of requests that name none.
    pub region: Region,
}

/// What stands behind the front door.
#[derive(Clone)]
pub struct Services {
    pub credentials: CredentialBook,
    pub iam: Iam,
    pub sts: Sts,
    pub logs: Logs,
    pub ssm: Ssm,
    pub s3: firelight_s3::Endpoint,
    pub books: Books,
    pub lambda: lambda::Lambda,
}

/// Everything a request can reach. Cheap to clone.
#[derive(Clone)]
pub struct FrontDoor {
    config: Arc<FrontDoorConfig>,
    pub(crate) lambda: lambda::Lambda,
    services: Arc<Services>,
    function_urls: Arc<FunctionUrls>,
    bodies: BodyBudget,
}

impl FrontDoor {
    pub fn new(config: FrontDoorConfig, services: Services) -> Self {
        let lambda = services.lambda.clone();
        let function_urls = Arc::new(function_urls(UrlDomain::default(), &services));
        Self {
            config: Arc::new(config),
            lambda,
            services: Arc::new(services),
            function_urls,
            bodies: BodyBudget::default(),
        }
    }

    /// Gives the bodies of all requests another amount of memory than the usual one.
    #[must_use]
    pub fn with_body_budget(mut self, bodies: BodyBudget) -> Self {
        self.bodies = bodies;
        self
    }

    /// Puts the function URLs under a domain other than the usual one.
    #[must_use]
    pub fn with_url_domain(mut self, domain: UrlDomain) -> Self {
        self.function_urls = Arc::new(function_urls(domain, &self.services));
        self
    }

    /// Returns the domain that function URLs stand under.
    pub(crate) fn url_domain(&self) -> &UrlDomain {
        &self.function_urls.domain
    }

    /// Answers a request; whatever goes wrong, there is an answer. The head is read at once: what waits holds none of it.
    pub fn answer(
        self: &Arc<Self>,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> impl Future<Output = Response> + Send + use<> {
        let (arrival, memo) = self.receive(request, peer);
        let door = Arc::clone(self);
        async move {
            let handled = AssertUnwindSafe(door.pass_on(arrival)).catch_unwind().await;
            let response = match handled {
                Ok(Ok(response)) => response,
                Ok(Err(error)) => error.into_response(memo.protocol, memo.request_id),
                Err(_) => memo.panicked(),
            };
            memo.finish(response)
        }
    }

    /// Reads a head, and notes what its answer needs: the head itself is not to wait for it.
    fn receive(&self, request: Request<Incoming>, peer: SocketAddr) -> (Box<Arrival>, Box<Memo>) {
        let request_id = RequestId::from_random(rand::random());
        let (mut parts, body) = request.into_parts();
        add_host(&mut parts);
        let claim = Claim::read(&parts);
        let scope = claim
            .as_ref()
            .ok()
            .and_then(Option::as_ref)
            .map(|claim| &claim.scope);
        let url = function_url::matches(&parts, &self.function_urls.domain);
        let (service, page) = match url {
            Some(_) => (Service::Lambda, None),
            None => (
                Service::of(&parts, scope),
                Page::behind(&parts, self.config.authentication),
            ),
        };
        let visitor = match service {
            Service::S3 => s3::Visitor::behind(&parts, page.clone()),
            _ => None,
        };
        let page = page.filter(|_| visitor.is_none());
        let sending = sending(&parts);
        let memo = Memo {
            started: Instant::now(),
            peer,
            request_id,
            protocol: service.protocol(),
            method: parts.method.clone(),
            // A copy, because a part of the head would keep all of it while the request waits.
            path: parts.uri.path().into(),
            sending,
            page: page.clone(),
        };
        let arrival = Arrival {
            body: RequestBody::Incoming(body, self.bodies.clone(), sending),
            request: parts,
            url,
            service,
            page,
            visitor,
            claim,
            peer: peer.ip(),
            request_id,
        };
        (Box::new(arrival), Box::new(memo))
    }

    /// Has a request answered by whoever it is for. All that leads there is gone before the wait: ten thousand may wait
    /// for functions that run.
    async fn pass_on(&self, mut arrival: Box<Arrival>) -> Result<Response, HandleError> {
        check_host(&arrival.request)?;
        if let Some(url) = arrival.url.take() {
            return Ok(Box::pin(self.visit(arrival.into_visit(url))).await);
        }
        if let Some(answer) = arrival.page.as_ref().map_or(Ok(None), Page::answer)? {
            return Ok(answer);
        }
        if let Some(visitor) = arrival.visitor.take() {
            return Box::pin(self.s3_visit(visitor, arrival)).await;
        }
        match Box::pin(self.handle(arrival)).await? {
            Handled::Answered(response) => Ok(response),
            Handled::Running(answer) => Ok(answer.await),
        }
    }

    /// Answers a request at a function URL.
    async fn visit(&self, visit: Visit) -> Response {
        let gate = Gate {
            authentication: self.config.authentication,
            book: &self.services.credentials,
            account: self.config.account,
        };
        function_url::handle(&self.function_urls, &gate, visit).await
    }

    /// Answers a request of a service, or has its function run.
    async fn handle(&self, arrival: Box<Arrival>) -> Result<Handled, HandleError> {
        if is_form_upload(&arrival) {
            return Ok(Box::pin(self.s3_form(*arrival)).await?.into());
        }
        let Arrival {
            request,
            body,
            service,
            claim,
            peer,
            request_id,
            ..
        } = *arrival;
        if let Some(answer) = admin::handle_public(&request) {
            return Ok(answer.into());
        }
        let received_at = Timestamp::now();
        let region = self.region(claim.as_ref().ok().and_then(Option::as_ref));
        let base_url = base_url(&request);
        let mut chunks = None;
        let (caller, body) = match self.config.authentication {
            // Objects are as long as they like, so their bytes are compared as they come.
            Authentication::Required if service == Service::S3 => {
                let claim = claim.map_err(AuthenticationError::Claim)?;
                let book = &self.services.credentials;
                let proven = authentication::prove_head(book, &request, claim, received_at)?;
                // Some buckets are open to everybody, which their policies say.
                let nobody = || (authentication::nobody(self.config.account), None);
                let (caller, seed) = proven.unwrap_or_else(nobody);
                chunks = seed;
                (caller, body)
            }
            Authentication::Required => {
                let claim = claim.map_err(AuthenticationError::Claim)?;
                let limit = body_limit(&service, &request);
                let book = &self.services.credentials;
                let proof = authentication::prove(book, &request, claim, body, limit, received_at);
                match Box::pin(proof).await {
                    Err(AuthenticationError::Body(ReadBodyError::TooLarge { actual, .. }))
                        if service == Service::Lambda =>
                    {
                        let refused = lambda::too_long(&request, actual).reply();
                        return Ok(lambda::response(refused).into());
                    }
                    proven => proven?,
                }
            }
            Authentication::AnyCredentials => {
                let claim = claim.ok().flatten();
                let account = self.config.account;
                let book = &self.services.credentials;
                (
                    authentication::assume(book, claim.as_ref(), account, received_at),
                    body,
                )
            }
        };
        let account = caller.account;
        let context = RequestContext {
            account,
            region,
            caller,
            peer,
            request_id,
            base_url,
            received_at,
        };
        if service == Service::S3 {
            let answered = self.s3_call(&context, request, body, chunks);
            return Ok(Box::pin(answered).await?.into());
        }
        if service == Service::Lambda {
            return Ok(self.lambda_call(&context, request, body).await?);
        }
        let answered = self.dispatch(service, &context, request, body);
        Ok(Box::pin(answered).await?.into())
    }

    async fn lambda_call(
        &self,
        context: &RequestContext,
        request: Parts,
        body: RequestBody,
    ) -> Result<Handled, ApiError> {
        let authorizer = self.authorizer(context, Protocol::RestJson);
        // Accounts are kept apart even where nothing else is enforced.
        if !authorizer.lets_all_through() || may_name_an_account(&request) {
            let view = self.lambda.control.view();
            let needed = lambda_permissions(view, context, &request, &body);
            authorizer.check_all(&needed)?;
        }
        lambda::handle(self, context, request, body).await
    }

    /// Answers what is no call of Lambda. Boxed by its caller: an invocation that waits is not to hold room for it.
    async fn dispatch(
        &self,
        service: Service,
        context: &RequestContext,
        request: Parts,
        body: RequestBody,
    ) -> Result<Response, ApiError> {
        match service {
            Service::Admin => {
                let (books, events) = (&self.services.books, self.services.lambda.events());
                admin::handle(books, events, context, &request).await
            }
            Service::Iam | Service::Sts | Service::UnknownQuery => {
                self.query_call(service, context, &request, body).await
            }
            Service::Logs => {
                let (target, body) = self.json_call(&service, &request, body).await?;
                let logs = &self.services.logs;
                let needed = logs_permissions(logs, context, &target, &body).await?;
                self.authorizer(context, service.protocol())
                    .check_all(&needed)?;
                logs::handle(&self.services, context, &target, &body).await
            }
            Service::Ssm => {
                let (target, body) = self.json_call(&service, &request, body).await?;
                let needed = ssm_permissions(context, &target, &body);
                self.authorizer(context, service.protocol())
                    .check_all(&needed)?;
                ssm::handle(&self.services.ssm, context, &target, &body).await
            }
            other => Err(not_offered(&other)),
        }
    }

    /// Reads the operation and the body of a JSON call.
    async fn json_call(
        &self,
        service: &Service,
        request: &Parts,
        body: RequestBody,
    ) -> Result<(String, Bytes), ApiError> {
        let target = target(request).and_then(|target| target.rsplit('.').next());
        let operation = target.unwrap_or_default().to_owned();
        let body = body.read(SMALL_BODY).await;
        let body = body.map_err(|error| authentication::body_error(service.protocol(), &error))?;
        Ok((operation, body))
    }

    /// Answers a call whose parameters stand in a form, or in the query of the URL.
    async fn query_call(
        &self,
        service: Service,
        context: &RequestContext,
        request: &Parts,
        body: RequestBody,
    ) -> Result<Response, ApiError> {
        let body = body.read(SMALL_BODY).await;
        let body = body.map_err(|error| authentication::body_error(service.protocol(), &error))?;
        let query = request.uri.query().unwrap_or_default();
        let form = Form::parse(&format!("{query}&{}", String::from_utf8_lossy(&body)));
        let service = match service {
            Service::UnknownQuery => Service::of_api_version(form.get("Version")),
            service => service,
        };
        let authorizer = self.authorizer(context, service.protocol());
        match service {
            Service::Iam => {
                let iam = &self.services.iam;
                authorizer.check(&iam_permission(iam, context, &form))?;
                iam::handle(iam, context, &form).await
            }
            _ => {
                let needed = sts_permission(context, &form);
                needed.map_or(Ok(()), |needed| authorizer.check(&needed))?;
                let keys = Occasion::of(self.services.iam.view(), context).keys();
                sts::handle(&self.services.sts, context, keys, &form)
            }
        }
    }

    /// Returns who decides what the caller of a request may do.
    pub(crate) fn authorizer<'a>(
        &'a self,
        context: &'a RequestContext,
        protocol: Protocol,
    ) -> Authorizer<'a> {
        Authorizer {
            view: self.services.iam.view(),
            enforcement: self.services.sts.enforcement(),
            context,
            protocol,
        }
    }

    fn region(&self, claim: Option<&Claim>) -> Region {
        let named = claim.and_then(|claim| claim.scope.region.parse().ok());
        named.unwrap_or_else(|| self.config.region.clone())
    }
}

/// Why a request was not handled, until it is known in which form to say so.
enum HandleError {
    Refused(AuthenticationError),
    Failed(ApiError),
}

impl HandleError {
    fn into_response(self, protocol: Protocol, request_id: RequestId) -> Response {
        let error = match self {
            Self::Failed(error) => error,
            Self::Refused(error) => {
                tracing::info!(%request_id, error = %crate::error::Chain(&error), "request refused");
                error.answer(protocol)
            }
        };
        protocol.error(&error, &request_id.to_string())
    }
}

impl From<AuthenticationError> for HandleError {
    fn from(error: AuthenticationError) -> Self {
        Self::Refused(error)
    }
}

impl From<ApiError> for HandleError {
    fn from(error: ApiError) -> Self {
        Self::Failed(error)
    }
}

fn function_urls(domain: UrlDomain, services: &Services) -> FunctionUrls {
    let iam = services.iam.view().clone();
    FunctionUrls::new(domain, &services.lambda, iam)
}

/// Tells whether a path may hold an ARN, whole or in part: only those name an account, and none is without a colon.
fn may_name_an_account(request: &Parts) -> bool {
    let path = request.uri.path();
    path.contains(':') || path.contains("%3A") || path.contains("%3a")
}

/// Tells whether a form in a web page uploads an object: it is not signed as other requests are.
fn is_form_upload(arrival: &Arrival) -> bool {
    let is_unsigned = matches!(arrival.claim, Ok(None));
    arrival.service == Service::S3 && is_unsigned && s3::FormUpload::is_one(&arrival.request)
}

fn body_limit(service: &Service, request: &Parts) -> usize {
    match service {
        Service::Lambda => lambda::body_limit(request),
        _ => SMALL_BODY,
    }
}

fn not_offered(service: &Service) -> ApiError {
    let text = match service {
        Service::Unknown { name, .. } => format!("Firelight does not offer the service '{name}'"),
        service => format!("Firelight does not offer the service {service:?} yet"),
    };
    ApiError::new(StatusCode::NOT_IMPLEMENTED, "NotImplementedException", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_answer<'door, F>(
        _: impl Fn(&'door Arc<FrontDoor>, Request<Incoming>, SocketAddr) -> F,
    ) -> usize {
        size_of::<F>()
    }

    /// Ten thousand clients may wait at once, and each holds such a future.
    #[test]
    fn a_waiting_request_is_small() {
        let bytes = size_of_answer(FrontDoor::answer);
        assert!(bytes <= 512, "{bytes}");
    }
}
