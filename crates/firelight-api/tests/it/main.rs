//! The front door over real sockets: raw HTTP in, raw HTTP out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should fail")]

mod authorization;
mod browser;
mod conditions;
mod cross_account;
mod deliver;
mod framing;
mod function_url;
mod groups;
mod hostile;
mod iam;
mod lambda;
mod log_filters;
mod logs;
mod reserved_tags;
mod s3;
mod s3_forms;
mod s3_pages;
mod s3_public;
mod s3_signed;
mod script;
mod signed;
mod ssm;
mod streaming;
mod support;
mod wire;
