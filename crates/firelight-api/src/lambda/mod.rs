//! The Lambda API: paths to operations, operations to answers.

use http::StatusCode;
use http::request::Parts;

use crate::body::{RequestBody, Response};
use crate::context::RequestContext;
use crate::error::{ApiError, Fault};
use crate::front_door::FrontDoor;

/// The longest request of the API: a function with its package inline.
const MAX_BODY: usize = 70_167_211;

/// What the operations of Lambda reach. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Lambda {}

/// Returns how long the body of a request may be.
pub(crate) fn body_limit(_request: &Parts) -> usize {
    MAX_BODY
}

/// Answers a request of the Lambda API.
pub(crate) async fn handle(
    _door: &FrontDoor,
    _context: &RequestContext,
    request: Parts,
    _body: RequestBody,
) -> Result<Response, ApiError> {
    let text = format!("{} {} is not built yet", request.method, request.uri.path());
    let error = ApiError::new(StatusCode::NOT_IMPLEMENTED, "NotImplementedException", text);
    Err(error.with_fault(Fault::Service))
}
