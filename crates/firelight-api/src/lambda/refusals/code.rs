//! Code: what comes as a package, from a bucket, or as the name of an image.

use firelight_control::CodeError;
use firelight_wire::{ErrorCode, ErrorReply};

use super::{invalid, trouble};
use crate::error::Chain;
use crate::lambda::function_input::ObjectError;

pub(super) fn code(error: CodeError) -> ErrorReply {
    match &error {
        CodeError::NotAZip(reason) => {
            tracing::debug!(error = %Chain(reason), "a package was refused");
            invalid(
                "Could not unzip uploaded file. Please check your file, then try to upload again.",
            )
        }
        CodeError::Empty => invalid("Uploaded file must be a non-empty zip"),
        CodeError::TooLargeUnzipped { limit_bytes } => invalid(format!(
            "Unzipped size must be smaller than {limit_bytes} bytes"
        )),
        CodeError::StorageExceeded { .. } => ErrorReply::new(
            ErrorCode::CodeStorageExceeded,
            "Code storage limit exceeded.",
        ),
        CodeError::ImageForZip => {
            invalid("Please don't provide ImageUri when updating a function with packageType Zip.")
        }
        CodeError::ZipForImage => {
            invalid("Please provide ImageUri when updating a function with packageType Image.")
        }
        CodeError::Put(_) | CodeError::Inspection(_) => trouble(&error),
    }
}

pub(crate) fn zip_too_large(limit_bytes: usize) -> ErrorReply {
    let text = format!("Zipped size must be smaller than {limit_bytes} bytes");
    ErrorReply::new(ErrorCode::RequestEntityTooLarge, text)
}

pub(crate) fn no_code() -> ErrorReply {
    invalid("Please provide a source for function code.")
}

pub(crate) fn two_sources() -> ErrorReply {
    invalid("Please do not provide other FunctionCode parameters when providing a ZipFile.")
}

pub(crate) fn object(error: ObjectError) -> ErrorReply {
    let ObjectError { code, message } = error;
    invalid(format!(
        "Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: {message}"
    ))
}
