//! Runtimes: AWS's identifiers as data, the interpreters of this host, and the bootstraps of ours that run handlers.
//!
//! ```text
//!  "python3.12" ──► catalogue ──► Inventory: which interpreter ──► plan ──► mounts, program, arguments, variables
//!                                     ▲                              ▲
//!                          search of the host, [runtimes]      Layout: bootstraps as /var/runtime
//! ```
//!
//! An interpreter of the wanted version is there, is mapped openly by the configuration, or is an error that names
//! what is there. There is no silent substitute.
//!
//! A runtime of ours may also be started before it is known for which function: see [`ahead`](fn@ahead).
//!
//! Deliberately absent: sandboxes and processes. A [`Plan`] says what to start; the data plane starts it.

mod ahead;
pub mod catalogue;
mod discovery;
mod ground;
mod interpreter;
mod layout;
mod plan;
mod variables;

pub use ahead::{Ahead, Refusal, ahead, brings_libraries};
pub use catalogue::{Date, Family, Machine, Runtime};
pub use discovery::SearchPaths;
pub use ground::Ground;
pub use interpreter::{Interpreter, Inventory, MappingError, MissingInterpreter, Version};
pub use layout::{Layout, LayoutError};
pub use plan::{Bootstrap, Plan, find_bootstrap, plan, plan_extension};
pub use variables::{
    Credentials, FunctionFacts, InitializationType, LogDestination, LogFormat, RUNTIME_API_ADDRESS,
};
