//! Web pages that use a bucket from a browser: the rules of the bucket say which may.
//!
//! ```text
//!  preflight ──► rules of the bucket ──► permission, or refusal
//!  request ────► rules of the bucket ──► handled as any other ──► answer, open to the page or not
//! ```

use firelight_s3::{BucketAccess, CorsRules, PageRequest};
use http::header::{ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};

use super::access::decoded_name;
use crate::browser::Page;
use crate::error::ApiError;

/// A page with a request for a bucket, or whoever asks beforehand as browsers do for one.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    pub(crate) bucket: String,
    is_about_object: bool,
    origin: Option<String>,
    /// Asked before the request itself is sent.
    is_preflight: bool,
    method: String,
    headers: Option<String>,
    page: Option<Page>,
}

/// What becomes of a visitor.
pub(crate) enum Greeting {
    /// The preflight is answered with these headers.
    Permitted(HeaderMap),
    /// The request is handled, and its answer gets these headers.
    Passes(HeaderMap),
}

impl Visitor {
    /// Returns who is behind a request for a bucket; `None` where there is no page and no preflight.
    pub(crate) fn behind(request: &Parts, page: Option<Page>) -> Option<Self> {
        let is_preflight = request.method == Method::OPTIONS;
        if page.is_none() && !is_preflight {
            return None;
        }
        let name = decoded_name(request);
        let (bucket, key) = name.split_once('/').unwrap_or((&name, ""));
        if bucket.is_empty() {
            return None;
        }
        let header = |name| Some(request.headers.get(name)?.to_str().ok()?.to_owned());
        let method = match is_preflight {
            true => header(ACCESS_CONTROL_REQUEST_METHOD).unwrap_or_default(),
            false => request.method.to_string(),
        };
        Some(Self {
            bucket: bucket.to_owned(),
            is_about_object: !key.is_empty(),
            origin: header(ORIGIN),
            is_preflight,
            method,
            headers: header(ACCESS_CONTROL_REQUEST_HEADERS).filter(|_| is_preflight),
            page,
        })
    }

    /// Decides by the rules of the bucket, if there is such a bucket.
    pub(crate) fn greet(&self, access: Option<&BucketAccess>) -> Result<Greeting, ApiError> {
        if self.is_preflight {
            return self.permit(access).map(Greeting::Permitted);
        }
        let rules = access.and_then(BucketAccess::cors_rules);
        match rules.and_then(|rules| rules.allow(&self.request()?)) {
            Some(headers) => Ok(Greeting::Passes(headers)),
            // A page that the rules do not know may send what it likes, and reads no answer.
            None => self
                .page
                .as_ref()
                .map_or(Ok(()), Page::check_welcome)
                .map(|()| Greeting::Passes(HeaderMap::new())),
        }
    }

    fn permit(&self, access: Option<&BucketAccess>) -> Result<HeaderMap, ApiError> {
        let request = self.request().ok_or_else(|| {
            bad_request("Insufficient information. Origin request header needed.")
        })?;
        if !CorsRules::knows_method(&self.method) {
            let method = match self.method.as_str() {
                "" => "null",
                method => method,
            };
            let text = format!("Invalid Access-Control-Request-Method: {method}");
            return Err(bad_request(&text));
        }
        let access = access.ok_or_else(|| self.forbidden("Bucket not found"))?;
        let rules = access
            .cors_rules()
            .ok_or_else(|| self.forbidden("CORS is not enabled for this bucket."))?;
        rules.allow(&request).ok_or_else(|| {
            self.forbidden(
                "This CORS request is not allowed. This is usually because the evalution of \
                 Origin, request method / Access-Control-Request-Method or \
                 Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.",
            )
        })
    }

    fn request(&self) -> Option<PageRequest<'_>> {
        Some(PageRequest {
            origin: self.origin.as_deref()?,
            method: &self.method,
            asked_headers: self.headers.as_deref(),
        })
    }

    fn forbidden(&self, reason: &str) -> ApiError {
        let kind = match self.is_about_object {
            true => "OBJECT",
            false => "BUCKET",
        };
        let text = format!("CORSResponse: {reason}");
        ApiError::new(StatusCode::FORBIDDEN, "AccessForbidden", text)
            .with_member("Method", self.method.as_str())
            .with_member("ResourceType", kind)
    }
}

fn bad_request(text: &str) -> ApiError {
    ApiError::bad_request("BadRequest", text)
}
