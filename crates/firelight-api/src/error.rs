//! What a client is told when a request fails, before it is put into the form of a protocol.
//!
//! Handlers turn the errors of the domain into this one type; the log gets the whole chain there.

use std::borrow::Cow;

use http::StatusCode;

/// Who is to blame, as some error bodies say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    User,
    Service,
}

/// How the body of a rest-json error spells its message member; it differs by exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKey {
    Lower,
    Upper,
}

/// An error answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    pub status: StatusCode,
    /// The exception's name, such as `ResourceNotFoundException`.
    pub code: Cow<'static, str>,
    pub message: String,
    pub message_key: MessageKey,
    /// Stands as `Type` in rest-json bodies; absent where AWS leaves it out.
    pub fault: Option<Fault>,
    /// Further members of the body, such as `Reason` of a throttle.
    pub members: Vec<(Cow<'static, str>, String)>,
    /// The header `Retry-After`.
    pub retry_after_seconds: Option<u64>,
}

impl ApiError {
    /// Makes an error without `Type`, as those have that are in no service model.
    pub fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
            message_key: MessageKey::Lower,
            fault: None,
            members: Vec::new(),
            retry_after_seconds: None,
        }
    }

    /// Makes a 400.
    pub fn bad_request(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// The answer to a fault of ours; what happened stands in the log only.
    pub fn internal() -> Self {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self::new(status, "ServiceException", "An internal error occurred")
            .with_fault(Fault::Service)
            .with_upper_message()
    }

    /// Logs a fault of ours with its causes and answers it.
    pub fn internal_from(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error = %Chain(error), "request failed by a fault of ours");
        Self::internal()
    }

    #[must_use]
    pub fn with_fault(mut self, fault: Fault) -> Self {
        self.fault = Some(fault);
        self
    }

    #[must_use]
    pub fn with_upper_message(mut self) -> Self {
        self.message_key = MessageKey::Upper;
        self
    }

    #[must_use]
    pub fn with_member(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.members.push((name.into(), value.into()));
        self
    }
}

/// Prints an error with all its causes.
pub(crate) struct Chain<'a>(pub(crate) &'a (dyn std::error::Error + 'static));

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
