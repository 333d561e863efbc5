//! What is known of an operation.

use crate::generated::operations::Operation;
use crate::schema::Shape;

/// How one operation is bound to HTTP.
pub(crate) struct OperationInfo {
    pub(crate) name: &'static str,
    pub(crate) method: &'static str,
    pub(crate) uri: &'static str,
    /// Status of success, unless the response says otherwise.
    pub(crate) status: u16,
    pub(crate) input: &'static Shape,
}

impl Operation {
    /// Returns the name, as in `CreateFunction`.
    pub fn name(self) -> &'static str {
        self.info().name
    }

    /// Returns the HTTP method.
    pub fn method(self) -> &'static str {
        self.info().method
    }

    /// Returns the path template, as in `/2015-03-31/functions/{FunctionName}`.
    pub fn uri(self) -> &'static str {
        self.info().uri
    }

    /// Returns the status of success.
    pub fn status(self) -> u16 {
        self.info().status
    }
}
