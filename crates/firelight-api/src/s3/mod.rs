//! S3: who asks and what it needs is settled here; the crate firelight-s3 does the rest.
//!
//! Objects are as long as they like, so the signature of a request is checked before its body is
//! read, and the body against its signed digests while it is read.

mod access;
mod form;
mod keys;
mod pages;

use bytes::Bytes;
use firelight_s3::{Caller, ChunkSeal, Endpoint, Refusal, Sealed};
use futures_util::{Stream, TryStreamExt};
use http::StatusCode;
use http::request::Parts;
use http_body::Frame;
use http_body_util::StreamBody;

use crate::authorization::Permission;
use crate::body::{RequestBody, Response, ResponseBody};
use crate::context::RequestContext;
use crate::error::{ApiError, Chain};
use crate::protocol::Protocol;
use crate::sigv4::ChunkSeed;

pub(crate) use access::{deletion, listing_behind, names_keys_in_body, permissions};
pub(crate) use form::{FormClaim, FormUpload};
pub(crate) use pages::{Greeting, Visitor};

/// Returns whom a request acts as: whoever a bucket's policy lets in acts in the account that owns the bucket, and on
/// what it copies from in the account that owns that.
pub(crate) fn acting_for(context: &RequestContext, allowed: &[Permission]) -> Caller {
    let owner = |nth: usize| allowed.get(nth).map(|permission| permission.account);
    let account = owner(0).unwrap_or(context.account);
    let caller = Caller::new(account, context.region.to_string());
    match owner(1) {
        Some(source) => caller.copying_from(source),
        None => caller,
    }
}

/// Answers a request whose sender is proven and allowed to make it.
pub(crate) async fn handle(
    endpoint: &Endpoint,
    caller: Caller,
    request: Parts,
    body: RequestBody,
    seed: Option<ChunkSeed>,
) -> Result<Response, Refusal> {
    let pieces = body.into_stream().map_err(BrokenBody);
    hand_over(endpoint, caller, request, pieces, seed).await
}

/// Has the endpoint answer a request with this content.
pub(crate) async fn hand_over<E: Into<Refusal> + Send + 'static>(
    endpoint: &Endpoint,
    caller: Caller,
    request: Parts,
    pieces: impl Stream<Item = Result<Bytes, E>> + Send + Unpin + 'static,
    seed: Option<ChunkSeed>,
) -> Result<Response, Refusal> {
    let frames = pieces.map_ok(Frame::data);
    let request = http::Request::from_parts(request, StreamBody::new(frames));
    let answered = endpoint.answer(caller, seed.map(seal), request).await;
    answered.map(|answer| answer.map(ResponseBody::stream))
}

/// Which parts of the body are signed, the endpoint tells from the request.
fn seal(seed: ChunkSeed) -> ChunkSeal {
    let ChunkSeed {
        key,
        time,
        scope,
        signature,
    } = seed;
    ChunkSeal {
        key,
        time,
        scope,
        signature,
        sealed: Sealed::Nothing,
    }
}

/// Answers with a refusal.
pub(crate) fn refused(mut refusal: Refusal, context: &RequestContext) -> Response {
    let request_id = context.request_id;
    if let Some(source) = &refusal.source {
        tracing::error!(%request_id, error = %Chain(source.as_ref()), "S3 failed");
    }
    let status = refusal.status;
    let headers = std::mem::take(&mut refusal.headers);
    let error = ApiError::from(refusal);
    let mut response = Protocol::S3.error(&error, &request_id.to_string());
    response.headers_mut().extend(headers);
    if status == StatusCode::NOT_MODIFIED {
        *response.body_mut() = ResponseBody::empty();
    }
    response
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let mut error = Self::new(refusal.status, refusal.code, refusal.message);
        let members = refusal.members.into_iter();
        error.members = members.map(|(name, value)| (name.into(), value)).collect();
        error
    }
}

/// A body that stopped coming.
#[derive(Debug)]
struct BrokenBody(std::io::Error);

impl From<BrokenBody> for Refusal {
    fn from(error: BrokenBody) -> Self {
        tracing::debug!(error = %error.0, "the body of a request broke off");
        if error.0.kind() == std::io::ErrorKind::TimedOut {
            Self::idle()
        } else {
            Self::incomplete_body()
        }
    }
}
