//! Deployment packages: hostile zip archives in, read-only directories out.
//!
//! ```text
//!  zip ──inspect──► Plan ──► what it holds, or why it is refused
//!                    │
//!                    └──extract──► directory ──► cache: one for each digest, shared by all
//! ```
//!
//! Whoever uploads an archive is hostile. An archive is planned as a whole before the first file
//! is made; the plan holds only names that stay inside, each once, and nothing but directories,
//! regular files and symbolic links.
//!
//! Deliberately absent: functions and versions, AWS's error texts, and any trust in a size, a name
//! or a mode that an archive declares.

mod budget;
mod cache;
mod entry;
mod extract;
mod inspect;
mod path;
mod plan;
mod tree;

pub use cache::{
    CacheOptions, ExtractedPackages, OpenCacheError, PackageDirectory, ProvidePackageError,
};
pub use extract::{ExtractError, FileModes, extract};
pub use inspect::inspect;
pub use path::{EntryPath, NameProblem};
pub use plan::{InvalidPackage, Limits, PackageInfo};
