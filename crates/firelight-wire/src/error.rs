//! Errors as AWS renders them: the code in a header, the text under a key that differs by code.

use std::fmt;

use serde_json::{Map, Value};

use crate::generated::errors::ErrorCode;
use crate::reply::{JSON, Reply};
use crate::router::RouteError;

/// How one exception is rendered.
pub(crate) struct ErrorInfo {
    pub(crate) name: &'static str,
    pub(crate) status: u16,
    /// The body member that carries the text: `message` or `Message`.
    pub(crate) message_key: &'static str,
    pub(crate) has_type: bool,
}

impl ErrorCode {
    /// Returns the name of the exception, as in `ResourceNotFoundException`.
    pub fn name(self) -> &'static str {
        self.info().name
    }

    /// Returns the status it is answered with.
    pub fn status(self) -> u16 {
        self.info().status
    }

    /// Returns the body member that carries the text: `message` or `Message`.
    pub fn message_key(self) -> &'static str {
        self.info().message_key
    }

    /// Returns whether the body usually has a `Type` member.
    pub fn has_type(self) -> bool {
        self.info().has_type
    }
}

/// An answer that is an error.
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorReply {
    pub code: ErrorCode,
    pub message: String,
    /// Whether the body has a `Type` member, which some answers lack against the rule.
    has_type: bool,
    /// Rare, and boxed because errors are returned by value everywhere.
    extra: Box<Extra>,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Extra {
    members: Map<String, Value>,
    headers: Vec<(&'static str, String)>,
}

impl ErrorReply {
    /// An error with the usual body of its code.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            has_type: code.info().has_type,
            extra: Box::default(),
        }
    }

    /// Adds a member to the body, such as the `Reason` of a throttle.
    #[must_use]
    pub fn with(mut self, member: &'static str, value: impl Into<Value>) -> Self {
        self.extra.members.insert(member.to_owned(), value.into());
        self
    }

    /// Adds a header, such as `Retry-After`.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.extra.headers.push((name, value.into()));
        self
    }

    /// Leaves the `Type` member out, for the answers that were recorded without it.
    #[must_use]
    pub fn without_type(mut self) -> Self {
        self.has_type = false;
        self
    }

    /// Renders status, headers and body.
    pub fn reply(&self) -> Reply {
        let info = self.code.info();
        let mut headers = vec![("Content-Type", JSON.to_owned())];
        headers.push(("x-amzn-ErrorType", info.name.to_owned()));
        headers.extend(self.extra.headers.iter().cloned());
        Reply {
            status: info.status,
            headers,
            body: self.body(info),
        }
    }

    fn body(&self, info: &ErrorInfo) -> Vec<u8> {
        let mut members = self.extra.members.clone();
        if self.has_type {
            let fault = if info.status < 500 { "User" } else { "Service" };
            members.insert("Type".to_owned(), fault.into());
        }
        members.insert(info.message_key.to_owned(), self.message.as_str().into());
        Value::Object(members).to_string().into_bytes()
    }
}

/// Why a request could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestError {
    /// A value has the wrong type, or the body is no JSON.
    Serialization(String),
    /// Values violate their constraints; the message lists all of them.
    Validation(String),
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Serialization(message) | Self::Validation(message)) = self;
        f.write_str(message)
    }
}

impl std::error::Error for RequestError {}

impl fmt::Display for ErrorReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.name(), self.message)
    }
}

impl std::error::Error for ErrorReply {}

impl From<RequestError> for ErrorReply {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Serialization(message) => Self::new(ErrorCode::Serialization, message),
            RequestError::Validation(message) => Self::new(ErrorCode::Validation, message),
        }
    }
}

impl From<RouteError> for ErrorReply {
    /// AWS tells neither case from the other, and both from a lack of permission only by the text.
    fn from(_: RouteError) -> Self {
        let message = "Unable to determine service/operation name to be authorized";
        Self::new(ErrorCode::AccessDenied, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(error: &ErrorReply) -> (u16, String) {
        let reply = error.reply();
        (reply.status, String::from_utf8(reply.body).unwrap())
    }

    #[test]
    fn the_key_of_the_text_and_the_type_member_differ_by_code() {
        let cases = [
            (
                ErrorCode::ResourceNotFound,
                404,
                r#"{"Type":"User","Message":"m"}"#,
            ),
            (
                ErrorCode::ResourceConflict,
                409,
                r#"{"Type":"User","message":"m"}"#,
            ),
            (
                ErrorCode::Service,
                500,
                r#"{"Type":"Service","Message":"m"}"#,
            ),
            (ErrorCode::Validation, 400, r#"{"message":"m"}"#),
            (ErrorCode::AccessDenied, 403, r#"{"Message":"m"}"#),
            (
                ErrorCode::NotImplemented,
                501,
                r#"{"Type":"Service","message":"m"}"#,
            ),
        ];
        for (code, status, body) in cases {
            assert_eq!(
                rendered(&ErrorReply::new(code, "m")),
                (status, body.to_owned())
            );
        }
    }

    #[test]
    fn a_throttle_carries_its_reason_and_when_to_retry() {
        let error = ErrorReply::new(ErrorCode::TooManyRequests, "Rate Exceeded.")
            .with(
                "Reason",
                "ReservedFunctionConcurrentInvocationLimitExceeded",
            )
            .with_header("Retry-After", "1");

        let reply = error.reply();

        assert_eq!(reply.status, 429);
        assert_eq!(
            reply.header("x-amzn-ErrorType"),
            Some("TooManyRequestsException")
        );
        assert_eq!(reply.header("Retry-After"), Some("1"));
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(
            body["Reason"],
            "ReservedFunctionConcurrentInvocationLimitExceeded"
        );
        assert_eq!(body["message"], "Rate Exceeded.");
    }

    #[test]
    fn the_type_member_can_be_left_out() {
        let error = ErrorReply::new(ErrorCode::InvalidParameterValue, "m").without_type();

        assert_eq!(rendered(&error), (400, r#"{"message":"m"}"#.to_owned()));
    }
}
