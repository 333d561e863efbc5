//! A request on its way to whoever handles it.

use std::net::IpAddr;

use firelight_model::RequestId;
use http::request::Parts;
use jiff::Timestamp;

use crate::body::RequestBody;
use crate::browser::Page;
use crate::function_url::{UrlRequest, Visit};
use crate::s3::Visitor;
use crate::service::Service;
use crate::sigv4::{Claim, ClaimError};

/// A request, and what is known of it beside what it says.
pub(crate) struct Arrival {
    pub(crate) request: Parts,
    pub(crate) body: RequestBody,
    /// Set where it is for a function URL.
    pub(crate) url: Option<UrlRequest>,
    pub(crate) service: Service,
    pub(crate) page: Option<Page>,
    /// Set where the rules of a bucket are asked about the page.
    pub(crate) visitor: Option<Visitor>,
    pub(crate) claim: Result<Option<Claim>, ClaimError>,
    pub(crate) peer: IpAddr,
    pub(crate) request_id: RequestId,
}

impl Arrival {
    pub(crate) fn into_visit(self: Box<Self>, url: UrlRequest) -> Visit {
        Visit {
            url,
            request: self.request,
            body: self.body,
            claim: self.claim,
            peer: self.peer,
            request_id: self.request_id,
            received_at: Timestamp::now(),
        }
    }
}
