//! The harness of the end-to-end tests: the real binary on a free port, real clients, and a look at what is left.
//!
//! ```text
//!  TestEnvironment ─► firelight dev|serve (a process group and a data directory of its own)
//!        │                     ▲
//!        └─► AWS CLI, boto3, the AWS SDK for Rust, the firelight CLI
//! ```
//!
//! A test that cannot run on a machine says what it lacked ([`lacking`]) and returns; the summary of `make test`
//! lists it as skipped.
//!
//! Deliberately absent: knowledge of Firelight's inside. What is checked here, a stranger can check.

pub mod clients;
pub mod daemon;
pub mod environment;
pub mod lacking;
pub mod leftovers;
pub mod mutation;
pub mod package;
pub mod service;

pub use daemon::Flavor;
pub use environment::TestEnvironment;
pub use service::Service;
