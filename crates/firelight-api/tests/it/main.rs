//! The front door over real sockets: raw HTTP in, raw HTTP out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should fail")]

mod function_url;
mod authorization;
mod hostile;
mod iam;
mod lambda;
mod logs;
mod script;
mod s3;
mod signed;
mod streaming;
mod ssm;
mod support;
mod wire;
