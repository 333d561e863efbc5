//! The shapes of the Lambda API on the wire: routing, parsing, constraint checks, rendering.
//!
//! ```text
//!  method, path, query ──route──► Operation, Labels
//!  labels, query, headers, body ──parse──► typed request      or RequestError ──► Reply
//!  typed response ──reply──► Reply          ErrorReply ──► Reply
//! ```
//!
//! Shapes, descriptors and routes under `generated` come from a table (`cargo xtask codegen`).
//! The rest is small and knows only descriptors.
//!
//! Deliberately absent: our domain, sockets, signatures. Payloads of the invoke operations stay
//! with the front door as bytes; nothing here looks at them.
//!
//! # How a handler uses it
//! ```
//! use firelight_wire::shapes::{GetFunctionConcurrencyRequest, GetFunctionConcurrencyResponse};
//! use firelight_wire::{ErrorCode, ErrorReply, Operation, RequestParts, parse, route};
//!
//! let path = "/2019-09-30/functions/resize%3Aprod/concurrency";
//! let found = route("GET", path, None)?;
//! assert_eq!(found.operation, Operation::GetFunctionConcurrency);
//!
//! let parts = RequestParts { labels: &found.labels, query: None, header: &|_| None, body: b"" };
//! let request: GetFunctionConcurrencyRequest = parse(&parts)?;
//! assert_eq!(request.function_name, "resize:prod");
//!
//! let response = GetFunctionConcurrencyResponse { reserved_concurrent_executions: Some(5) };
//! let reply = found.operation.reply(&response);
//! assert_eq!(reply.status, 200);
//! assert_eq!(reply.body, br#"{"ReservedConcurrentExecutions":5}"#);
//!
//! let missing = ErrorReply::new(ErrorCode::ResourceNotFound, "Function not found: resize");
//! assert_eq!(missing.reply().status, 404);
//! # Ok::<(), ErrorReply>(())
//! ```

mod blob;
mod codec;
mod conform;
mod constraint;
mod error;
mod generated;
mod operation;
mod pattern;
mod percent;
mod query;
mod reply;
mod request;
mod router;
mod schema;
mod show;
mod timestamp;
mod validate;

pub use blob::Blob;
pub use codec::Decode;
pub use error::{ErrorReply, RequestError};
pub use generated::errors::ErrorCode;
pub use generated::operations::Operation;
pub use generated::shapes;
pub use query::{query_value, query_values};
pub use reply::{Reply, Response};
pub use request::{Request, RequestParts, check, parse};
pub use router::{Labels, RouteError, Routed, route};
pub use timestamp::Timestamp;
