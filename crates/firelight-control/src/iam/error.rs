//! How the IAM operations fail. They share one enum because they share nearly all their failures.

use firelight_iam::MalformedPolicy;
use firelight_model::ReservedTagKey;
use firelight_store::{CommitError, ReadError};

use super::record::EntityKind;
use crate::view::ViewStopped;

#[derive(Debug, thiserror::Error)]
pub enum IamError {
    #[error("The {} with name {name} cannot be found.", kind.as_str())]
    NoSuchEntity { kind: EntityKind, name: String },
    #[error("The {} policy with name {name} cannot be found.", kind.as_str())]
    NoSuchInlinePolicy { kind: EntityKind, name: String },
    #[error("Policy {arn} was not found.")]
    NoSuchPolicy { arn: String },
    #[error("Policy {arn} does not exist or is not attachable.")]
    NotAttachable { arn: String },
    #[error("Policy {arn} version {version} does not exist or is not attachable.")]
    NoSuchVersion { arn: String, version: String },
    #[error("The Access Key with id {access_key_id} cannot be found.")]
    NoSuchAccessKey { access_key_id: String },
    #[error("{} with name {name} already exists.", kind.capitalized())]
    EntityExists { kind: EntityKind, name: String },
    #[error("A policy called {name} already exists. Duplicate names are not allowed.")]
    PolicyExists { name: String },
    #[error("{0}")]
    DeleteConflict(DeleteConflict),
    #[error("{0}")]
    LimitExceeded(String),
    #[error(transparent)]
    MalformedPolicy(#[from] MalformedPolicy),
    #[error("{0}")]
    Validation(String),
    #[error("{0}")]
    InvalidInput(String),
    #[error(transparent)]
    ReservedTag(#[from] ReservedTagKey),
    #[error("Too many changes at once, please try again.")]
    ConcurrentModification,
    #[error("could not read what is stored")]
    Read(#[from] ReadError),
    #[error("could not store the change")]
    Commit(#[source] CommitError),
    #[error("a stored record is damaged")]
    Damaged(#[from] serde_json::Error),
    #[error(transparent)]
    View(#[from] ViewStopped),
}

/// What still refers to a thing that is to be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeleteConflict {
    #[error("Cannot delete entity, must detach all policies first.")]
    AttachedPolicies,
    #[error("Cannot delete entity, must delete policies first.")]
    InlinePolicies,
    #[error("Cannot delete entity, must remove referenced objects first.")]
    AccessKeys,
    #[error("Cannot delete entity, must remove users from group first.")]
    Membership,
    #[error("Cannot delete a policy attached to entities.")]
    PolicyInUse,
    #[error(
        "This policy has more than one version. Before you delete a policy, you must delete the \
         policy's versions. The default version is deleted with the policy."
    )]
    PolicyVersions,
    #[error("Cannot delete the default version of a policy.")]
    DefaultVersion,
}
