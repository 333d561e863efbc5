//! The front door: HTTP in, authenticated and routed requests to the services behind it.
//!
//! ```text
//!  server (connections) ──► front_door (service, caller) ──► lambda, iam, sts, ssm, logs, s3
//! ```
//!
//! It turns what is on the wire into domain calls and their outcomes into AWS's answers.
//!
//! Deliberately absent: SQL, sandboxes, and any state of its own.

mod admin;
mod arrival;
mod authentication;
mod authorization;
mod body;
mod body_budget;
mod browser;
mod context;
pub mod deliver;
mod error;
mod front_door;
pub mod function_url;
mod head;
mod iam;
pub mod lambda;
mod logs;
mod memo;
mod occasionally;
mod pace;
mod protocol;
mod s3;
mod server;
mod service;
mod sigv2;
pub mod sigv4;
mod ssm;
mod sts;
mod time;

pub use authentication::Authentication;
pub use body::{ReadBodyError, RequestBody, Response, ResponseBody, StreamError};
pub use body_budget::BodyBudget;
pub use context::RequestContext;
pub use error::{ApiError, Fault, MessageKey};
pub use front_door::{FrontDoor, FrontDoorConfig, Services};
pub use server::{ServerLimits, serve};
