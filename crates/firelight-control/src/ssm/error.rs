//! How the SSM operations fail. They share one enum because they share their failures.

use firelight_model::ReservedTagKey;
use firelight_store::{CommitError, ReadError};

#[derive(Debug, thiserror::Error)]
pub enum SsmError {
    /// AWS says nothing more about it.
    #[error("")]
    NotFound,
    #[error(
        "Systems Manager could not find version {selector} of {name}. Verify the version and try \
         again."
    )]
    VersionNotFound { name: String, selector: String },
    #[error("A parameter version can have a maximum of ten labels.")]
    TooManyLabels,
    #[error(
        "You attempted to create a new version of {name} by calling the PutParameter API with the \
         overwrite flag. Version {oldest}, the oldest version, can't be deleted because it has a \
         label associated with it. Move the label to another version of the parameter, and try \
         again."
    )]
    OldestIsLabelled { name: String, oldest: u64 },
    #[error(
        "The parameter already exists. To overwrite this value, set the overwrite option in the \
         request to true."
    )]
    AlreadyExists,
    #[error("Parameter value, {value}, failed to satisfy the pattern, {pattern}")]
    PatternMismatch { value: String, pattern: String },
    #[error("{0}")]
    InvalidPattern(String),
    #[error("{0}")]
    Validation(String),
    #[error(transparent)]
    ReservedTag(#[from] ReservedTagKey),
    #[error("The maximum number of tags is 50.")]
    TooManyTags,
    #[error("There are concurrent updates for the parameter.")]
    TooManyUpdates,
    #[error("could not read the parameters")]
    Read(#[from] ReadError),
    #[error("could not store the parameter")]
    Commit(#[source] CommitError),
    #[error("a stored parameter is damaged")]
    Damaged(#[from] serde_json::Error),
}
