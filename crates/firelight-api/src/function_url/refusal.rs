//! What a client of a function URL is told when the function does not answer.

use firelight_wire::{ErrorCode, ErrorReply};
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use http::{HeaderName, StatusCode};
use serde_json::{Value, json};

use super::answer::{MalformedResult, NoBeginning};
use crate::body::{ReadBodyError, Response, ResponseBody};
use crate::error::Chain;
use crate::lambda;
use crate::protocol::rest_json_answer;

const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const FORBIDDEN: &str = "Forbidden. For troubleshooting Function URL authorization issues, see: \
    https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html";

/// Why a request to a function URL has no answer of the function.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("no function has this URL")]
    UnknownUrl,
    #[error("nothing allows the caller to invoke the function through its URL")]
    Forbidden,
    /// The answer says why the signature proves nothing.
    #[error("the caller is not proven")]
    Unproven(Box<Response>),
    #[error("function URLs do not take this method")]
    Method,
    #[error("function URLs do not become another protocol")]
    Upgrade,
    #[error("could not read the body")]
    Body(#[source] ReadBodyError),
    #[error("the function was not invoked")]
    NotInvoked(#[source] ErrorReply),
    #[error("the function failed")]
    FunctionError,
    #[error("the function's result makes no answer")]
    Malformed(#[from] MalformedResult),
    #[error("nobody knows how the invocation ended")]
    Lost,
    #[error("the response did not begin")]
    NoBeginning(#[from] NoBeginning),
}

impl Refusal {
    /// Renders the answer; the log gets the causes.
    pub(super) fn into_response(self) -> Response {
        tracing::debug!(error = %Chain(&self), "function URL refused");
        match self {
            Self::UnknownUrl => access_denied(Value::Null),
            Self::Forbidden => access_denied(FORBIDDEN.into()),
            Self::Unproven(response) => *response,
            Self::Method => method_not_allowed(),
            Self::Upgrade => refused(
                "BadRequestException",
                "Function URLs do not support upgrades.",
            ),
            Self::Body(error) => unread(&error),
            Self::NotInvoked(reply) => lambda::response(reply.reply()),
            Self::FunctionError | Self::Malformed(_) | Self::Lost | Self::NoBeginning(_) => {
                bad_gateway()
            }
        }
    }
}

fn access_denied(message: Value) -> Response {
    let body = json!({ "Message": message });
    let mut response = rest_json_answer(StatusCode::FORBIDDEN, &body);
    let code = HeaderValue::from_static("AccessDeniedException");
    response.headers_mut().insert(ERROR_TYPE, code);
    response
}

fn refused(code: &'static str, message: &str) -> Response {
    let body = json!({ "Message": message });
    let mut response = rest_json_answer(StatusCode::BAD_REQUEST, &body);
    let code = HeaderValue::from_static(code);
    response.headers_mut().insert(ERROR_TYPE, code);
    response
}

fn method_not_allowed() -> Response {
    let mut response = Response::new(ResponseBody::empty());
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    let allowed = HeaderValue::from_static("GET, POST, PUT, HEAD, OPTIONS, PATCH, DELETE");
    response.headers_mut().insert(ALLOW, allowed);
    response
}

fn unread(error: &ReadBodyError) -> Response {
    match error {
        ReadBodyError::TooLarge { limit, .. } => {
            let text = format!("Request must be smaller than {limit} bytes");
            let reply = ErrorReply::new(ErrorCode::RequestEntityTooLarge, text);
            lambda::response(reply.reply())
        }
        ReadBodyError::NoRoom => lambda::response(lambda::refusals::no_room().reply()),
        ReadBodyError::Idle | ReadBodyError::Malformed(_) | ReadBodyError::Broken(_) => {
            refused("BadRequestException", "Could not read the request body.")
        }
    }
}

/// What the function did wrong is not told to the world.
fn bad_gateway() -> Response {
    let mut response = Response::new(ResponseBody::from("Internal Server Error"));
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    let text = HeaderValue::from_static("text/plain");
    response.headers_mut().insert(CONTENT_TYPE, text);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(refusal: Refusal) -> (u16, Option<String>, String) {
        let response = refusal.into_response();
        let kind = response.headers().get(ERROR_TYPE);
        let kind = kind.map(|value| value.to_str().unwrap().to_owned());
        let ResponseBody::Whole(body) = response.body() else {
            panic!("a refusal is no stream");
        };
        let body = body.clone().unwrap_or_default().to_vec();
        let status = response.status().as_u16();
        (status, kind, String::from_utf8(body).unwrap())
    }

    #[test]
    fn unknown_url_and_missing_permission_differ_by_their_message() {
        let denied = Some("AccessDeniedException".to_owned());

        let unknown = r#"{"Message":null}"#.to_owned();
        assert_eq!(seen(Refusal::UnknownUrl), (403, denied.clone(), unknown));
        let forbidden = r#"{"Message":"Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"}"#;
        assert_eq!(
            seen(Refusal::Forbidden),
            (403, denied, forbidden.to_owned())
        );
    }

    #[test]
    fn whatever_the_function_did_wrong_is_a_bad_gateway() {
        let text = "Internal Server Error".to_owned();

        assert_eq!(seen(Refusal::FunctionError), (502, None, text.clone()));
        let malformed = Refusal::Malformed(MalformedResult::Status { status: 99 });
        assert_eq!(seen(malformed), (502, None, text));
    }

    #[test]
    fn throttle_is_told_with_its_reason() {
        let reply = ErrorReply::new(ErrorCode::TooManyRequests, "Rate Exceeded.")
            .with("Reason", "ConcurrentInvocationLimitExceeded");

        let (status, _, body) = seen(Refusal::NotInvoked(reply));

        assert_eq!(status, 429);
        assert_eq!(
            body,
            r#"{"Reason":"ConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}"#
        );
    }
}
