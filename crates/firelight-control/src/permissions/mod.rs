//! Resource policies: who else may use a function, a version, an alias or a layer version.
//!
//! A policy lies in the record of what it protects, and its revision id is that resource's own: adding a permission
//! renews the revision of the function.

mod function;
mod layer;
mod statement;
mod whole;

pub use function::{AddPermission, PolicyDescription, PolicyError, RemovePermission};
pub use layer::{AddLayerPermission, LayerPolicyError, RemoveLayerPermission};
pub use statement::{Conditions, InvalidPrincipal, Principal};
pub use whole::{PutResourcePolicy, ResourcePolicyError};

/// What a policy document may have at most.
const LIMIT_BYTES: usize = 20_480;
