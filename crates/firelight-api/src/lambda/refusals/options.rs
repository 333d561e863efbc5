//! Options of functions, and code signing configs.

use firelight_control::{CodeSigningError, OptionError};
use firelight_wire::{ErrorCode, ErrorReply};

use super::{conflict, find, missing, store};

pub(crate) fn option(error: OptionError) -> ErrorReply {
    match error {
        OptionError::Find(error) => find(error),
        OptionError::NoSuchCodeSigningConfig { arn } => unknown_code_signing(&arn),
        OptionError::Store(error) => store(&error),
    }
}

pub(crate) fn unknown_code_signing(arn: &str) -> ErrorReply {
    let text = format!(
        "The code signing configuration cannot be found. \
         Check that the provided configuration is not deleted: {arn}."
    );
    ErrorReply::new(ErrorCode::CodeSigningConfigNotFound, text)
}

pub(crate) fn code_signing(error: CodeSigningError) -> ErrorReply {
    match error {
        CodeSigningError::NoSuchConfig { arn } => missing(format!(
            "The Lambda code signing configuration {arn} can not be found."
        ))
        .without_type(),
        CodeSigningError::InUse => {
            conflict("Cannot delete the code signing configuration because functions still use it.")
        }
        CodeSigningError::Store(error) => store(&error),
    }
}
