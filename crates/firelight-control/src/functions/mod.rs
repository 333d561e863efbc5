//! Functions and their versions: create, read, update, publish, delete.
//!
//! ```text
//!  create ──► Pending ──► Active ◄──► InProgress (old code runs on)
//!                │                        │
//!                └── completion (background) ┘
//! ```
//!
//! Code goes first: a package is stored as a blob before the record that names it is committed.

mod code;
mod create;
mod delete;
mod description;
mod package;
mod publish;
mod read;
mod settings;
mod update;

pub use code::{CodeError, NewCode};
pub use create::{CreateFunction, CreateFunctionError, CreationAnnouncement};
pub use delete::DeleteFunctionError;
pub use description::FunctionDescription;
pub use package::OpenCodeError;
pub use publish::{PublishVersion, PublishVersionError};
pub(crate) use read::behind;
pub use read::{FindError, Page};
pub use settings::{Settings, SettingsError, VpcSettings};
pub(crate) use update::is_current;
pub use update::{UpdateFunctionCode, UpdateFunctionConfiguration, UpdateFunctionError};
