//! The front door over real sockets: raw HTTP in, raw HTTP out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should fail")]

mod iam;
mod lambda;
mod logs;
mod signed;
mod support;
mod wire;
