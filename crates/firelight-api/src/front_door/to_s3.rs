//! The way to S3: what its requests pass that no other's do.

use firelight_control::sts::{Caller, Identity};
use firelight_s3::{Guard, Refusal};
use http::request::Parts;
use jiff::Timestamp;

use super::{FrontDoor, HandleError};
use crate::arrival::Arrival;
use crate::authentication::{self, Authentication, AuthenticationError};
use crate::authorization::Permission;
use crate::body::{RequestBody, Response, ResponseBody};
use crate::context::RequestContext;
use crate::error::ApiError;
use crate::head::base_url;
use crate::lambda::Handled;
use crate::protocol::Protocol;
use crate::s3;
use crate::sigv4::ChunkSeed;

impl FrontDoor {
    /// Answers a page that uses a bucket, or is about to.
    pub(super) async fn s3_visit(
        &self,
        visitor: s3::Visitor,
        arrival: Box<Arrival>,
    ) -> Result<Response, HandleError> {
        let request_id = arrival.request_id;
        let access = self.services.s3.bucket_access(&visitor.bucket).await;
        let access = access.map_err(|error| ApiError::internal_from(&*error))?;
        let (mut response, headers) = match visitor.greet(access.as_ref())? {
            s3::Greeting::Permitted(headers) => (Response::new(ResponseBody::empty()), headers),
            s3::Greeting::Passes(headers) => {
                let response = match self.handle(arrival).await {
                    Ok(Handled::Answered(response)) => response,
                    Ok(Handled::Running(answer)) => answer.await,
                    Err(error) => error.into_response(Protocol::S3, request_id),
                };
                (response, headers)
            }
        };
        response.headers_mut().extend(headers);
        Ok(response)
    }

    /// Has an object uploaded from a form.
    pub(super) async fn s3_form(&self, arrival: Arrival) -> Result<Response, HandleError> {
        let Arrival { request, body, .. } = arrival;
        let received_at = Timestamp::now();
        let upload = s3::FormUpload::open(&request, body, received_at).await;
        let upload = upload.map_err(ApiError::from)?;
        let caller = self.form_sender(&upload, received_at)?;
        let context = RequestContext {
            account: caller.account,
            region: self.config.region.clone(),
            caller,
            peer: arrival.peer,
            request_id: arrival.request_id,
            base_url: base_url(&request),
            received_at,
        };
        let put = upload.into_put(&request).map_err(ApiError::from)?;
        let endpoint = &self.services.s3;
        let needed = s3::permissions(endpoint, &context, &put.head).await?;
        self.authorizer(&context, Protocol::S3).check_all(&needed)?;
        let acts_as = s3::acting_for(&context, &needed);
        let handed = s3::hand_over(endpoint, acts_as, put.head, put.file, None);
        Ok(match handed.await {
            Ok(answer) => put.wish.answer(answer),
            Err(refusal) => s3::refused(refusal, &context),
        })
    }

    /// Returns who signed the policy of a form, or nobody.
    fn form_sender(
        &self,
        upload: &s3::FormUpload,
        now: Timestamp,
    ) -> Result<Caller, AuthenticationError> {
        let (book, account) = (&self.services.credentials, self.config.account);
        match (self.config.authentication, upload.claim()) {
            (Authentication::Required, Some(claim)) => authentication::prove_form(book, claim, now),
            (Authentication::Required, None) => Ok(authentication::nobody(account)),
            (Authentication::AnyCredentials, claim) => {
                let key =
                    claim.map(|claim| (&*claim.access_key_id, claim.session_token.as_deref()));
                Ok(authentication::assume_key(book, key, account, now))
            }
        }
    }

    /// Has the endpoint answer a request of a proven caller, if it may be made.
    pub(super) async fn s3_call(
        &self,
        context: &RequestContext,
        request: Parts,
        body: RequestBody,
        chunks: Option<ChunkSeed>,
    ) -> Result<Response, ApiError> {
        let endpoint = &self.services.s3;
        let needed = s3::permissions(endpoint, context, &request).await?;
        let listing = s3::listing_behind(&needed, &request);
        let mut acts_as = s3::acting_for(context, &needed);
        if s3::names_keys_in_body(&needed, &request) {
            acts_as = acts_as.guarded_by(self.guard(context, needed));
        } else {
            self.authorizer(context, Protocol::S3).check_all(&needed)?;
        }
        check_overrides(context, &request)?;
        let refusal = match s3::handle(endpoint, acts_as, request, body, chunks).await {
            Ok(answer) => return Ok(answer),
            Err(refusal) => refusal,
        };
        // Only who may list a bucket is told that a key is not in it.
        if let Some(listing) = listing.filter(|_| refusal.code == "NoSuchKey") {
            self.authorizer(context, Protocol::S3).check(&listing)?;
        }
        Ok(s3::refused(refusal, context))
    }

    /// Returns who decides about each key that a body names.
    fn guard(&self, context: &RequestContext, needed: Vec<Permission>) -> Guard {
        let (door, context) = (self.clone(), context.clone());
        Guard::new(move |key, version| {
            let authorizer = door.authorizer(&context, Protocol::S3);
            let mut each = needed.iter().map(|it| s3::deletion(it, key, version));
            each.try_for_each(|permission| authorizer.check(&permission))
                .map_err(|error| Refusal::denied(error.message))
        })
    }
}

/// What nobody vouches for cannot be made to look like something else.
fn check_overrides(context: &RequestContext, request: &Parts) -> Result<(), ApiError> {
    let query = request.uri.query().unwrap_or_default();
    let overrides = query.split('&').any(|pair| pair.starts_with("response-"));
    if overrides && context.caller.identity == Identity::Anonymous {
        let text = "Request specific response headers cannot be used for anonymous GET requests.";
        return Err(ApiError::bad_request("InvalidRequest", text));
    }
    Ok(())
}
