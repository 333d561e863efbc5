//! From a directory to a deployment package.
//!
//! ```text
//!  directory ──► PackageFiles (what belongs in) ──► zip
//!                      └──► Detected (runtime family, handler)
//! ```
//!
//! Deliberately absent: the API. Whether a function is created or updated is the command's business.

mod archive;
mod detect;
mod files;
mod libraries;
mod machine;

pub use archive::zip;
pub use detect::{DetectError, Detected, detect};
pub use files::{FilesError, PackageFiles};
pub use libraries::missing_libraries;
pub use machine::{other_machine, program_architecture};
