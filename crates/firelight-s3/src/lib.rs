//! S3: buckets and objects over the store of records and the store of blobs.
//!
//! ```text
//!  request ──► body decoded (aws-chunked, digests) ──► operation (s3s) ──► records + blobs ──► answer
//! ```
//!
//! The generated protocol layer of the crate `s3s` reads requests and writes answers; what buckets and objects are is
//! decided here. Whoever sends a request has been authenticated before it gets here.
//!
//! Deliberately absent: signatures of requests, functions, and any bytes of an object in memory beyond one chunk.

mod api;
mod body;
mod checksum;
mod cors;
mod creation;
mod depot;
mod document;
mod endpoint;
mod fetch;
mod host;
mod intake;
mod record;
mod refusal;

pub use api::{CONTENT_HEADERS, tags_as_query};
pub use body::seal::{ChunkSeal, Sealed};
pub use cors::{CorsRules, PageRequest};
pub use depot::{Caller, Depot, Guard, ListBlobsError, Outside};
pub use endpoint::{BucketAccess, Endpoint, FindBucketError};
pub use host::bucket_of;
pub use refusal::Refusal;
